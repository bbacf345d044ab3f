//! What two nodes share, and whether the tests run on it.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use jim_core::testkit::servers::{MongoDatabase, MySqlDatabase, server};
use mongodb::bson::{Document, doc};
use sqlx::AssertSqlSafe;

/// What the tests of the whole server run on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// One node on SQLite.
    Embedded,
    /// Two nodes, asked in turn, on MariaDB or MySQL, MongoDB and Redis.
    Cluster,
}

impl Profile {
    /// What `JIM_TEST_PROFILE` says.
    pub(crate) fn here() -> Profile {
        match std::env::var("JIM_TEST_PROFILE").as_deref() {
            Err(_) | Ok("embedded") => Profile::Embedded,
            Ok("cluster") => Profile::Cluster,
            Ok(other) => panic!("JIM_TEST_PROFILE is {other}: neither embedded nor cluster"),
        }
    }
}

/// Empty databases on the shared servers. Dropped, they are gone.
pub(crate) struct Databases {
    store: MySqlDatabase,
    rooms: MongoDatabase,
}

impl Databases {
    pub(crate) async fn make() -> Databases {
        Databases { store: MySqlDatabase::make().await, rooms: MongoDatabase::make() }
    }

    /// Where the room logs are.
    pub(crate) fn rooms_url(&self) -> String {
        self.rooms.url().to_string()
    }

    /// The settings of a node on them.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("store.url", self.store.url().to_string()),
            ("rooms.url", self.rooms.url().to_string()),
            ("bus.url", server("JIM_TEST_REDIS").to_string()),
        ]
    }

    /// Changes what is stored.
    pub(crate) async fn run(&self, text: &'static str) {
        sqlx::query(text).execute(&mut self.store.connect().await).await.expect("a change");
    }

    /// How many rows each table has, and how many entries the logs.
    pub(crate) async fn rows(&self) -> BTreeMap<String, i64> {
        let mut conn = self.store.connect().await;
        let names: Vec<String> =
            sqlx::query_scalar("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
                .fetch_all(&mut conn)
                .await
                .expect("the tables");
        let mut rows = BTreeMap::new();
        for name in names {
            let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {name}")));
            let count: i64 = count.fetch_one(&mut conn).await.expect("a count");
            rows.insert(name, count);
        }
        let entries = self.rooms.raw().await.collection::<Document>("jim_entries");
        let entries = entries.count_documents(doc! {}).await.expect("a count");
        rows.insert("jim_entries".into(), i64::try_from(entries).expect("a small count"));
        rows
    }

    /// All that is stored, as text.
    pub(crate) async fn everything(&self) -> Vec<u8> {
        let mut conn = self.store.connect().await;
        let columns = "SELECT table_name, GROUP_CONCAT(column_name) FROM information_schema.columns
            WHERE table_schema = DATABASE() GROUP BY table_name";
        let tables: Vec<(String, String)> = sqlx::query_as(columns).fetch_all(&mut conn).await.expect("the tables");
        let mut all = Vec::new();
        for (table, columns) in tables {
            let text = AssertSqlSafe(format!("SELECT CONCAT_WS(' ', {columns}) FROM {table}"));
            let rows: Vec<String> = sqlx::query_scalar(text).fetch_all(&mut conn).await.expect("the rows");
            all.extend(rows.join("\n").into_bytes());
        }
        let entries = self.rooms.raw().await.collection::<Document>("jim_entries");
        let entries: Vec<Document> =
            entries.find(doc! {}).await.expect("an answer").try_collect().await.expect("the entries");
        all.extend(entries.iter().flat_map(|entry| entry.to_string().into_bytes()));
        all
    }

    /// Digest and body of an entry.
    pub(crate) async fn stored(&self, room: &str, seq: i64) -> (Option<String>, String) {
        let entries = self.rooms.raw().await.collection::<Document>("jim_entries");
        let entry = entries.find_one(doc! { "room": room, "seq": seq }).await.expect("an answer").expect("an entry");
        let text = |key: &str| entry.get_str(key).ok().map(str::to_owned);
        (text("digest"), text("body").expect("a body"))
    }
}
