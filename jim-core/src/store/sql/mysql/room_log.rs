//! Room logs, numbered by their keys: one insert is one durable append of a batch, and needs no transaction.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::RawValue;
use sqlx::SqlSafeStr as _;

use super::MySqlStore;
use super::link::Pooled;
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::ClientRef;
use crate::model::entry::{Entry, Head, NewEntry};
use crate::repo::{Appended, Res, RoomLogRepo, Slice, Unread, UnreadCount};
use crate::store::numbering::{Named, Plan, Rows};
use crate::store::sql::conn::{Verbs, args, broken};
use crate::store::sql::entries::{self, COLUMNS, ENTRY, MENTION, MOST, insert_args, mention_args, mentions};
use crate::store::sql::{chunks, sql, tuples, unread};
use crate::time::Millis;

/// Bytes of bodies in one statement, far below what any server takes by default.
const WEIGHT: usize = 1 << 20;

impl Rows for Pooled {
    const HOLDS: bool = true;

    async fn heads(&mut self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        heads(&mut **self, rooms).await
    }

    /// Locks the ends of the logs: whoever would append after them waits. Not with READ COMMITTED, which locks no gap.
    async fn take_turn(&mut self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        self.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", args![]).await?;
        self.run("START TRANSACTION", args![]).await?;
        read_heads(&mut **self, rooms, " FOR UPDATE").await
    }

    async fn pass(&mut self, stored: bool) -> Res<()> {
        self.run(if stored { "COMMIT" } else { "ROLLBACK" }, args![]).await.map(|_| ())
    }

    async fn find(&mut self, batch: &[NewEntry]) -> Res<Vec<Option<Arc<Entry>>>> {
        entries::find(&mut **self, batch).await
    }

    async fn settle(&mut self) -> Res<()> {
        settle(&mut **self).await
    }

    /// One insert, or a transaction where there is more to say: all of it or nothing.
    async fn store(&mut self, plan: &Plan<'_>, _: &mut Named) -> Res<()> {
        let mut words = Vec::new();
        let mut new: Vec<&Entry> = plan.new_entries().map(|(_, entry)| &**entry).collect();
        // As others take the ends of the same logs.
        new.sort_by_key(|entry| entry.room);
        for part in portions(&new) {
            let mut args = Vec::with_capacity(part.len() * ENTRY);
            insert_args(&mut args, part);
            let rows = tuples(part.len(), ENTRY);
            words.push((format!("INSERT INTO jim_entries ({COLUMNS}) VALUES {rows}"), args));
        }
        for part in mentions(plan).chunks(MOST) {
            let mut args = Vec::with_capacity(part.len() * MENTION);
            mention_args(&mut args, part);
            let rows = tuples(part.len(), MENTION);
            words.push((format!("INSERT IGNORE INTO jim_mentions (user_id, room, seq) VALUES {rows}"), args));
        }
        let transaction = words.len() > 1 && !self.is_open();
        if transaction {
            words.insert(0, ("START TRANSACTION".into(), args![]));
            words.push(("COMMIT".into(), args![]));
        }
        for (text, args) in words {
            if let Err(error) = self.run(sql(text), args).await {
                if transaction {
                    // A connection that is broken takes its transaction with it.
                    let _ = self.run("ROLLBACK", args![]).await;
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Makes durable what was found: without a binary log these servers show a commit before it is on the disk, and the
/// next commit that is durable takes all before it along. An entry that is answered again must not go with a crash.
async fn settle(conn: &mut impl Verbs) -> Res<()> {
    let text =
        "INSERT INTO jim_settings (name, value) VALUES ('settled', UUID()) ON DUPLICATE KEY UPDATE value = UUID()";
    conn.run(text.into_sql_str(), args![]).await.map(|_| ())
}

/// Entries that go into one statement each, in order.
fn portions<'a>(mut entries: &'a [&'a Entry]) -> impl Iterator<Item = &'a [&'a Entry]> {
    std::iter::from_fn(move || {
        let mut weight = 0;
        let fits = entries.iter().take(MOST).take_while(|entry| {
            weight += entry.body.as_ref().map_or(0, |body| body.get().len());
            weight <= WEIGHT
        });
        let (portion, rest) = entries.split_at(fits.count().max(1).min(entries.len()));
        entries = rest;
        (!portion.is_empty()).then_some(portion)
    })
}

#[async_trait]
impl RoomLogRepo for MySqlStore {
    fn lanes(&self) -> usize {
        self.width
    }

    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        let mut link = self.lanes.get().await?;
        self.ends.append(&mut link, batch).await
    }

    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        entries::read(&mut *self.readers.get().await?, room, slice, limit).await
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        heads(&mut *self.readers.get().await?, rooms).await
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        let found = entries::find_ref(&mut *self.readers.get().await?, room, by, client_ref).await?;
        if found.is_some() {
            settle(&mut *self.lanes.get().await?).await?;
        }
        Ok(found)
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        let mut link = self.lanes.get().await?;
        // First what may be there without harm: a number that is listed and whose body stands is erased by the next try.
        link.run("INSERT IGNORE INTO jim_retractions (room, seq) VALUES (?, ?)", args![room, seq]).await?;
        let text = "UPDATE jim_entries SET body = ?, digest = NULL WHERE room = ? AND seq = ?";
        link.run(text, args![stub.get(), room, seq]).await.map(|_| ())
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        let rooms: Vec<RoomId> = asks.iter().map(|ask| ask.room).collect();
        let mut link = self.readers.get().await?;
        let heads = heads(&mut *link, &rooms).await?;
        unread::count(&mut *link, asks, &heads).await
    }
}

async fn heads(conn: &mut impl Verbs, rooms: &[RoomId]) -> Res<Vec<Head>> {
    read_heads(conn, rooms, "").await
}

/// The last entry of a room tells its head: one step into the primary key for each.
async fn read_heads(conn: &mut impl Verbs, rooms: &[RoomId], locking: &str) -> Res<Vec<Head>> {
    let mut found = HashMap::with_capacity(rooms.len());
    let last = format!(
        "(SELECT room, seq, ord, fence, at FROM jim_entries WHERE room = ? ORDER BY seq DESC LIMIT 1{locking})"
    );
    for rooms in chunks(rooms, MOST) {
        let text = vec![&*last; rooms.len()].join(" UNION ALL ");
        let args = rooms.iter().map(Into::into).collect();
        for (room, seq, ord, fence, at) in conn.rows::<(String, i64, i64, i64, i64)>(sql(text), args).await? {
            let room: RoomId = room.parse().map_err(|_| broken("a room has no such name"))?;
            found.insert(room, Head { room, seq: Seq(seq), ord, fence: Seq(fence), at: Millis(at) });
        }
    }
    Ok(rooms.iter().map(|room| found.get(room).copied().unwrap_or(Head::empty(*room))).collect())
}
