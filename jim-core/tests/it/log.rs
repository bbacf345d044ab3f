//! The lane and the outbox over storage that may fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jim_core::bus::LocalBus;
use jim_core::error::Code;
use jim_core::id::{RoomId, Seq};
use jim_core::model::Kind;
use jim_core::model::content::ClientRef;
use jim_core::model::entry::Guard;
use jim_core::repo::{Lock, RoomLogRepo, Slice, Store, Task};
use jim_core::service::Sent;
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::fixtures;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::faulty::FaultyBus;
use crate::node::{Node, Town, eventually, message, options, refusal, send};

/// Leaves a greeting in the outbox of a new room, as a node does that dies right after its commit. Where `appended`,
/// it died before it removed the task.
async fn crash(store: &dyn Store, log: &dyn RoomLogRepo, name: &str, appended: bool) -> RoomId {
    let people = fixtures::users(store, name, 2).await;
    let locks: Vec<_> = people.iter().map(|id| Lock::User(*id)).collect();
    let room = fixtures::open(store, people[0], people[1]).await;
    let greeting = json!({ "kind": "system", "text": "welcome" });
    let mut unit = store.write(&locks).await.unwrap();
    let task = Task::Append { kind: Kind::MESSAGE_SENT, content: greeting };
    let id = unit.owe(&room, &task, fixtures::AT).await.unwrap();
    let _ = unit.commit().await.unwrap();
    if appended {
        let mut entry = fixtures::new_entry(room, jim_core::id::UserId::SYSTEM, "x", "welcome");
        entry.client_ref = ClientRef::outbox(id);
        entry.digest = None;
        entry.guard = Guard::Decided;
        log.append(&[entry]).await.unwrap();
    }
    room
}

