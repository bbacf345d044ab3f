//! A store that dies after so many pages, the last of which it stores by half where it may.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jim_core::id::{RoomId, Seq, UserId};
use jim_core::model::ClientRef;
use jim_core::model::entry::{Entry, Head, NewEntry};
use jim_core::repo::{
    Appended, Archive, LogArchive, RepoError, Res, RoomLogRepo, Row, Slice, Table, Unread, UnreadCount, Value,
};
use serde_json::value::RawValue;

pub(super) struct Limited {
    pub(super) store: Arc<dyn Archive>,
    pub(super) logs: Arc<dyn LogArchive>,
    pub(super) left: AtomicI64,
}

impl Limited {
    fn take(&self) -> Res<()> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => Ok(()),
            _ => Err(RepoError::Unavailable("it is dead".into())),
        }
    }
}

#[async_trait]
impl Archive for Limited {
    async fn rows(&self, table: &'static Table, above: &[Value], limit: u16) -> Res<Vec<Row>> {
        self.store.rows(table, above, limit).await
    }

    async fn last_key(&self, table: &'static Table) -> Res<Option<Row>> {
        self.store.last_key(table).await
    }

    async fn present(&self, table: &'static Table, columns: &[&'static str], keys: &[Row]) -> Res<Vec<bool>> {
        self.store.present(table, columns, keys).await
    }

    async fn put(&self, table: &'static Table, rows: &[Row]) -> Res<()> {
        self.take()?;
        self.store.put(table, rows).await
    }

    async fn remove(&self, table: &'static Table, key: &[Value]) -> Res<()> {
        self.take()?;
        self.store.remove(table, key).await
    }

    async fn last_id(&self, table: &'static Table) -> Res<i64> {
        self.store.last_id(table).await
    }

    async fn set_last_id(&self, table: &'static Table, id: i64) -> Res<()> {
        self.take()?;
        self.store.set_last_id(table, id).await
    }
}

#[async_trait]
impl LogArchive for Limited {
    async fn size(&self) -> Res<u64> {
        self.logs.size().await
    }

    async fn next_room(&self, after: &str) -> Res<Option<String>> {
        self.logs.next_room(after).await
    }

    async fn restore(&self, entries: &[Arc<Entry>]) -> Res<()> {
        let done = self.take();
        let entries = if done.is_err() { &entries[..entries.len() / 2] } else { entries };
        self.logs.restore(entries).await?;
        done
    }

    async fn astray(&self, entries: &[Arc<Entry>]) -> Res<Vec<(Seq, &'static str)>> {
        self.logs.astray(entries).await
    }
}

#[async_trait]
impl RoomLogRepo for Limited {
    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        self.logs.append(batch).await
    }

    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        self.logs.read(room, slice, limit).await
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        self.logs.heads(rooms).await
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        self.logs.find_ref(room, by, client_ref).await
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        self.logs.erase(room, seq, stub).await
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        self.logs.unread(asks).await
    }
}
