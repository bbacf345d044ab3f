//! What tests of Jim, of hosts and of other people's adapters share: the contract suite, small builders, and a clock
//! and a randomness that a test holds in its hand.
//!
//! An adapter is put under the suite with an [`Adapter`] that makes empty databases, and one line:
//!
//! ```
//! # mod doc {
//! use jim_core::testkit::InMemory;
//!
//! jim_core::contract!(memory, InMemory);
//! # }
//! ```

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test stops at what it did not expect")]

pub mod contract;
pub mod fixtures;
mod injected;
#[cfg(all(feature = "mysql", feature = "mongo"))]
pub mod servers;
pub mod shared;

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use crate::repo::{RoomLogRepo, Store, Unit};
use crate::store::memory::{MemoryRoomLog, MemoryStore};

pub use contract::CASES;
pub use injected::{CountingRandom, ManualClock};

/// Makes databases for the suite.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// An empty database that nobody else uses.
    async fn fresh(&self) -> Fresh;
}

/// An empty database.
pub struct Fresh {
    /// Its relational side.
    pub store: Arc<dyn Store>,
    /// Its room logs.
    pub log: Arc<dyn RoomLogRepo>,
    /// What must live as long as the database, such as its folder.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl Fresh {
    /// A unit that only reads.
    pub async fn read(&self) -> Unit {
        self.store.read().await.unwrap()
    }

    /// A unit that writes and locks nobody.
    pub async fn write(&self) -> Unit {
        self.store.write(&[]).await.unwrap()
    }
}

/// The stores in memory, as the suite sees them.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemory;

#[async_trait]
impl Adapter for InMemory {
    async fn fresh(&self) -> Fresh {
        Fresh { store: Arc::new(MemoryStore::default()), log: Arc::new(MemoryRoomLog::default()), keep: Box::new(()) }
    }
}

/// A case that runs.
pub type CaseFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One sentence of the contract; it panics where an adapter breaks it.
#[derive(Clone, Copy)]
pub struct Case {
    /// Noun and sentence, such as `users::unknown_accounts_are_absent`.
    pub name: &'static str,
    /// Runs the case on an empty database.
    pub run: for<'a> fn(&'a Fresh) -> CaseFuture<'a>,
}

/// The names of the cases that an adapter fails.
pub async fn failures(adapter: &dyn Adapter) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for case in CASES {
        let fresh = adapter.fresh().await;
        if tokio::spawn(async move { (case.run)(&fresh).await }).await.is_err() {
            failed.push(case.name);
        }
    }
    failed
}
