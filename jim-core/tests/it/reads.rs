//! Read marks that are stored while somebody reads.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jim_core::bus::LocalBus;
use jim_core::id::{Seq, UserId};
use jim_core::repo::{Lock, PrivateRights, Res, Store, Unit};
use jim_core::service::Shown;
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::fixtures;
use serde_json::json;

use crate::node::{Ear, Node, options, send};

type Happened = Pin<Box<dyn Future<Output = ()> + Send>>;

tokio::task_local! {
    /// How many reads of a task go by, and what happens once the next has begun.
    static AMID: Mutex<(usize, Option<Happened>)>;
}

/// A store in which something happens between the moment that somebody reads and his reading of it.
struct Amid(MemoryStore);

#[async_trait]
impl Store for Amid {
    async fn read(&self) -> Res<Unit> {
        let unit = self.0.read().await?;
        let happened = AMID.try_with(|amid| {
            let mut amid = amid.lock().unwrap();
            let begun = amid.0 == 0;
            amid.0 = amid.0.saturating_sub(1);
            if begun { amid.1.take() } else { None }
        });
        if let Ok(Some(happened)) = happened {
            happened.await;
        }
        Ok(unit)
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_is_stored_while_somebody_reads_is_seen_by_him() {
    let store = Arc::new(Amid(MemoryStore::default()));
    let bus = Arc::new(LocalBus::default());
    let node = Node::run(store.clone(), Arc::new(MemoryRoomLog::default()), bus, options()).await;
    let (ann, ben) = (fixtures::user(&*store, "ann").await, fixtures::user(&*store, "ben").await);
    let session = fixtures::session(&*store, ann, "ann").await;
    fixtures::friends(&*store, ann, ben).await;
    let room = fixtures::open(&*store, ann, ben).await;
    // Who asks for readers has all marks stored first.
    let stored = || -> Happened {
        let jim = node.jim.clone();
        Box::pin(async move {
            jim.reads().readers(ben, room, Seq(1), None, 1).await.unwrap();
        })
    };
    let amid = |passed| Mutex::new((passed, Some(stored())));
    for round in 0..5 {
        // Who writes has read what he wrote, and nobody waits until that is stored.
        let sent = Seq(send(&node.jim, ann, room, &format!("list-{round}")).await);
        let list = node.jim.conversations().list(ann, Shown { limit: 9, ..Shown::default() });
        let list = AMID.scope(amid(0), list).await.unwrap();
        let of_room = list.items.iter().find(|conversation| conversation.row.room == room).unwrap();
        assert_eq!(of_room.row.read, sent, "in the list of round {round}");

        let sent = Seq(send(&node.jim, ann, room, &format!("get-{round}")).await);
        let got = AMID.scope(amid(0), node.jim.conversations().get(ann, room)).await.unwrap();
        assert_eq!(got.row.read, sent, "of the room in round {round}");

        // A listener reads first whether the session is over.
        let sent = Seq(send(&node.jim, ann, room, &format!("hello-{round}")).await);
        let ear = AMID.scope(amid(1), Ear::open(&node.jim, ann, session)).await.unwrap();
        assert_eq!(ear.hello["reads"][room.to_string()], json!(sent), "in hello of round {round}");
    }
}
