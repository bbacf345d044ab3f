//! Whole stores: carried from engine to engine, and looked over.

mod fill;
mod limited;
mod moves;
mod schema;
mod verifying;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use jim_core::repo::tables::{MENTIONS, RETRACTIONS, TABLES};
use jim_core::repo::{Archive, LogArchive, Row, Slice, Store};
use jim_core::store::sql::{Durability, MySqlOptions, MySqlStore, SqliteStore};
use jim_core::testkit::servers::MySqlDatabase;
use jim_core::transfer::Whole;

use crate::mongo::Database;

/// A store in the hand of a test.
struct Held {
    archive: Arc<dyn Archive>,
    logs: Arc<dyn LogArchive>,
    store: Arc<dyn Store>,
    keep: Vec<Box<dyn Any + Send + Sync>>,
}

impl Held {
    fn whole(&self) -> Whole<'_> {
        Whole { store: &*self.archive, logs: &*self.logs }
    }
}

async fn sqlite() -> (Held, Arc<SqliteStore>, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::file(folder.path());
    let store = SqliteStore::open(&file, Durability::Normal).await.unwrap();
    let (archive, logs) = (store.clone(), store.clone());
    (Held { archive, logs, store: store.clone(), keep: vec![Box::new(folder)] }, store, file)
}

async fn mysql() -> Held {
    let database = MySqlDatabase::make().await;
    let options = MySqlOptions { writers: 4, readers: 4, lanes: 2 };
    let store = MySqlStore::open(&database.url(), options).await.unwrap();
    Held { archive: store.clone(), logs: store.clone(), store, keep: vec![Box::new(database)] }
}

async fn mysql_and_mongo() -> Held {
    let mut held = mysql().await;
    let database = Database::new();
    held.logs = database.open().await;
    held.keep.push(Box::new(database));
    held
}

/// All that a store holds: rows by their table, entries by their room.
async fn dump(of: &Held) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for table in TABLES.into_iter().chain([&MENTIONS, &RETRACTIONS]) {
        let rows: Vec<Row> = of.archive.rows(table, &[], 10_000).await.unwrap();
        let mut lines: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        if table.gives_ids {
            lines.push(format!("last id {}", of.archive.last_id(table).await.unwrap()));
        }
        all.insert(table.name.to_owned(), lines);
    }
    let mut name = String::new();
    while let Some(next) = of.logs.next_room(&name).await.unwrap() {
        let entries = of.logs.read(&next.parse().unwrap(), Slice::After(jim_core::id::Seq(0)), 10_000).await.unwrap();
        let lines = entries.iter().map(|entry| {
            format!(
                "{} {} {} {} {} {} {:?} {}",
                entry.seq,
                entry.ord,
                entry.fence,
                entry.at.0,
                entry.client_ref,
                entry.by,
                entry.digest,
                entry.body.as_ref().unwrap()
            )
        });
        all.insert(next.clone(), lines.collect());
        name = next;
    }
    all
}
