//! No table is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use jim_core::repo::tables::{MENTIONS, RETRACTIONS, TABLES};
use jim_core::store::sql::{MySqlOptions, MySqlStore};
use jim_core::testkit::servers::MySqlDatabase;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::sqlite;

type Columns = BTreeMap<String, BTreeSet<String>>;

/// What moves know of.
fn known() -> Columns {
    let tables = TABLES.into_iter().chain([&MENTIONS, &RETRACTIONS]);
    tables.map(|table| (table.name.to_owned(), table.columns.iter().map(ToString::to_string).collect())).collect()
}

/// What a database has, by table and column, without what is made anew: the schema's own table, and the room logs,
/// whose columns are those of [`jim_core::model::Entry`].
fn carried(columns: Vec<(String, String)>) -> Columns {
    let mut found = Columns::new();
    for (table, column) in columns {
        found.entry(table.trim_start_matches("jim_").to_owned()).or_default().insert(column);
    }
    let logs = ["room", "seq", "ord", "fence", "at", "by_user", "client_ref", "kind", "digest", "body"];
    assert_eq!(found.remove("entries").unwrap(), logs.map(String::from).into());
    found.remove("migrations").unwrap();
    found
}

#[tokio::test]
async fn every_table_and_column_of_both_databases_is_carried() {
    let (_held, store, file) = sqlite().await;
    drop(store);
    let mut conn = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.unwrap();
    let text = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'";
    let columns: Vec<(String, String)> = sqlx::query_as(text).fetch_all(&mut conn).await.unwrap();
    let mut found = carried(columns);
    assert_eq!(found.remove("rooms").unwrap(), ["room", "seq", "ord", "fence", "at"].map(String::from).into());
    assert_eq!(found, known());

    let database = MySqlDatabase::make().await;
    drop(MySqlStore::open(&database.url(), MySqlOptions::default()).await.unwrap());
    let mut conn = database.connect().await;
    let text = "SELECT CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR) FROM information_schema.COLUMNS
         WHERE TABLE_SCHEMA = DATABASE()";
    let columns: Vec<(String, String)> = sqlx::query_as(text).fetch_all(&mut conn).await.unwrap();
    assert_eq!(carried(columns), known());
}
