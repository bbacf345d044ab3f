//! Room logs: numbered by the one writer, one durable commit for the whole batch.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::value::RawValue;
use sqlx::sqlite::SqliteConnection;

use super::conn::{Arg, Verbs as _, args, broken, repo_error};
use super::{SqliteStore, chunks, sql, tuples, unread};
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::{ClientRef, ContentDigest};
use crate::model::entry::{Entry, Head, Kind, NewEntry};
use crate::repo::{Appended, RepoError, Res, RoomLogRepo, Slice, Unread, UnreadCount};
use crate::store::numbering::{Plan, Shelf};
use crate::time::Millis;

/// Rows of one INSERT; more gain nothing.
const MOST: usize = 64;

/// Columns of an entry, of a head and of a mention.
const ENTRY: usize = 10;
const HEAD: usize = 5;
const MENTION: usize = 3;

const COLUMNS: &str = "room, seq, ord, fence, at, by_user, client_ref, kind, digest, body";

#[derive(sqlx::FromRow)]
struct EntryRow {
    room: String,
    seq: i64,
    ord: i64,
    fence: i64,
    at: i64,
    by_user: i64,
    client_ref: String,
    kind: String,
    digest: Option<String>,
    body: Option<String>,
}

impl TryFrom<EntryRow> for Arc<Entry> {
    type Error = RepoError;

    fn try_from(row: EntryRow) -> Res<Self> {
        let body = row.body.map(RawValue::from_string).transpose().map_err(|_| broken("a body is no JSON"))?;
        Ok(Arc::new(Entry {
            room: row.room.parse().map_err(|_| broken("a room has no such name"))?,
            seq: Seq(row.seq),
            ord: row.ord,
            fence: Seq(row.fence),
            at: Millis(row.at),
            by: UserId(row.by_user),
            client_ref: ClientRef(row.client_ref),
            kind: Kind::named(row.kind),
            digest: row.digest.map(ContentDigest),
            body: body.map(Arc::from),
            json: OnceLock::new(),
        }))
    }
}

/// The lane's connection.
pub(super) struct Lane(SqliteConnection);

impl Lane {
    pub(super) fn new(conn: SqliteConnection) -> Self {
        Lane(conn)
    }
}

impl Shelf for Lane {
    async fn heads(&mut self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        heads(&mut self.0, rooms).await
    }

    async fn find(&mut self, batch: &[NewEntry]) -> Res<Vec<Option<Arc<Entry>>>> {
        let mut known = Vec::with_capacity(batch.len());
        for new in batch {
            known.push(find_ref(&mut self.0, &new.room, new.by, &new.client_ref).await?);
        }
        Ok(known)
    }

    /// One transaction and one call to the driver, whose thread would otherwise wait for ours between the steps.
    async fn store(&mut self, plan: &Plan<'_>) -> Res<()> {
        let new: Vec<&Entry> = plan.new_entries().map(|(_, entry)| &**entry).collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut text = String::from("BEGIN IMMEDIATE;");
        let mut args = Vec::new();
        for part in new.chunks(MOST) {
            let rows = padded(part.len());
            text += &insert_text(rows);
            insert_args(&mut args, part);
            args.resize(args.len() + (rows - part.len()) * ENTRY, Arg::Null);
        }
        for part in plan.moved.chunks(MOST) {
            let rows = padded(part.len());
            text += &heads_text(rows);
            heads_args(&mut args, part);
            args.resize(args.len() + (rows - part.len()) * HEAD, Arg::Null);
        }
        for part in mentions(plan).chunks(MOST) {
            let rows = padded(part.len());
            text += &mentions_text(rows);
            mention_args(&mut args, part);
            args.resize(args.len() + (rows - part.len()) * MENTION, Arg::Null);
        }
        let stored = self.0.run(sql(text + "COMMIT"), args).await.map(|_| ());
        if stored.is_err() {
            // SQLite may have rolled back by itself; then there is nothing to roll back.
            let _ = self.0.run("ROLLBACK", args![]).await;
        }
        stored
    }
}

/// Whom new entries mention.
fn mentions<'a>(plan: &'a Plan<'_>) -> Vec<(UserId, &'a Entry)> {
    plan.new_entries().flat_map(|(new, entry)| new.mentions.iter().map(move |user| (*user, &**entry))).collect()
}

fn mention_args(args: &mut Vec<Arg>, mentions: &[(UserId, &Entry)]) {
    args.extend(mentions.iter().flat_map(|(user, entry)| [(*user).into(), (&entry.room).into(), entry.seq.into()]));
}

/// So many rows has the statement that takes `rows`; what is too much is NULL and filtered. Few texts are prepared.
fn padded(rows: usize) -> usize {
    rows.next_power_of_two()
}

