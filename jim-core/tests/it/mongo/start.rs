//! What stands in the way of a start is said in one line, without a password.

use std::time::Duration;

use jim_core::id::{GroupId, RoomId, Seq, UserId};
use jim_core::repo::{RoomLogRepo as _, Slice};
use jim_core::store::mongo::{ConnectError, MongoOptions, MongoRoomLog};
use jim_core::testkit::fixtures::{client_ref, messages};
use mongodb::bson::{Document, doc};
use serde_json::value::to_raw_value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::database::Database;
use super::fake;

/// Why there is no connection: one line, soon, and without the password `secret`.
async fn refused(url: &str) -> ConnectError {
    let began = Instant::now();
    let error = MongoRoomLog::connect(url, MongoOptions::default()).await.err().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{url}: {:?}", began.elapsed());
    let mut texts = vec![error.to_string(), format!("{error:?}")];
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    for text in texts {
        assert!(!text.contains("secret") && !text.contains('\n'), "{url}: {text}");
    }
    error
}

async fn refused_by(answers: fake::Answers, user: &str) -> ConnectError {
    refused(&format!("mongodb://{user}{}/", fake::serve(answers).await)).await
}

async fn warnings(answers: fake::Answers, query: &str) -> Vec<String> {
    let url = format!("mongodb://{}/jim?{query}", fake::serve(answers).await);
    MongoRoomLog::connect(&url, MongoOptions::default()).await.unwrap().warnings().to_vec()
}

