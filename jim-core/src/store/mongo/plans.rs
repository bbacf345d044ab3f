//! Which keys MongoDB uses for what is asked on the way of every send and every page.

use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use serde_json::value::to_raw_value;

use super::calls::Calls;
use super::indexes::{ENTRIES, ERASED, MENTIONS, NUMBER, REF};
use super::{MongoRoomLog, connect, indexes, room_log, unread};
use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::model::conversation::Mark;
use crate::model::entry::NewEntry;
use crate::repo::{RoomLogRepo as _, Slice, Unread};
use crate::store::numbering::Ends;
use crate::testkit::fixtures::{client_ref, messages, new_entry};
use crate::testkit::servers;

const ANN: UserId = UserId(7);
const BEN: UserId = UserId(8);

fn rooms() -> Vec<RoomId> {
    (1..=3).map(|id| RoomId::Group(GroupId(id))).collect()
}

/// Stages and keys of the plan that won, wherever this release has put it.
fn parts(explained: &Document, within: bool, found: &mut Vec<String>) {
    for (name, value) in explained {
        match value {
            Bson::String(text) if within && ["stage", "indexName"].contains(&name.as_str()) => found.push(text.clone()),
            Bson::Document(inner) if name != "rejectedPlans" => parts(inner, within || name == "winningPlan", found),
            Bson::Array(all) if name != "rejectedPlans" => {
                all.iter().filter_map(Bson::as_document).for_each(|inner| parts(inner, within, found));
            }
            _ => {}
        }
    }
}

async fn plan(log: &MongoRoomLog, command: Document) -> Vec<String> {
    let explained = log.database.run_command(doc! { "explain": command, "verbosity": "queryPlanner" }).await.unwrap();
    let mut found = Vec::new();
    parts(&explained, false, &mut found);
    found
}

fn find(filter: Document, sort: i32) -> Document {
    doc! { "find": ENTRIES, "filter": filter, "sort": { "seq": sort }, "limit": 50 }
}

fn aggregate(pipeline: impl Into<Vec<Document>>) -> Document {
    doc! { "aggregate": ENTRIES, "pipeline": pipeline.into(), "cursor": {} }
}

fn with_hint(mut command: Document, index: &str) -> Document {
    command.insert("hint", index);
    command
}

#[tokio::test]
async fn everything_is_found_by_a_key_and_heads_step_from_room_to_room() {
    let client = Client::with_uri_str(servers::server("JIM_TEST_MONGO")).await.unwrap();
    // Another server that speaks the protocol has its own plans, or none.
    if !connect::about(&client).await.unwrap().is_mongod() {
        eprintln!("the server of JIM_TEST_MONGO is not MongoDB itself: its plans are not checked");
        return;
    }
    let database = client.database(&servers::name());
    indexes::make(&database).await.unwrap();
    let entries = database.collection(ENTRIES);
    let log = MongoRoomLog { database, entries, calls: Calls::new(1), ends: Ends::default(), warnings: Vec::new() };
    for room in rooms() {
        messages(&log, room, ANN, 300).await;
        let naming = NewEntry { mentions: vec![BEN], ..new_entry(room, ANN, "naming", "naming") };
        log.append(&[naming]).await.unwrap();
        log.erase(&room, Seq(100), &to_raw_value("gone").unwrap()).await.unwrap();
    }
    let room = rooms()[0];
    let asks = rooms().into_iter().map(|room| Unread { room, user: BEN, mark: Mark::default() });
    let any =
        |filter: fn(&Unread) -> Document| aggregate(unread::counted(asks.clone().map(|ask| filter(&ask)).collect()));
    let by_ref = [1, 2].map(|n| room_log::by_ref(&room, ANN, &client_ref(&format!("message-{n}"))));
    let sliced = |slice| {
        let (filter, sort) = room_log::sliced(&room, slice);
        find(filter, sort)
    };
    let commands = [
        (aggregate(room_log::last_of(&rooms())), NUMBER),
        (sliced(Slice::After(Seq(90))), NUMBER),
        (sliced(Slice::Before(Seq(90))), NUMBER),
        (sliced(Slice::Only(&[Seq(9), Seq(8)])), NUMBER),
        (doc! { "find": ENTRIES, "filter": by_ref[0].clone(), "limit": 1 }, REF),
        (with_hint(doc! { "find": ENTRIES, "filter": { "$or": by_ref.to_vec() } }, REF), REF),
        (with_hint(any(unread::messages), NUMBER), NUMBER),
        (any(unread::erased), ERASED),
        (any(unread::mentions), MENTIONS),
    ];
    let mut plans = Vec::new();
    for (command, index) in commands {
        plans.push((plan(&log, command.clone()).await, index, command));
    }
    log.database.drop().await.unwrap();
    assert!(plans[0].0.iter().any(|part| part == "DISTINCT_SCAN"), "{:?}", plans[0]);
    for (plan, index, command) in plans {
        let indexes: Vec<_> = plan.iter().filter(|part| part.starts_with("jim_")).collect();
        assert!(!indexes.is_empty() && indexes.iter().all(|used| *used == index), "{command}: {plan:?}");
        assert!(!plan.iter().any(|part| ["COLLSCAN", "SORT"].contains(&part.as_str())), "{command}: {plan:?}");
    }
}
