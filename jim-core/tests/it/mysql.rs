//! What is true of MySQL and MariaDB beyond the contract: many nodes, and a schema that says the same as SQLite's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jim_core::id::{RoomId, Seq, UserId};
use jim_core::model::Kind;
use jim_core::model::entry::{Guard, NewEntry};
use jim_core::repo::{Appended, RoomLogRepo, Slice, Store as _};
use jim_core::store::sql::{Durability, MySqlOptions, MySqlStore, SqliteStore};
use jim_core::testkit::fixtures::new_entry;
use jim_core::testkit::servers::MySqlDatabase;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::task::JoinSet;

fn room() -> RoomId {
    RoomId::private(UserId(1), UserId(2)).unwrap()
}

async fn node(database: &MySqlDatabase) -> Arc<MySqlStore> {
    MySqlStore::open(&database.url(), MySqlOptions { writers: 2, readers: 4, lanes: 4 }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_with_16_senders_each_every_send_is_answered_and_numbered_once() {
    const SENDS: usize = 20;
    let database = MySqlDatabase::make().await;
    let nodes = [node(&database).await, node(&database).await];
    let mut sending = JoinSet::new();
    for sender in 0..32 {
        let node = nodes[sender % 2].clone();
        sending.spawn(async move {
            let mut seqs = Vec::new();
            for n in 0..SENDS {
                let new = new_entry(room(), UserId(1), &format!("m-{sender}-{n}"), "hello");
                loop {
                    match node.append(std::slice::from_ref(&new)).await.map(|mut answers| answers.remove(0)) {
                        Ok(Appended::New(entry) | Appended::Again(entry)) => break seqs.push(entry.seq.0),
                        Ok(other) => panic!("{other:?}"),
                        // Others took the numbers it wanted for too long.
                        Err(jim_core::repo::RepoError::Busy) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            seqs
        });
    }
    let answered: BTreeSet<i64> = sending.join_all().await.into_iter().flatten().collect();
    let most = i64::try_from(32 * SENDS).unwrap();
    assert_eq!(answered, (1..=most).collect());
    let stored = RoomLogRepo::read(&*nodes[0], &room(), Slice::After(Seq(0)), 1000).await.unwrap();
    assert_eq!(stored.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), (1..=most).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_node_whose_head_is_old_is_told_that_a_right_was_taken_away_since() {
    let database = MySqlDatabase::make().await;
    let (here, there) = (node(&database).await, node(&database).await);
    here.append(&[new_entry(room(), UserId(1), "first", "hello")]).await.unwrap();
    let muted = NewEntry { kind: Kind::MEMBER_MUTED, fences: true, ..new_entry(room(), UserId(2), "mute", "") };
    there.append(&[muted]).await.unwrap();
    let late = NewEntry { guard: Guard::Fence(Seq(0)), ..new_entry(room(), UserId(1), "late", "hello") };
    let answer = here.append(&[late]).await.unwrap().remove(0);
    assert!(matches!(answer, Appended::Stale(head) if head.fence == Seq(2) && head.seq == Seq(2)), "{answer:?}");
}

#[tokio::test]
async fn the_clock_of_the_nodes_is_the_databases() {
    let database = MySqlDatabase::make().await;
    let store = node(&database).await;
    let mut conn = database.connect().await;
    let text = "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
    let before: i64 = sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap();
    let now = store.now().await.unwrap().unwrap().0;
    let after: i64 = sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap();
    assert!((before..=after).contains(&now), "{before} {now} {after}");
}

/// Of each table: its columns with whether they may be null, and the sets of columns that are unique.
type Schema = BTreeMap<String, (BTreeMap<String, bool>, BTreeSet<BTreeSet<String>>)>;

async fn of_mysql(database: &MySqlDatabase) -> Schema {
    let mut conn = database.connect().await;
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = DATABASE()",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let mut schema = Schema::new();
    for (table, column, nullable) in columns {
        schema.entry(table).or_default().0.insert(column, nullable == "YES");
    }
    let keys: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name, GROUP_CONCAT(column_name) FROM information_schema.statistics
         WHERE table_schema = DATABASE() AND non_unique = 0 GROUP BY table_name, index_name",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    for (table, columns) in keys {
        schema.get_mut(&table).unwrap().1.insert(columns.split(',').map(ToOwned::to_owned).collect());
    }
    schema
}

async fn of_sqlite() -> Schema {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::file(folder.path());
    drop(SqliteStore::open(&file, Durability::Normal).await.unwrap());
    let mut conn = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'jim%'")
            .fetch_all(&mut conn)
            .await
            .unwrap();
    let mut schema = Schema::new();
    for table in tables {
        let (columns, unique) = schema.entry(table.clone()).or_default();
        let found: Vec<(String, bool, bool)> =
            sqlx::query_as("SELECT name, \"notnull\" OR pk > 0, pk > 0 FROM pragma_table_info(?)")
                .bind(&table)
                .fetch_all(&mut conn)
                .await
                .unwrap();
        columns.extend(found.iter().map(|(name, set, _)| (name.clone(), !set)));
        let key: BTreeSet<_> = found.iter().filter(|(.., key)| *key).map(|(name, ..)| name.clone()).collect();
        if !key.is_empty() {
            unique.insert(key);
        }
        let keys: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_index_list(?) WHERE \"unique\"")
            .bind(&table)
            .fetch_all(&mut conn)
            .await
            .unwrap();
        for key in keys {
            let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_index_info(?)")
                .bind(key)
                .fetch_all(&mut conn)
                .await
                .unwrap();
            unique.insert(columns.into_iter().collect());
        }
    }
    schema
}

#[tokio::test]
async fn both_folders_of_migrations_make_the_same_tables_columns_and_unique_keys() {
    let database = MySqlDatabase::make().await;
    node(&database).await;
    let (mysql, mut sqlite) = (of_mysql(&database).await, of_sqlite().await);
    // SQLite keeps the ends of logs beside them; MySQL asks the key of the entries.
    assert!(sqlite.remove("jim_rooms").is_some());
    assert_eq!(mysql.keys().collect::<Vec<_>>(), sqlite.keys().collect::<Vec<_>>());
    for (table, schema) in &mysql {
        assert_eq!(schema, &sqlite[table], "{table}");
    }
}