#[tokio::test]
async fn a_host_that_is_not_there_is_named_with_what_was_met() {
    let (port, host) =
        tokio::join!(refused("mongodb://ann:secret@127.0.0.1:1/"), refused("mongodb://ann:secret@nobody.invalid/"));
    for (error, begin, met) in [
        (port, "MongoDB at 127.0.0.1:1 cannot be reached: ", "refused"),
        (host, "MongoDB at nobody.invalid:27017 cannot be reached: ", "lookup"),
    ] {
        let text = error.to_string();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
        assert!(text.starts_with(begin) && text.contains(met), "{text}");
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_used_is_refused_without_a_word_of_it() {
    for url in [
        "",
        "jim",
        "mysql://ann:secret@127.0.0.1/jim",
        "mongodb://ann:se/secret@127.0.0.1/jim",
        "mongodb://ann:x?secret@127.0.0.1/jim",
        "mongodb://ann:x#secret@127.0.0.1:27017/jim",
        "mongodb://ann:x%secret@127.0.0.1/jim",
        "mongodb://ann:x@secret@127.0.0.1/jim",
        "mongodb://ann:x/?secret@127.0.0.1/jim",
        "mongodb://ann:secret@127.0.0.1:port/jim",
        "mongodb://ann:secret@127.0.0.1/jim?journal=perhaps",
        "mongodb://127.0.0.1/jim?w=0",
    ] {
        let error = refused(url).await;
        assert!(matches!(error, ConnectError::Url(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_role_are_told_apart() {
    let wrong =
        |command: &str, _: &Document, _| (command == "saslStart").then(|| fake::refusal(18, "AuthenticationFailed"));
    let wrong = refused_by(wrong, "ann:secret@").await;
    assert!(matches!(wrong, ConnectError::Refused { .. }), "{wrong:?}");
    let forbidden =
        |command: &str, _: &Document, _| (command == "createIndexes").then(|| fake::refusal(13, "Unauthorized"));
    let forbidden = refused_by(forbidden, "").await;
    // Where the URL names none, the database is jim.
    assert!(matches!(&forbidden, ConnectError::Forbidden { database, .. } if database == "jim"), "{forbidden:?}");
    assert!(forbidden.to_string().contains("the role readWrite on jim"), "{forbidden}");
}

#[tokio::test]
async fn a_server_older_than_4_4_is_refused() {
    let by_version = |command: &str, _: &Document, _| (command == "buildInfo").then(|| fake::build("4.2.24"));
    let by_wire = |command: &str, _: &Document, _| fake::hello_with(command, doc! { "maxWireVersion": 8 });
    let (by_version, by_wire) = (refused_by(by_version, "").await, refused_by(by_wire, "").await);
    for error in [by_version, by_wire] {
        assert!(matches!(error, ConnectError::TooOld { .. }), "{error:?}");
        assert!(error.to_string().contains("4.4"), "{error}");
    }
}

#[tokio::test]
async fn a_database_of_a_later_release_is_refused_and_not_touched() {
    let database = Database::new();
    let raw = database.raw().await;
    let meta = raw.collection::<Document>("jim_meta");
    meta.insert_one(doc! { "_id": "jim_entries", "level": 1_000 }).await.unwrap();
    let error = refused(&database.url()).await;
    assert!(matches!(error, ConnectError::Newer { needed: 1_000, .. }), "{error:?}");
    assert!(error.to_string().contains("start a newer release"), "{error}");
    assert_eq!(raw.list_collection_names().await.unwrap(), ["jim_meta"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_the_same_keys_once() {
    let database = Database::new();
    let mut nodes = JoinSet::new();
    for _ in 0..8 {
        let url = database.url();
        nodes.spawn(async move { MongoRoomLog::connect(&url, MongoOptions::default()).await.unwrap() });
    }
    assert_eq!(nodes.join_all().await.len(), 8);
    database.open().await;
    let raw = database.raw().await;
    let mut names = raw.collection::<Document>("jim_entries").list_index_names().await.unwrap();
    names.sort_unstable();
    assert_eq!(names, ["_id_", "jim_erased", "jim_mentions", "jim_number", "jim_ref"]);
    let levels = raw.collection::<Document>("jim_meta").count_documents(doc! {}).await.unwrap();
    assert_eq!(levels, 1);
}

#[tokio::test]
async fn a_replica_set_and_a_safe_url_are_warned_of_nothing() {
    let member = |command: &str, _: &Document, address: std::net::SocketAddr| {
        let address = address.to_string();
        let set = doc! { "setName": "jim", "setVersion": 1, "me": &address, "hosts": [&address], "primary": &address };
        fake::hello_with(command, set)
    };
    assert_eq!(warnings(member, "").await, Vec::<String>::new());
    assert_eq!(warnings(member, "w=majority&journal=true").await, Vec::<String>::new());
    let weak = warnings(member, "w=1&journal=false").await;
    assert!(weak.len() == 2 && weak[0].contains("w=1") && weak[1].contains("journal=false"), "{weak:?}");
}

#[tokio::test]
async fn a_standalone_and_a_server_that_is_another_are_named() {
    let alone = warnings(|_, _, _| None, "").await;
    assert!(alone.len() == 1 && alone[0].contains("no replica set"), "{alone:?}");
    let foreign =
        |command: &str, _: &Document, _| (command == "buildInfo").then(|| doc! { "version": "7.0.77", "ok": 1 });
    let foreign = warnings(foreign, "").await;
    assert!(foreign.len() == 2 && foreign[0].contains("is another (7.0.77)"), "{foreign:?}");
}

/// Refuses what does not wait for the majority, and what reads younger things.
fn strict(command: &str, whole: &Document, _: std::net::SocketAddr) -> Option<Document> {
    let within = |name: &str| whole.get_document(name).cloned().unwrap_or_default();
    let safe = match command {
        "find" | "aggregate" => within("readConcern").get_str("level").is_ok_and(|level| level == "majority"),
        "insert" | "update" => {
            let concern = within("writeConcern");
            concern.get_str("w").is_ok_and(|w| w == "majority") && concern.get_bool("j").is_ok_and(|journal| journal)
        }
        _ => true,
    };
    (!safe).then(|| fake::refusal(2, "BadValue"))
}

#[tokio::test]
async fn every_write_waits_for_the_majority_and_its_disk_and_every_read_sees_no_younger_one() {
    let url = format!("mongodb://{}/jim", fake::serve(strict).await);
    for query in ["", "?w=majority", "?readConcernLevel=local&readPreference=secondary"] {
        let log = MongoRoomLog::connect(&format!("{url}{query}"), MongoOptions::default()).await.unwrap();
        let room = RoomId::Group(GroupId(3));
        messages(&*log, room, UserId(7), 2).await;
        log.erase(&room, Seq(1), &to_raw_value("gone").unwrap()).await.unwrap();
        log.read(&room, Slice::After(Seq::ZERO), 9).await.unwrap();
        log.find_ref(&room, UserId(7), &client_ref("message-1")).await.unwrap();
        log.heads(&[room]).await.unwrap();
    }
    // As the URL says; that it is warned of stands above.
    let weaker = refused(&format!("{url}?w=1")).await;
    assert!(matches!(weaker, ConnectError::Failed { .. }), "{weaker:?}");
}

#[tokio::test]
async fn a_url_with_tls_does_not_speak_to_a_server_without_it() {
    let address = fake::serve(|_, _, _| None).await;
    let error = refused(&format!("mongodb://{address}/?tls=true")).await;
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_that_was_taken_away_is_gone_from_the_database() {
    const ROOM: RoomId = RoomId::Group(GroupId(3));
    let database = Database::new();
    let log = database.open().await;
    messages(&*log, ROOM, UserId(7), 2).await;
    let stub = to_raw_value("gone").unwrap();
    log.erase(&ROOM, Seq(1), &stub).await.unwrap();
    let entries = database.raw().await.collection::<Document>("jim_entries");
    let erased = entries.find_one(doc! { "room": "g:3", "seq": 1 }).await.unwrap().unwrap();
    assert!(!erased.to_string().contains("text 1") && !erased.contains_key("digest"), "{erased}");
    let stands = entries.find_one(doc! { "room": "g:3", "seq": 2 }).await.unwrap().unwrap();
    assert!(stands.to_string().contains("text 2") && stands.contains_key("digest"), "{stands}");
}
