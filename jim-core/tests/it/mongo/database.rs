//! Databases that are gone when a test ends.

use std::sync::Arc;

use async_trait::async_trait;
use jim_core::store::memory::MemoryStore;
use jim_core::store::mongo::{MongoOptions, MongoRoomLog};
use jim_core::testkit::servers::MongoDatabase;
use jim_core::testkit::{Adapter, Fresh};

/// A database that nobody else uses, gone when it is dropped.
pub(crate) struct Database(MongoDatabase);

impl Database {
    pub(crate) fn new() -> Self {
        Database(MongoDatabase::make())
    }

    pub(crate) fn url(&self) -> String {
        self.0.url().to_string()
    }

    /// One node's logs in it.
    pub(crate) async fn open(&self) -> Arc<MongoRoomLog> {
        MongoRoomLog::connect(&self.url(), MongoOptions::default()).await.unwrap()
    }

    /// The database itself, past the adapter.
    pub(crate) async fn raw(&self) -> mongodb::Database {
        self.0.raw().await
    }
}

/// Room logs on MongoDB, with an empty relational side in memory.
pub(crate) struct OnMongo;

#[async_trait]
impl Adapter for OnMongo {
    async fn fresh(&self) -> Fresh {
        let database = Database::new();
        let log = database.open().await;
        Fresh { store: Arc::new(MemoryStore::default()), log, keep: Box::new(database) }
    }
}
