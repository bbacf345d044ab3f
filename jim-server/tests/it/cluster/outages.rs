//! A database that is down or hangs: refused clearly and soon, nothing half done, and all well again by itself.

use std::time::Duration;

use futures_util::future::join_all;
use jim_core::id::{RoomId, UserId};
use jim_core::repo::RoomLogRepo as _;
use jim_core::store::mongo::{MongoOptions, MongoRoomLog};
use jim_core::store::sql::{MySqlOptions, MySqlStore};
use jim_core::testkit::fixtures;
use serde_json::json;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::support::{Engine, Person, Proxy, Server, Socket, Way, friends_at, within};

/// Two nodes on engines of their own.
struct Town {
    store: Engine,
    rooms: Engine,
    _bus: Engine,
    server: Server,
    ann: Person,
    ben: Person,
}

impl Town {
    async fn start() -> Town {
        let (store, rooms, bus) =
            (Engine::start("mariadb").await, Engine::start("mongo").await, Engine::start("redis").await);
        store.make_database("jim").await;
        let settings = [
            ("store.url", format!("mysql://root@127.0.0.1:{}/jim", store.port())),
            ("rooms.url", format!("mongodb://127.0.0.1:{}/jim?directConnection=true", rooms.port())),
            ("bus.url", format!("redis://127.0.0.1:{}", bus.port())),
        ];
        let server = Server::nodes(2, &settings).await;
        let (ann, ben) = friends_at(&server).await;
        Town { store, rooms, _bus: bus, server, ann, ben }
    }

    /// A send is refused within five seconds, with the time after which to ask again; says its code.
    async fn refused(&self, client_ref: &str) {
        let began = Instant::now();
        let answer = self.ann.say(&self.ann.room(&self.ben), client_ref, "hello").await;
        answer.refused(503, "service.unavailable");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    /// `/health/ready` names the part that is down, and `/health/live` is not moved by it.
    async fn names(&self, part: &str) {
        within(Duration::from_secs(5), part, async || {
            let ready = self.server.stranger().get("//health/ready").await;
            (ready.status == 503 && ready.json()["parts"][part] == "down").then_some(())
        })
        .await;
        assert_eq!(self.server.stranger().get("//health/live").await.status, 200);
    }

    /// All is well within seconds, without a restart: what was refused is sent once, and comes on the socket.
    async fn recovers(&self, client_ref: &str, socket: &mut Socket) {
        let room = self.ann.room(&self.ben);
        let sent = within(Duration::from_secs(15), "a send is answered", async || {
            let answer = self.ann.say(&room, client_ref, "hello").await;
            [200, 201].contains(&answer.status).then(|| answer.json())
        })
        .await;
        socket.until(&room, sent["seq"].as_i64().unwrap()).await;
        within(Duration::from_secs(10), "ready", async || {
            (self.server.stranger().get("//health/ready").await.status == 200).then_some(())
        })
        .await;
        let history = self.ben.whole_history(&room).await;
        let same = history.iter().filter(|entry| entry["data"]["client_ref"] == client_ref).count();
        assert_eq!(same, 1, "{history:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_or_frozen_is_refused_within_five_seconds_and_comes_back_by_itself() {
    let mut town = Town::start().await;
    let mut socket = town.ben.socket().await;
    town.rooms.kill();
    town.refused("rooms-killed").await;
    town.names("logs").await;
    town.rooms.restart().await;
    town.recovers("rooms-killed", &mut socket).await;

    town.store.kill();
    town.refused("store-killed").await;
    town.names("store").await;
    town.store.restart().await;
    town.recovers("store-killed", &mut socket).await;

    town.rooms.freeze();
    town.refused("rooms-frozen").await;
    town.names("logs").await;
    town.rooms.thaw();
    town.recovers("rooms-frozen", &mut socket).await;

    town.store.freeze();
    town.refused("store-frozen").await;
    town.names("store").await;
    town.store.thaw();
    town.recovers("store-frozen", &mut socket).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_while_others_wait_for_a_frozen_database_is_refused_within_five_seconds_too() {
    let town = Town::start().await;
    town.server.stick();
    town.rooms.freeze();
    let turns = ["first", "second", "third"].into_iter().zip(0..);
    join_all(turns.map(async |(client_ref, turn)| {
        sleep(Duration::from_millis(100) * turn).await;
        town.refused(client_ref).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_while_the_room_logs_were_down_is_finished_when_they_are_back() {
    let mut town = Town::start().await;
    let cleo = town.server.person("cleo").await;
    let request = town.ann.ask(&cleo).await.is(201);
    town.rooms.kill();
    // Friends are made in the one database; the greeting waits for the other.
    let accepted = cleo.post(&format!("/friend-requests/{}/accept", request["id"]), &json!({})).await;
    assert!([200, 503].contains(&accepted.status), "{accepted:?}");
    town.rooms.restart().await;
    let room = town.ann.room(&cleo);
    within(Duration::from_secs(15), "the greeting", async || {
        let page = town.ann.get(&format!("/rooms/{room}/entries")).await;
        (page.status == 200 && page.json()["items"][0]["data"]["content"]["kind"] == "system").then_some(())
    })
    .await;
    let history = cleo.whole_history(&room).await;
    assert_eq!(history.len(), 1, "{history:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_of_a_long_log_takes_the_time_that_it_needs() {
    let engine = Engine::start("mariadb").await;
    engine.make_database("jim").await;
    let way = Proxy::to(engine.port()).await;
    let url = |port| format!("mysql://root@127.0.0.1:{port}/jim");
    let server = Server::nodes(1, &[("store.url", url(way.port()))]).await;
    let (ann, ben) = friends_at(&server).await;
    let room = RoomId::private(UserId(ann.id), UserId(ben.id)).unwrap();
    let url = Url::parse(&url(engine.port())).unwrap();
    let store = MySqlStore::open(&url, MySqlOptions::default()).await.unwrap();
    for batch in 0..10 {
        let entry = |n| fixtures::new_entry(room, UserId(ann.id), &format!("m-{batch}-{n}"), "hello");
        let entries: Vec<_> = (0..400).map(entry).collect();
        store.append(&entries).await.unwrap();
    }
    way.set(Way::Slow(Duration::from_millis(100)));
    let began = Instant::now();
    let digest = ben.get(&format!("/rooms/{room}/digest")).await.is(200);
    assert_eq!(digest["seq"], 4001, "the greeting counts");
    assert!(began.elapsed() > Duration::from_secs(5), "it was too quick to show anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_ask_mongodb_in_vain_while_the_way_stalls_are_all_answered_when_it_is_open() {
    let engine = Engine::start("mongo").await;
    let way = Proxy::to(engine.port()).await;
    let url = format!("mongodb://127.0.0.1:{}/jim?directConnection=true", way.port());
    let log = MongoRoomLog::connect(&url, MongoOptions::default()).await.unwrap();
    way.set(Way::Stalled);
    let callers = (0..200).map(async |caller| {
        let room = RoomId::private(UserId(1), UserId(2 + caller)).unwrap();
        let mut failed = 0;
        while log.head(&room).await.is_err() {
            failed += 1;
        }
        failed
    });
    let opened = async {
        // A little longer than a call waits, and shorter than the driver needs to see it.
        sleep(Duration::from_millis(3200)).await;
        way.set(Way::Open);
        Instant::now()
    };
    let (failed, opened) = tokio::join!(join_all(callers), opened);
    assert!(failed.iter().all(|failed| *failed > 0), "nobody had to wait: {failed:?}");
    assert!(opened.elapsed() < Duration::from_secs(5), "{:?}", opened.elapsed());
}