#[async_trait]
impl RoomLogRepo for SqliteStore {
    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        let mut lane = self.lane.lock().await;
        let _gate = self.gate.acquire().await.map_err(|error| RepoError::Unavailable(error.into()))?;
        self.ends.append(&mut *lane, batch).await
    }

    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        let mut conn = self.readers.acquire().await.map_err(repo_error)?;
        let select = format!("SELECT {COLUMNS} FROM jim_entries WHERE room = ?");
        let rows: Vec<EntryRow> = match slice {
            Slice::After(seq) => {
                conn.rows(sql(select + " AND seq > ? ORDER BY seq LIMIT ?"), args![room, seq, limit]).await?
            }
            Slice::Before(seq) => {
                let mut rows: Vec<EntryRow> =
                    conn.rows(sql(select + " AND seq < ? ORDER BY seq DESC LIMIT ?"), args![room, seq, limit]).await?;
                rows.reverse();
                rows
            }
            Slice::Only(seqs) => {
                let mut rows = Vec::new();
                for seqs in chunks(seqs, MOST) {
                    let mut args = args![room];
                    args.extend(seqs.iter().map(|seq| Arg::from(*seq)));
                    let text = format!("{select} AND seq IN {} ORDER BY seq", tuples(1, seqs.len()));
                    rows.extend(conn.rows::<EntryRow>(sql(text), args).await?);
                }
                rows.sort_by_key(|row| row.seq);
                rows.dedup_by_key(|row| row.seq);
                rows.truncate(limit.into());
                rows
            }
        };
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        let mut conn = self.readers.acquire().await.map_err(repo_error)?;
        heads(&mut conn, rooms).await
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        let mut conn = self.readers.acquire().await.map_err(repo_error)?;
        find_ref(&mut conn, room, by, client_ref).await
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        let mut lane = self.lane.lock().await;
        let _gate = self.gate.acquire().await.map_err(|error| RepoError::Unavailable(error.into()))?;
        let text = "BEGIN IMMEDIATE;
             UPDATE jim_entries SET body = ?, digest = NULL WHERE room = ? AND seq = ?;
             INSERT OR IGNORE INTO jim_retractions (room, seq) VALUES (?, ?);
             COMMIT";
        let erased = lane.0.run(text, args![stub.get(), room, seq, room, seq]).await.map(|_| ());
        if erased.is_err() {
            let _ = lane.0.run("ROLLBACK", args![]).await;
        }
        self.erased.store(true, Ordering::Relaxed);
        erased
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        let mut conn = self.readers.acquire().await.map_err(repo_error)?;
        unread::count(&mut conn, asks).await
    }
}

/// `OR ROLLBACK`: a refused key ends the transaction, so SQLite need not copy each page before it is changed, to undo
/// the statement alone.
fn insert_text(rows: usize) -> String {
    let rows = tuples(rows, ENTRY);
    format!("INSERT OR ROLLBACK INTO jim_entries ({COLUMNS}) SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL;")
}

fn insert_args(args: &mut Vec<Arg>, entries: &[&Entry]) {
    for entry in entries {
        let row: [Arg; ENTRY] = [
            (&entry.room).into(),
            entry.seq.into(),
            entry.ord.into(),
            entry.fence.into(),
            entry.at.into(),
            entry.by.into(),
            entry.client_ref.as_str().into(),
            entry.kind.as_str().into(),
            entry.digest.as_ref().map(|digest| digest.0.as_str()).into(),
            entry.body.as_ref().map(|body| body.get()).into(),
        ];
        args.extend(row);
    }
}

fn heads_text(rows: usize) -> String {
    let rows = tuples(rows, HEAD);
    format!(
        "INSERT INTO jim_rooms (room, seq, ord, fence, at) SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
         ON CONFLICT (room) DO UPDATE SET seq = excluded.seq, ord = excluded.ord, fence = excluded.fence, at = excluded.at;"
    )
}

fn mentions_text(rows: usize) -> String {
    let rows = tuples(rows, MENTION);
    format!(
        "INSERT OR IGNORE INTO jim_mentions (user_id, room, seq)
         SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL;"
    )
}

fn heads_args(args: &mut Vec<Arg>, heads: &[Head]) {
    for head in heads {
        let row: [Arg; HEAD] =
            [(&head.room).into(), head.seq.into(), head.ord.into(), head.fence.into(), head.at.into()];
        args.extend(row);
    }
}

pub(super) async fn heads(conn: &mut SqliteConnection, rooms: &[RoomId]) -> Res<Vec<Head>> {
    let mut found = HashMap::with_capacity(rooms.len());
    for rooms in chunks(rooms, MOST) {
        let args = rooms.iter().map(Arg::from).collect();
        let text = format!("SELECT room, seq, ord, fence, at FROM jim_rooms WHERE room IN {}", tuples(1, rooms.len()));
        for (room, seq, ord, fence, at) in conn.rows::<(String, i64, i64, i64, i64)>(sql(text), args).await? {
            let room: RoomId = room.parse().map_err(|_| broken("a room has no such name"))?;
            found.insert(room, Head { room, seq: Seq(seq), ord, fence: Seq(fence), at: Millis(at) });
        }
    }
    Ok(rooms.iter().map(|room| found.get(room).copied().unwrap_or(Head::empty(*room))).collect())
}

async fn find_ref(
    conn: &mut SqliteConnection,
    room: &RoomId,
    by: UserId,
    client_ref: &ClientRef,
) -> Res<Option<Arc<Entry>>> {
    let text = format!("SELECT {COLUMNS} FROM jim_entries WHERE room = ? AND by_user = ? AND client_ref = ?");
    let row: Option<EntryRow> = conn.row(sql(text), args![room, by, client_ref.as_str()]).await?;
    row.map(TryInto::try_into).transpose()
}
