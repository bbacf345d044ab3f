//! Two nodes are one system.

use std::sync::Arc;
use std::time::Duration;

use jim_core::id::{RoomId, Seq, UserId};
use jim_core::model::entry::{Guard, NewEntry};
use jim_core::model::{ClientRef, Kind, Limits};
use jim_core::repo::RoomLogRepo as _;
use jim_core::store::mongo::{MongoOptions, MongoRoomLog};
use jim_core::testkit::servers::{self, MySqlDatabase};
use jim_core::time::Millis;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Client, Databases, Engine, Person, Server, Socket, friends_at, within};

/// The same person by one node alone.
fn at(person: &Person, server: &Server, node: usize) -> Client {
    Client::new(server.node(node)).bearer(&person.access)
}

async fn socket_at(person: &Person, server: &Server, node: usize) -> Socket {
    Socket::with_token(&server.node(node), &person.access).await.unwrap()
}

async fn say(client: &Client, room: &str, client_ref: &str) {
    let message = json!({ "client_ref": client_ref, "content": { "kind": "text", "text": client_ref } });
    client.post(&format!("/rooms/{room}/messages"), &message).await.is(201);
}

#[tokio::test]
async fn what_is_sent_on_either_node_reaches_the_sockets_of_both_once_and_in_order() {
    both_hear_once_and_in_order(&Server::cluster(&[]).await).await;
}

#[tokio::test]
async fn over_rabbitmq_too_both_nodes_hear_what_is_sent_on_either_once_and_in_order() {
    let databases = Databases::make().await;
    let mut settings: Vec<_> = databases.settings().into_iter().filter(|(key, _)| *key != "bus.url").collect();
    settings.push(("bus.url", std::env::var("JIM_TEST_RABBITMQ").expect("scripts/services run -- COMMAND sets it")));
    // The bus alone brings it in time.
    settings.push(("socket.heartbeat_seconds", "3600".into()));
    let server = Server::nodes(2, &settings).await;
    let ready = server.stranger().get("//health/ready").await;
    assert_eq!((ready.status, &ready.json()["parts"]["bus"]), (200, &json!("up")));
    both_hear_once_and_in_order(&server).await;
}

