//! Two nodes over one bus in memory: what only shows where a change is made on one and heard on the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use jim_core::Jim;
use jim_core::bus::{Bus, BusError, Delivery, LocalBus, Topic};
use jim_core::id::{RoomId, Seq, UserId};
use jim_core::log::Frame;
use jim_core::model::ClientRef;
use jim_core::model::entry::{Entry, Head, NewEntry};
use jim_core::repo::{Appended, Lock, PrivateRights, Res, RoomLogRepo, Slice, Store, Unit, Unread, UnreadCount};
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::fixtures::{self, new_entry};
use jim_core::time::{Clock as _, Millis, SystemClock};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::faulty::FaultyBus;
use crate::node::{Ear, Node, PATIENCE, Town, options, send};

/// One node's side of a bus: what it publishes is heard by all, and what the others subscribe is not its business.
pub(crate) struct Twin {
    mine: Arc<LocalBus>,
    all: Vec<Arc<LocalBus>>,
}

pub(crate) fn twins<const N: usize>() -> [Arc<Twin>; N] {
    let all: Vec<_> = (0..N).map(|_| Arc::new(LocalBus::default())).collect();
    std::array::from_fn(|at| Arc::new(Twin { mine: all[at].clone(), all: all.clone() }))
}

#[async_trait]
impl Bus for Twin {
    async fn publish(&self, topic: Topic, frame: Bytes) -> Result<(), BusError> {
        for bus in &self.all {
            bus.publish(topic, frame.clone()).await?;
        }
        Ok(())
    }

    async fn subscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.mine.subscribe(topics).await
    }

    async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.mine.unsubscribe(topics).await
    }

    fn deliveries(&self) -> Option<mpsc::Receiver<Delivery>> {
        self.mine.deliveries()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_before_a_block_and_is_stored_after_it_is_hidden_on_the_other_node_too() {
    let [a, b] = twins();
    let town = Town::with(a.clone(), options()).await;
    let other = Node::run(town.store.clone(), town.log.clone(), b, options()).await;
    for (round, pair) in town.people(40).await.chunks(2).enumerate() {
        let (ann, ben) = (pair[0], pair[1]);
        let room = town.befriend(ann.id, ben.id).await;
        let log = room.to_string();
        let mut ear = Ear::open(&other.jim, ben.id, ben.session).await.unwrap();
        assert_eq!(send(town.jim(), ann.id, room, "before").await, 1);
        ear.until(&log, 1).await;
        town.jim().blocks().block(ben.id, ann.id).await.unwrap();
        // As a node does that had asked for its rights before the block.
        let late = new_entry(room, ann.id, "late", "of a person who is blocked");
        let Appended::New(late) = town.log.append(&[late]).await.unwrap().remove(0) else { panic!("not new") };
        a.publish(Topic::Room(room), Frame::room(&late).encode()).await.unwrap();
        ear.until(&log, 2).await;
        assert_eq!(ear.heard(&log)[1]["data"], serde_json::json!({ "hidden": true }), "round {round}");
        town.jim().blocks().unblock(ben.id, ann.id).await.unwrap();
        assert_eq!(send(town.jim(), ann.id, room, "after").await, 3);
        ear.until(&log, 3).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_one_node_ends_closes_its_listeners_on_the_other() {
    let [a, b] = twins();
    let town = Town::with(a, options()).await;
    let other = Node::run(town.store.clone(), town.log.clone(), b, options()).await;
    let (_, ben, _) = town.friends().await;
    let mut ear = Ear::open(&other.jim, ben.id, ben.session).await.unwrap();
    town.jim().sessions().revoke(ben.id, ben.session).await.unwrap();
    assert_eq!(ear.end().await, jim_core::hub::Close::SessionEnded);
}

/// A storage whose clock is five minutes ahead of the node's.
struct Ahead(MemoryStore);

const AHEAD: i64 = 5 * 60 * 1000;

#[async_trait]
impl Store for Ahead {
    async fn read(&self) -> Res<Unit> {
        self.0.read().await
    }

    async fn write(&self, locks: &[Lock]) -> Res<Unit> {
        self.0.write(locks).await
    }

    async fn private_rights(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
        self.0.private_rights(asks).await
    }

    async fn ping(&self) -> Res<()> {
        self.0.ping().await
    }

    async fn now(&self) -> Res<Option<Millis>> {
        Ok(Some(Millis(SystemClock.now().0 + AHEAD)))
    }
}

#[tokio::test]
async fn where_the_storage_has_a_clock_it_is_that_of_every_node() {
    let town = Town::new().await;
    let jim = Jim::builder(Arc::new(Ahead(MemoryStore::default())), town.log.clone()).build().await.unwrap();
    let apart = jim.clock().now().0 - SystemClock.now().0;
    assert!((AHEAD - 1000..AHEAD + 1000).contains(&apart), "{apart}");
    // It goes on by itself between two looks.
    let before = jim.clock().now();
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    assert!(jim.clock().now().0 >= before.0 + 25);
}

/// Room logs of which one number cannot be read, as after a database that went back in time.
struct Holed(MemoryRoomLog, Seq);

#[async_trait]
impl RoomLogRepo for Holed {
    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        self.0.append(batch).await
    }

    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        let entries = self.0.read(room, slice, limit).await?;
        Ok(entries.into_iter().filter(|entry| entry.seq != self.1).collect())
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        self.0.heads(rooms).await
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        self.0.find_ref(room, by, client_ref).await
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        self.0.erase(room, seq, stub).await
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        self.0.unread(asks).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_does_not_exist_is_passed_over_and_the_room_goes_on() {
    let bus = FaultyBus::new(2);
    let store = Arc::new(MemoryStore::default());
    let log = Arc::new(Holed(MemoryRoomLog::default(), Seq(2)));
    let node = Node::run(store.clone(), log, bus.clone(), options()).await;
    let ids = fixtures::users(&*store, "p", 2).await;
    fixtures::friends(&*store, ids[0], ids[1]).await;
    let room = fixtures::open(&*store, ids[0], ids[1]).await;
    let session = fixtures::session(&*store, ids[1], "phone").await;
    let mut listener = node.jim.hub().attach(ids[1], session).await.unwrap().ok().unwrap();
    assert_eq!(send(&node.jim, ids[0], room, "one").await, 1);
    bus.dead.store(true, Ordering::SeqCst);
    assert_eq!(send(&node.jim, ids[0], room, "two").await, 2);
    bus.dead.store(false, Ordering::SeqCst);
    assert_eq!(send(&node.jim, ids[0], room, "three").await, 3);
    let third = async {
        let mut frames: Vec<Bytes> = Vec::new();
        while !frames.iter().any(|frame| serde_json::from_slice::<Value>(frame).unwrap()["seq"] == 3) {
            listener.next(&mut frames, 64).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, third).await.expect("what comes after the hole");
}
