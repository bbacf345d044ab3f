//! Groups of the sizes at which others lose messages: each message reaches each member who listens, once and in order,
//! and nobody else.

use std::path::Path;
use std::time::Duration;

use jim_core::id::{GroupId, RoomId, Seq, UserId};
use jim_core::model::group::{MemberRow, Role};
use jim_core::repo::{NewSession, SessionTokens, Store};
use jim_core::secret::{Token, TokenKind};
use jim_core::store::sql::{Durability, SqliteStore};
use jim_core::testkit::fixtures;
use jim_core::time::{Clock as _, SystemClock};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Client, Server, Socket, message, seq};

/// Members who send at once, or all if there are fewer, and how much each of them sends.
const SENDERS: usize = 4;
const EACH: usize = 10;
/// People of one transaction, which may not last two seconds.
const STEP: usize = 500;

/// The access token of the session with this number.
fn token(number: usize) -> Token {
    let mut bits = [7; 32];
    bits[..8].copy_from_slice(&number.to_be_bytes());
    Token::new(TokenKind::Access, bits)
}

/// Makes as many accounts.
async fn people(store: &dyn Store, name: &str, count: usize) -> Vec<UserId> {
    let mut people = Vec::new();
    while people.len() < count {
        let part = STEP.min(count - people.len());
        people.extend(fixtures::users(store, &format!("{name}-{}", people.len()), part).await);
    }
    people
}

/// Logs people in; the first has the token of this number, the others those that follow.
async fn log_in(store: &dyn Store, people: &[UserId], first: usize) {
    let until = SystemClock.now().plus(Duration::from_hours(1));
    let mut unit = store.write(&[]).await.unwrap();
    for (number, user) in (first..).zip(people) {
        let name = number.to_string();
        let tokens = SessionTokens { access: token(number).hash(), access_until: until, ..fixtures::tokens(&name) };
        let session = NewSession { tokens, ..fixtures::new_session(*user, &name) };
        unit.sessions().add(&session).await.unwrap();
    }
    fixtures::commit(unit).await;
}

/// Makes a group; its first member owns it, and all read from its beginning.
async fn group(store: &dyn Store, members: &[UserId]) -> RoomId {
    let mut unit = store.write(&[]).await.unwrap();
    let id = unit.groups().add(&fixtures::new_group(members[0], 10_000)).await.unwrap();
    fixtures::commit(unit).await;
    let room = RoomId::Group(id);
    for part in members.chunks(STEP) {
        let mut unit = store.write(&[]).await.unwrap();
        for user in part {
            let role = if *user == members[0] { Role::Owner } else { Role::Member };
            let row = MemberRow { role, ..MemberRow::new(id, *user, fixtures::AT) };
            assert!(unit.members().add(&row).await.unwrap());
            assert!(unit.conversations().ensure(*user, &room, Some(Seq(1))).await.unwrap());
        }
        fixtures::commit(unit).await;
    }
    room
}

/// Makes the people in a folder: a group of so many, of whom the first are logged in, and two who are not in it: one has
/// a group with others of its members, one has none. Both are logged in, with the tokens that follow.
async fn seed(data: &Path, size: usize, online: usize) -> GroupId {
    std::fs::create_dir(data).unwrap();
    let store = SqliteStore::open(&SqliteStore::file(data), Durability::Full).await.unwrap();
    let members = people(&*store, "member", size).await;
    let strangers = people(&*store, "stranger", 2).await;
    log_in(&*store, &members[..online], 0).await;
    log_in(&*store, &strangers, online).await;
    let RoomId::Group(id) = group(&*store, &members).await else { panic!("the room of a group") };
    group(&*store, &[&strangers[..1], &members[..size.min(10)]].concat()).await;
    id
}

/// A counter of the server.
async fn counter(client: &Client, name: &str) -> u64 {
    let metrics = client.get("//metrics").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

async fn each_message_reaches_each_listener(size: usize, online: usize) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let id = seed(&data, size, online).await;
    let room = format!("g:{id}");
    let server = Server::on(&data, &[]).await;
    let person = |number: usize| server.stranger().bearer(token(number).expose());
    let seen = person(0).get(&format!("/groups/{id}")).await.is(200);
    assert_eq!(seen["member_count"], size);

    let mut sockets = Vec::new();
    for number in 0..online + 2 {
        let socket = Socket::with_token(server.base(), token(number).expose()).await.unwrap();
        assert_eq!(socket.head(&room), (number < online).then_some(0), "{number}");
        sockets.push(socket);
    }
    let strangers = sockets.split_off(online);
    let senders = SENDERS.min(online);
    let mut sending = JoinSet::new();
    for number in 0..senders {
        let (sender, path) = (person(number), format!("/rooms/{room}/messages"));
        sending.spawn(async move {
            for count in 0..EACH {
                sender.post(&path, &message(&format!("m-{number}-{count}"), "to all")).await.is(201);
            }
        });
    }
    sending.join_all().await;

    let last = i64::try_from(senders * EACH).unwrap();
    let path = format!("/rooms/{room}/entries?after=0&limit=100");
    let history = person(online - 1).get(&path).await.is(200)["items"].as_array().unwrap().clone();
    assert!(history.iter().map(seq).eq(1..=last));
    for mut socket in sockets {
        let entries = socket.until(&room, last).await;
        assert_eq!(entries, history, "each once, in order, and nothing else");
        assert_eq!(socket.next_within(Duration::ZERO).await, None);
    }
    assert_eq!(counter(&server.stranger(), "jim_sends_total").await, history.len() as u64);
    let deliveries = counter(&server.stranger(), "jim_deliveries_total").await;
    assert_eq!(deliveries, (history.len() * online) as u64, "delivered = sent × listening");
    assert_eq!(counter(&server.stranger(), "jim_encodings_total").await, history.len() as u64, "encoded once");
    for (number, mut socket) in (online..).zip(strangers) {
        person(number).patch("/me", &json!({ "nickname": "Me" })).await.is(200);
        assert_eq!(socket.event().await["type"], "profile.changed", "and nothing before it");
        person(number).get(&path).await.refused(404, "resource.not_found");
    }
}

#[tokio::test]
async fn a_group_of_one_hears_itself_and_nobody_else_does() {
    each_message_reaches_each_listener(1, 1).await;
}

#[tokio::test]
async fn in_a_group_of_199_each_message_reaches_each_listener_once_and_nobody_else() {
    each_message_reaches_each_listener(199, 199).await;
}

#[tokio::test]
async fn in_a_group_of_200_each_message_reaches_each_listener_once_and_nobody_else() {
    each_message_reaches_each_listener(200, 200).await;
}

#[tokio::test]
async fn in_a_group_of_201_each_message_reaches_each_listener_once_and_nobody_else() {
    each_message_reaches_each_listener(201, 201).await;
}

#[tokio::test]
async fn in_a_group_of_1000_each_message_reaches_each_listener_once_and_nobody_else() {
    each_message_reaches_each_listener(1_000, 300).await;
}

#[tokio::test]
async fn in_a_group_of_10000_each_message_reaches_each_listener_once_and_nobody_else() {
    each_message_reaches_each_listener(10_000, 100).await;
}