async fn both_hear_once_and_in_order(server: &Server) {
    let (ann, ben) = friends_at(server).await;
    let room = ann.room(&ben);
    let mut sockets = [socket_at(&ben, server, 0).await, socket_at(&ben, server, 1).await];
    let first = sockets[0].head(&room).unwrap();
    for n in 0..100 {
        say(&at(&ann, server, n % 2), &room, &format!("m-{n}")).await;
    }
    for socket in &mut sockets {
        let seqs: Vec<_> = socket.until(&room, first + 100).await;
        let seqs: Vec<_> = seqs.iter().filter(|event| event["log"] == room).map(|event| event["seq"].clone()).collect();
        assert_eq!(seqs, (first + 1..=first + 100).map(|seq| json!(seq)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_is_answered_on_one_node_is_read_on_the_other() {
    let server = Server::cluster(&[]).await;
    let (ann, ben) = friends_at(&server).await;
    let room = ann.room(&ben);
    for n in 0..200 {
        let (writes, reads) = (at(&ann, &server, n % 2), at(&ben, &server, (n + 1) % 2));
        say(&writes, &room, &format!("m-{n}")).await;
        let page = reads.get(&format!("/rooms/{room}/entries?limit=1")).await.is(200);
        assert_eq!(page["items"][0]["data"]["client_ref"], format!("m-{n}"), "{page}");
    }
}

/// How long a session that one node ends opens the other one still.
async fn outlives(server: &Server, person: &Person) -> Duration {
    let other = person.log_in("other").await;
    let there = at(&other, server, 1);
    // The other node has it in its memory.
    there.get("/me").await.is(200);
    let mut socket = socket_at(&other, server, 1).await;
    at(person, server, 0).delete(&format!("/me/sessions/{}", other.session)).await.is(204);
    let ended = Instant::now();
    within(Duration::from_secs(5), "the session ends", async || (there.get("/me").await.status == 401).then_some(()))
        .await;
    let took = ended.elapsed();
    assert_eq!(socket.closed().await, Some(4401));
    took.max(ended.elapsed())
}

#[tokio::test]
async fn a_session_that_one_node_ends_is_refused_on_the_other_within_a_second_and_its_socket_closes() {
    let server = Server::cluster(&[]).await;
    let ann = server.person("ann").await;
    for _ in 0..3 {
        let took = outlives(&server, &ann).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

/// Two nodes with a bus of their own.
async fn with_own_bus(settings: &[(&'static str, &str)]) -> (Server, Engine, Databases) {
    let bus = Engine::start("redis").await;
    let databases = Databases::make().await;
    let mut all: Vec<_> = databases.settings().into_iter().filter(|(key, _)| *key != "bus.url").collect();
    all.push(("bus.url", format!("redis://127.0.0.1:{}", bus.port())));
    all.extend(settings.iter().map(|(key, value)| (*key, (*value).to_owned())));
    (Server::nodes(2, &all).await, bus, databases)
}

#[tokio::test]
async fn without_the_bus_sends_succeed_sessions_end_within_two_seconds_and_sockets_hear_everything_later() {
    let (server, mut bus, _databases) = with_own_bus(&[("socket.heartbeat_seconds", "4")]).await;
    let (ann, ben) = friends_at(&server).await;
    let room = ann.room(&ben);
    let mut sockets = [socket_at(&ben, &server, 0).await, socket_at(&ben, &server, 1).await];
    let first = sockets[0].head(&room).unwrap();
    bus.kill();
    for n in 0..20 {
        let began = Instant::now();
        say(&at(&ann, &server, n % 2), &room, &format!("m-{n}")).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    let took = outlives(&server, &ann).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    // Each socket has all of it within a heartbeat, in order, though the bus stays down.
    for socket in &mut sockets {
        socket.until(&room, first + 20).await;
    }
    let ready = server.stranger().get("//health/ready").await;
    assert_eq!((ready.status, &ready.json()["parts"]["bus"]), (200, &json!("down")));
    bus.restart().await;
    let up = async || (server.stranger().get("//health/ready").await.json()["parts"]["bus"] == "up").then_some(());
    within(Duration::from_secs(10), "the bus is up again", up).await;
    say(&at(&ann, &server, 0), &room, "after").await;
    let began = Instant::now();
    for socket in &mut sockets {
        socket.until(&room, first + 21).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

/// Stores an entry as a node does that dies before it tells anybody.
async fn append_silently(databases: &Databases, ann: &Person, ben: &Person) -> Seq {
    let log = MongoRoomLog::connect(&databases.rooms_url(), MongoOptions::default()).await.unwrap();
    let body =
        serde_json::value::to_raw_value(&json!({ "client_ref": "silent", "content": { "kind": "text", "text": "!" } }));
    let entry = NewEntry {
        room: RoomId::private(UserId(ann.id), UserId(ben.id)).unwrap(),
        by: UserId(ann.id),
        client_ref: ClientRef::parse("silent", &Limits::default()).ok().unwrap(),
        kind: Kind::MESSAGE_SENT,
        counted: true,
        fences: false,
        body: Arc::from(body.unwrap()),
        digest: None,
        mentions: Vec::new(),
        guard: Guard::Decided,
        at: Millis(0),
    };
    match log.append(&[entry]).await.unwrap().remove(0) {
        jim_core::repo::Appended::New(entry) => entry.seq,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_node_stored_and_did_not_announce_reaches_the_sockets_of_others_within_a_heartbeat() {
    let databases = Databases::make().await;
    let mut settings = databases.settings();
    settings.push(("socket.heartbeat_seconds", "4".into()));
    let server = Server::nodes(2, &settings).await;
    let (ann, ben) = friends_at(&server).await;
    let mut socket = socket_at(&ben, &server, 0).await;
    let seq = append_silently(&databases, &ann, &ben).await;
    let began = Instant::now();
    socket.until(&ann.room(&ben), seq.0).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_node_that_is_gone_without_a_goodbye_makes_the_others_look_at_once() {
    let databases = Databases::make().await;
    let mut settings = databases.settings();
    // So long that the rounds of the audit do not find it in time.
    settings.push(("socket.heartbeat_seconds", "3600".into()));
    let mut server = Server::nodes(2, &settings).await;
    let (ann, ben) = friends_at(&server).await;
    let mut socket = socket_at(&ben, &server, 0).await;
    // Both have heard each other.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seq = append_silently(&databases, &ann, &ben).await;
    server.kill_node(1);
    let began = Instant::now();
    socket.until(&ann.room(&ben), seq.0).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

/// How a friend looks by one node.
async fn looks(person: &Person, server: &Server, node: usize, friend: &Person) -> String {
    let friends = at(person, server, node).get("/friends").await.is(200);
    let friends = friends["items"].as_array().unwrap();
    let found = friends.iter().find(|item| item["user"]["id"] == friend.id).unwrap();
    found["presence"]["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn both_nodes_agree_on_who_is_connected_until_the_last_socket_is_gone() {
    let server = Server::cluster(&[]).await;
    let (ann, ben) = friends_at(&server).await;
    let both = async |status: &str| {
        for node in [0, 1] {
            within(Duration::from_secs(8), status, async || {
                (looks(&ann, &server, node, &ben).await == status).then_some(())
            })
            .await;
        }
    };
    both("offline").await;
    let (here, there) = (socket_at(&ben, &server, 0).await, socket_at(&ben, &server, 1).await);
    both("online").await;
    drop(here);
    tokio::time::sleep(Duration::from_secs(1)).await;
    both("online").await;
    there.cut();
    both("offline").await;
}

#[tokio::test]
async fn who_was_connected_to_a_node_that_was_killed_goes_offline_by_himself() {
    let mut server = Server::cluster(&[]).await;
    let (ann, ben) = friends_at(&server).await;
    let _socket = socket_at(&ben, &server, 1).await;
    let online = async || (looks(&ann, &server, 0, &ben).await == "online").then_some(());
    within(Duration::from_secs(8), "online", online).await;
    server.kill_node(1);
    let offline = async || (looks(&ann, &server, 0, &ben).await == "offline").then_some(());
    within(Duration::from_secs(20), "offline", offline).await;
}

#[tokio::test]
async fn both_nodes_count_calls_together() {
    let server = Server::cluster(&[("rate.enabled", "true"), ("rate.search", "6/1h"), ("rate.send", "10/1h")]).await;
    let (ann, ben) = friends_at(&server).await;
    for n in 0..6 {
        at(&ann, &server, n % 2).get("/users?nickname=b").await.is(200);
    }
    for node in [0, 1] {
        let refused = at(&ann, &server, node).get("/users?nickname=b").await;
        refused.refused(429, "rate.limited");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    }
    at(&ben, &server, 0).get("/users?nickname=a").await.is(200);
    // A send does not wait for the other node's count, and learns of it a call later.
    let mut taken = 0;
    for n in 0..40 {
        let message = json!({ "client_ref": format!("m-{n}"), "content": { "kind": "text", "text": "!" } });
        let sent = at(&ann, &server, n % 2).post(&format!("/rooms/{}/messages", ann.room(&ben)), &message).await;
        taken += i32::from(sent.status == 201);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!((10..=12).contains(&taken), "{taken}");
}

#[tokio::test]
async fn a_node_that_was_killed_leaves_its_clients_to_the_other_one_and_nothing_is_missing() {
    let mut server = Server::cluster(&[]).await;
    let (ann, ben) = friends_at(&server).await;
    let room = ann.room(&ben);
    let mut socket = socket_at(&ben, &server, 1).await;
    let first = socket.head(&room).unwrap();
    for n in 0..10 {
        say(&at(&ann, &server, n % 2), &room, &format!("m-{n}")).await;
    }
    server.kill_node(1);
    let seen = loop {
        match socket.next().await {
            crate::support::Event::Closed(_) => {
                break socket.frames.iter().filter(|frame| frame["log"] == room).count();
            }
            crate::support::Event::Frame(_) => {}
        }
    };
    say(&at(&ann, &server, 0), &room, "after").await;
    let after = first + i64::try_from(seen).unwrap();
    let again = socket_at(&ben, &server, 0).await;
    assert_eq!(again.head(&room), Some(first + 11));
    let page = at(&ben, &server, 0).get(&format!("/rooms/{room}/entries?after={after}&limit=100")).await.is(200);
    let seqs: Vec<_> = page["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (after + 1..=first + 11).collect::<Vec<_>>());
}

/// Ten who write to one room at once, over both nodes.
async fn nobody_is_refused(server: &Server) {
    const EACH: usize = 30;
    let (ann, ben) = friends_at(server).await;
    let room = ann.room(&ben);
    let mut writers = JoinSet::new();
    for n in 0..10 {
        let (client, room) = (at(&ann, server, n % 2), room.clone());
        writers.spawn(async move {
            for m in 0..EACH {
                say(&client, &room, &format!("w-{n}-{m}")).await;
            }
        });
    }
    writers.join_all().await;
    let last = ben.get(&format!("/rooms/{room}/entries?limit=1")).await.is(200);
    assert_eq!(last["last"], 10 * EACH + 1, "a greeting, and all of them");
}

#[tokio::test]
async fn a_room_that_both_nodes_write_to_at_once_is_refused_to_nobody() {
    nobody_is_refused(&Server::cluster(&[]).await).await;
}

#[tokio::test]
async fn a_room_of_both_nodes_is_refused_to_nobody_where_mysql_has_the_logs() {
    let (database, bus) = (MySqlDatabase::make().await, servers::server("JIM_TEST_REDIS"));
    let settings = [("store.url", database.url().to_string()), ("bus.url", bus.to_string())];
    nobody_is_refused(&Server::nodes(2, &settings).await).await;
}
