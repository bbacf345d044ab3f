//! What a server has stored, read beside it.

use std::collections::BTreeMap;
use std::path::Path;

use jim_core::store::sql::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

/// A connection to the database in a data folder, for reading.
async fn open(data: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(SqliteStore::file(data)).read_only(true);
    options.connect().await.expect("the database")
}

/// Changes what is stored.
pub(crate) async fn run(data: &Path, text: &'static str) {
    let options = SqliteConnectOptions::new().filename(SqliteStore::file(data)).busy_timeout(super::PATIENCE);
    let mut database = options.connect().await.expect("the database");
    sqlx::query(text).execute(&mut database).await.expect("a change");
}

/// How many rows each table has.
pub(crate) async fn rows(data: &Path) -> BTreeMap<String, i64> {
    let mut database = open(data).await;
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'jim%'";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut database).await.expect("the tables");
    let mut rows = BTreeMap::new();
    for name in names {
        let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {name}")));
        let count: i64 = count.fetch_one(&mut database).await.expect("a count");
        rows.insert(name, count);
    }
    rows
}

/// Digest and body of an entry.
pub(crate) async fn stored(data: &Path, room: &str, seq: i64) -> (Option<String>, String) {
    let entry = sqlx::query_as("SELECT digest, body FROM jim_entries WHERE room = ? AND seq = ?");
    entry.bind(room).bind(seq).fetch_one(&mut open(data).await).await.expect("an entry")
}

/// All bytes of all files of a folder.
pub(crate) fn everything_in(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("its entry").path();
        bytes.extend(if path.is_dir() { everything_in(&path) } else { std::fs::read(&path).expect("a file") });
    }
    bytes
}

/// Whether a text stands among bytes.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}
