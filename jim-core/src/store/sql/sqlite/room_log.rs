//! Room logs: numbered by the one writer, one durable commit for the whole batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use serde_json::value::RawValue;
use sqlx::sqlite::SqliteConnection;

use super::SqliteStore;
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::ClientRef;
use crate::model::entry::{Entry, Head, NewEntry};
use crate::repo::{Appended, RepoError, Res, RoomLogRepo, Slice, Unread, UnreadCount};
use crate::store::numbering::{Named, Plan, Rows};
use crate::store::sql::conn::{Arg, Verbs as _, args, broken, repo_error};
use crate::store::sql::entries::{self, COLUMNS, ENTRY, MENTION, MOST, insert_args, mention_args, mentions};
use crate::store::sql::{chunks, sql, tuples, unread};
use crate::time::Millis;

/// Values of a head.
const HEAD: usize = 5;

/// The lane's connection.
pub(super) struct Lane(SqliteConnection);

impl Lane {
    pub(super) fn new(conn: SqliteConnection) -> Self {
        Lane(conn)
    }
}

impl Rows for Lane {
    async fn heads(&mut self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        heads(&mut self.0, rooms).await
    }

    async fn find(&mut self, batch: &[NewEntry]) -> Res<Vec<Option<Arc<Entry>>>> {
        entries::find(&mut self.0, batch).await
    }

    /// One transaction and one call to the driver, whose thread would otherwise wait for ours between the steps.
    async fn store(&mut self, plan: &Plan<'_>, _: &mut Named) -> Res<()> {
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
        entries::read(&mut *conn, room, slice, limit).await
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        let mut conn = self.readers.acquire().await.map_err(repo_error)?;
        heads(&mut conn, rooms).await
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        let mut conn = self.readers.acquire().await.map_err(repo_error)?;
        entries::find_ref(&mut *conn, room, by, client_ref).await
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
        let rooms: Vec<RoomId> = asks.iter().map(|ask| ask.room).collect();
        let heads = heads(&mut conn, &rooms).await?;
        unread::count(&mut *conn, asks, &heads).await
    }
}

/// `OR ROLLBACK`: a refused key ends the transaction, so SQLite need not copy each page before it is changed, to undo
/// the statement alone.
fn insert_text(rows: usize) -> String {
    let rows = tuples(rows, ENTRY);
    format!("INSERT OR ROLLBACK INTO jim_entries ({COLUMNS}) SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL;")
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

async fn heads(conn: &mut SqliteConnection, rooms: &[RoomId]) -> Res<Vec<Head>> {
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
