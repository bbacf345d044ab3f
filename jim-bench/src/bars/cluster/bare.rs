//! The control of sends: the same rows into the same database, one an insert, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, WriteConcern};
use mongodb::{Client, Collection};
use sqlx::Executor as _;
use sqlx::mysql::MySqlConnection;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::bars::Plan;
use crate::cluster::{Cluster, connect};
use crate::load::next_number;
use crate::{Res, float};

/// Rooms that the rows are spread over, as many as the subject has.
const ROOMS: u64 = 100;
/// Rows that are taken as patterns.
const PATTERNS: i64 = 100;

const COLUMNS: &str = "room, seq, ord, fence, at, by_user, client_ref, kind, digest, body";
const INSERT: &str = "INSERT INTO bare (room, seq, ord, fence, at, by_user, client_ref, kind, digest, body)
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// A row as Jim stored it; number and reference are given anew.
#[derive(Clone, sqlx::FromRow)]
struct Row {
    fence: i64,
    at: i64,
    by_user: i64,
    kind: String,
    digest: Option<String>,
    body: Option<String>,
}

/// Where a row goes: its room, its number there, and a reference that is scattered as random ones are.
fn place() -> (String, i64, String) {
    let number = next_number();
    let digits = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (high, low) = (digits >> 32, digits & 0xFFFF_FFFF);
    let client_ref = format!("{high:08x}-{:04x}-{:04x}-8000-000000000000", low >> 16, low & 0xFFFF);
    (format!("bare:{}", 101 + number % ROOMS), (number / ROOMS).cast_signed(), client_ref)
}

/// One connection, or one caller of a pool.
enum Writer {
    Mysql(MySqlConnection, Row),
    Mongo(Collection<Document>, Document),
}

impl Writer {
    async fn insert(&mut self) -> Res<()> {
        let (room, seq, client_ref) = place();
        match self {
            Writer::Mysql(conn, row) => {
                let insert = sqlx::query(INSERT).bind(room).bind(seq).bind(seq).bind(row.fence).bind(row.at);
                let insert = insert.bind(row.by_user).bind(client_ref).bind(&row.kind).bind(&row.digest);
                insert.bind(&row.body).execute(conn).await?;
            }
            Writer::Mongo(bare, pattern) => {
                let mut entry = pattern.clone();
                entry.extend([("room".into(), room.into()), ("seq".into(), seq.into())]);
                entry.extend([("ord".into(), seq.into()), ("ref".into(), client_ref.into())]);
                bare.insert_one(entry).await?;
            }
        }
        Ok(())
    }
}

/// What one round shows.
pub(super) struct Inserted {
    /// Rows a second.
    pub(super) rate: f64,
    /// CPU of the database for each, in microseconds.
    pub(super) cpu: f64,
}

/// Inserts on so many connections for a time. Who waits for a connection does nothing, so there is nobody.
pub(super) async fn round(plan: &Plan, cluster: &Cluster, connections: usize) -> Res<Inserted> {
    let (inserted, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let mut workers = JoinSet::new();
    for mut writer in writers(cluster, connections).await? {
        let (inserted, stop) = (inserted.clone(), stop.clone());
        workers.spawn(async move {
            while !stop.load(Relaxed) {
                writer.insert().await?;
                inserted.fetch_add(1, Relaxed);
            }
            Res::Ok(())
        });
    }
    let engine = cluster.log_engine();
    sleep(plan.warm_up).await;
    let (before, cpu, began) = (inserted.load(Relaxed), engine.cpu()?, Instant::now());
    sleep(plan.round).await;
    let rows = float(inserted.load(Relaxed) - before);
    let (took, cpu) = (began.elapsed(), engine.cpu()? - cpu);
    stop.store(true, Relaxed);
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(Inserted { rate: rows / took.as_secs_f64(), cpu: cpu / rows * 1e6 })
}

async fn writers(cluster: &Cluster, connections: usize) -> Res<Vec<Writer>> {
    match cluster.rooms_url() {
        None => on_mysql(&cluster.store_url(), connections).await,
        Some(url) => on_mongo(&url, connections).await,
    }
}

/// The table has the columns and the keys of the subject's, and at first its rows: an empty one is all in one page.
async fn on_mysql(url: &str, connections: usize) -> Res<Vec<Writer>> {
    let mut conn = connect(url).await?;
    conn.execute("CREATE TABLE IF NOT EXISTS bare LIKE jim_entries").await?;
    conn.execute("INSERT INTO bare SELECT * FROM jim_entries WHERE NOT EXISTS (SELECT 1 FROM bare)").await?;
    let text = format!("SELECT {COLUMNS} FROM jim_entries WHERE seq > 1 ORDER BY room, seq DESC LIMIT {PATTERNS}");
    let patterns: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(text)).fetch_all(&mut conn).await?;
    let mut writers = Vec::new();
    for pattern in patterns.iter().cycle().take(connections) {
        writers.push(Writer::Mysql(connect(url).await?, pattern.clone()));
    }
    Ok(writers)
}

/// The collection has the keys of the subject's, and its concern.
async fn on_mongo(url: &str, connections: usize) -> Res<Vec<Writer>> {
    let mut options = ClientOptions::parse(url).await?;
    options.max_pool_size = Some(u32::try_from(connections)?);
    let database = Client::with_options(options)?.default_database().ok_or("the URL names no database")?;
    let subject = database.collection::<Document>("jim_entries");
    let concern = WriteConcern::builder().w(Acknowledgment::Majority).journal(true);
    let concern = concern.w_timeout(Duration::from_millis(2_500)).build();
    let options = CollectionOptions::builder().write_concern(concern).build();
    let bare = database.collection_with_options::<Document>("bare", options);
    let indexes: Vec<_> = subject.list_indexes().await?.try_collect().await?;
    bare.create_indexes(indexes.into_iter().filter(|index| !index.keys.contains_key("_id"))).await?;
    let mut patterns: Vec<Document> =
        subject.find(doc! { "seq": { "$gt": 1 } }).limit(PATTERNS).await?.try_collect().await?;
    for pattern in &mut patterns {
        pattern.remove("_id");
    }
    Ok(patterns.iter().cycle().take(connections).map(|it| Writer::Mongo(bare.clone(), it.clone())).collect())
}
