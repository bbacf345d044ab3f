//! Databases that are gone when a test ends.

use std::sync::Arc;

use async_trait::async_trait;
use jim_core::store::memory::MemoryStore;
use jim_core::store::mongo::{MongoOptions, MongoRoomLog};
use jim_core::testkit::{Adapter, Fresh, servers};
use mongodb::Client;

/// A database that nobody else uses.
pub(crate) struct Database {
    pub(super) name: String,
    pub(super) url: String,
}

impl Database {
    pub(crate) fn new() -> Self {
        let name = servers::name();
        let mut url = servers::server("JIM_TEST_MONGO");
        url.set_path(&name);
        Database { url: url.into(), name }
    }

    /// One node's logs in it.
    pub(crate) async fn open(&self) -> Arc<MongoRoomLog> {
        MongoRoomLog::connect(&self.url, MongoOptions::default()).await.unwrap()
    }

    /// The database itself, past the adapter.
    pub(super) async fn raw(&self) -> mongodb::Database {
        Client::with_uri_str(&self.url).await.unwrap().database(&self.name)
    }
}

impl Drop for Database {
    /// On a thread and a runtime of its own, because that of the test may be going down.
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { Client::with_uri_str(&url).await?.database(&name).drop().await })
        });
        let dropped = dropped.join();
        assert!(std::thread::panicking() || matches!(dropped, Ok(Ok(()))), "{dropped:?}");
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