async fn is_paid(store: &dyn Store) -> bool {
    store.read().await.unwrap().outbox().rooms(10).await.unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_left_in_the_outbox_is_appended_once_by_whoever_comes_next() {
    let (store, log) = (Arc::new(MemoryStore::default()), Arc::new(MemoryRoomLog::default()));
    let mut rooms = Vec::new();
    for (round, appended) in [false, true, false].into_iter().enumerate() {
        for n in 0..3 {
            rooms.push(crash(&*store, &*log, &format!("round-{round}-{n}"), appended).await);
        }
        assert!(!is_paid(&*store).await);
        // Two come at once, each with a lane of its own.
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(Node::run(store.clone(), log.clone(), Arc::new(LocalBus::default()), options()).await);
        }
        eventually("the outbox becomes empty", async || is_paid(&*store).await).await;
        for node in nodes {
            node.stop().await;
        }
        for room in &rooms {
            let entries = log.read(room, Slice::After(Seq::ZERO), 10).await.unwrap();
            assert_eq!(entries.len(), 1, "one greeting in {room}");
            assert!(String::from_utf8_lossy(&entries[0].json()).contains("welcome"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_cannot_be_finished_holds_up_neither_other_rooms_nor_other_upkeep() {
    let town = Town::new().await;
    let (ann, _, private) = town.friends().await;
    // The first that a sweep comes to.
    town.log.full.store(true, Ordering::SeqCst);
    let broken = crash(&*town.store, &*town.log, "broken", false).await;
    *town.log.broken.lock().unwrap() = Some(broken);
    town.log.full.store(false, Ordering::SeqCst);
    let mut rooms = vec![broken];
    for n in 0..3 {
        rooms.push(crash(&*town.store, &*town.log, &format!("owed-{n}"), false).await);
    }
    assert!(rooms.is_sorted());
    for room in &rooms[1..] {
        eventually("the other rooms get their greeting", async || town.log.head(room).await.unwrap().seq == Seq(1))
            .await;
    }
    let sent = send(town.jim(), ann.id, private, "read-by-its-author").await;
    eventually("what people have read is stored", async || {
        let row = town.store.read().await.unwrap().conversations().get(ann.id, &private).await.unwrap();
        row.is_some_and(|row| row.read == Seq(sent))
    })
    .await;
    assert_eq!(town.log.head(&broken).await.unwrap().seq, Seq::ZERO);
    *town.log.broken.lock().unwrap() = None;
    eventually("the last room gets its greeting", async || is_paid(&*town.store).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_does_not_stop_the_announcement() {
    let bus = FaultyBus::new(6);
    let town = Town::with(bus.clone(), options()).await;
    let (ann, ben, room) = town.friends().await;
    let mut ear = town.attach(ben).await;
    town.log.held.store(true, Ordering::SeqCst);
    let told = message("nobody-waits");
    tokio::select! {
        sent = town.jim().messages().send(ann.id, room, &told) => panic!("storage stands still, but {sent:?}"),
        () = town.log.entered() => {}
    }
    assert_eq!(ear.heard(&room.to_string()).len(), 0);
    town.log.release();
    ear.until(&room.to_string(), 1).await;
    assert_eq!(ear.heard(&room.to_string())[0]["data"]["content"]["text"], "nobody-waits");
    // The audit would bring it too, but late.
    assert_eq!(bus.published.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_does_not_stop_the_greeting() {
    let bus = FaultyBus::new(6);
    let town = Town::with(bus.clone(), options()).await;
    let people = town.people(2).await;
    let (ann, ben) = (people[0], people[1]);
    let mut ear = town.attach(ann).await;
    let asked = town.jim().friend_requests().request(ann.id, ben.id, None).await.unwrap();
    town.log.held.store(true, Ordering::SeqCst);
    tokio::select! {
        friend = town.jim().friend_requests().accept(ben.id, asked.0.id, None) => panic!("not yet, but {friend:?}"),
        () = town.log.entered() => {}
    }
    town.log.release();
    ear.until(&fixtures::private(ann.id, ben.id).to_string(), 1).await;
    eventually("the outbox becomes empty", async || is_paid(&*town.store).await).await;
    // The audit would bring it too, but late.
    assert_eq!(bus.published.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reference_offered_a_hundred_times_at_once_is_one_entry() {
    let town = Town::new().await;
    let (ann, ben, room) = town.friends().await;
    let mut ear = town.attach(ben).await;
    // While storage stands still all of them gather in one batch.
    town.log.held.store(true, Ordering::SeqCst);
    let mut work = JoinSet::new();
    for n in 0..100 {
        let jim = town.jim().clone();
        work.spawn(async move {
            if n % 10 == 9 {
                let mut other = message("once");
                other.content = message("other").content;
                return jim.messages().send(ann.id, room, &other).await;
            }
            jim.messages().send(ann.id, room, &message("once")).await
        });
    }
    town.log.entered().await;
    tokio::task::yield_now().await;
    town.log.release();
    let (mut new, mut again, mut refused) = (0, 0, 0);
    for answer in work.join_all().await {
        match &answer {
            Ok(Sent::New(entry)) if entry.seq == Seq(1) => new += 1,
            Ok(Sent::Again(entry)) if entry.seq == Seq(1) => again += 1,
            _ if refusal(&answer) == Some(Code::RefConflict) => refused += 1,
            _ => panic!("{answer:?}"),
        }
    }
    // Whichever content came first stands; the others are its repeats or its conflicts.
    assert!([(1, 89, 10), (1, 9, 90)].contains(&(new, again, refused)), "{new}, {again}, {refused}");
    assert_eq!(send(town.jim(), ann.id, room, "next").await, 2);
    ear.until(&room.to_string(), 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_storage_refuses_twice_is_stored_once() {
    const EACH: usize = 8;
    let town = Town::new().await;
    let people = town.people(6).await;
    let mut work = JoinSet::new();
    let mut ears = Vec::new();
    town.log.fails.store(true, Ordering::SeqCst);
    for pair in people.chunks(2) {
        let (ann, ben) = (pair[0], pair[1]);
        let room = town.befriend(ann.id, ben.id).await;
        ears.push((room, town.attach(ben).await));
        for n in 0..EACH {
            for who in [ann.id, ben.id] {
                let jim = town.jim().clone();
                work.spawn(async move {
                    let mut answers = Vec::new();
                    for m in 0..3 {
                        let client_ref = format!("m-{n}-{m}");
                        answers.push(((room, who, client_ref.clone()), send(&jim, who, room, &client_ref).await));
                    }
                    answers
                });
            }
        }
    }
    let answers: Vec<_> = work.join_all().await.into_iter().flatten().collect();
    assert!(town.log.failed.load(Ordering::SeqCst) > 2, "storage failed");
    let mut stored = BTreeMap::new();
    for (room, _) in &ears {
        let entries = town.log.read(room, Slice::After(Seq::ZERO), 1000).await.unwrap();
        let numbers: Vec<_> = entries.iter().map(|entry| entry.seq.0).collect();
        assert_eq!(numbers, (1..=i64::try_from(2 * EACH * 3).unwrap()).collect::<Vec<_>>());
        stored.extend(entries.iter().map(|e| ((*room, e.by, e.client_ref.to_string()), e.seq.0)));
    }
    assert_eq!(answers.into_iter().collect::<BTreeMap<_, _>>(), stored, "what was answered is what is stored");
    for (room, mut ear) in ears {
        ear.until(&room.to_string(), 48).await;
        let by_number = |frame: &Value| stored[&(room, sender(frame), text(frame))] == frame["seq"];
        assert!(ear.heard(&room.to_string()).iter().all(by_number));
    }
}

fn sender(frame: &Value) -> jim_core::id::UserId {
    serde_json::from_value(frame["by"].clone()).unwrap()
}

fn text(frame: &Value) -> String {
    frame["data"]["content"]["text"].as_str().unwrap().into()
}
