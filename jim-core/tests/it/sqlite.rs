//! What only a file can get wrong.

use std::sync::Arc;
use std::time::Duration;

use jim_core::repo::{RoomLogRepo, Store};
use jim_core::store::sql::{Durability, SqliteStore};
use jim_core::testkit::fixtures::{commit, new_entry, private, users};
use tempfile::TempDir;
use tokio::time::timeout;

async fn store() -> (Arc<SqliteStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteStore::file(folder.path()), Durability::Full).await.unwrap();
    (store, folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_hang_up_while_a_unit_begins_leave_no_transaction_behind() {
    let (store, _folder) = store().await;
    for pause in 0..400 {
        let pause = Duration::from_micros(pause);
        let (read, write) = tokio::join!(timeout(pause, Store::read(&*store)), timeout(pause, store.write(&[])));
        drop((read, write));
    }
    for n in 0..8 {
        let mut unit = store.write(&[]).await.unwrap();
        unit.settings().ensure("last", &n.to_string()).await.unwrap();
        commit(unit).await;
        assert_eq!(Store::read(&*store).await.unwrap().settings().get("last").await.unwrap().as_deref(), Some("0"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upkeep_writes_the_log_back_into_the_file() {
    let (store, folder) = store().await;
    let ids = users(&*store, "user", 2).await;
    let room = private(ids[0], ids[1]);
    let batch: Vec<_> = (0..200).map(|n| new_entry(room, ids[0], &format!("r{n}"), "some text")).collect();
    RoomLogRepo::append(&*store, &batch).await.unwrap();
    let before = std::fs::metadata(SqliteStore::file(folder.path())).unwrap().len();
    store.maintain().await.unwrap();
    let after = std::fs::metadata(SqliteStore::file(folder.path())).unwrap().len();
    assert!(after > before, "{before} {after}");
}
