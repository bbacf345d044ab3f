//! Room logs on MongoDB: unique keys number them, without transactions and without locks.
//!
//! A write is answered when the majority of a replica set has it on disk, and reads see nothing younger, so n + 1 is
//! offered only where n can no longer go away. The server's clock is not used: entries bring their time.

mod archive;
mod calls;
mod connect;
mod entry;
mod error;
mod indexes;
#[cfg(test)]
mod plans;
mod room_log;
mod unread;

use std::sync::Arc;

use mongodb::{Collection, Database};

use crate::store::numbering::Ends;

use calls::Calls;
pub use connect::ConnectError;

type Entries = Collection<entry::EntryDoc>;

/// How MongoDB is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MongoOptions {
    /// Connections at most; `maxPoolSize` in the URL wins.
    pub pool: u32,
}

impl Default for MongoOptions {
    fn default() -> Self {
        MongoOptions { pool: 32 }
    }
}

/// Room logs in a database of MongoDB. Any number of nodes may have it open.
pub struct MongoRoomLog {
    database: Database,
    entries: Entries,
    calls: Calls,
    ends: Ends,
    warnings: Vec<String>,
}

impl MongoRoomLog {
    /// Connects, and makes the keys of an empty database. The path of the URL names the database, `jim` if it is empty.
    pub async fn connect(url: &str, options: MongoOptions) -> Result<Arc<Self>, ConnectError> {
        let connect::Connected { database, pool, warnings } = connect::connect(url, options).await?;
        let entries = database.collection(indexes::ENTRIES);
        Ok(Arc::new(MongoRoomLog { database, entries, calls: Calls::new(pool), ends: Ends::default(), warnings }))
    }

    /// What this server or this URL cannot promise, a sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
