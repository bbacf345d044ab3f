//! A move: everything as it is, into an empty store, to be gone on with wherever it was stopped.
//!
//! Rows and entries go in the order of their keys and numbers, a page at a time, each page whole. So what the target
//! holds is always a beginning of what the source holds, and its end says where to go on.

use super::compare::{Comparison, compare};
use super::{AWAY, LOGS, PAGE, Progress, Whole, is_mark, mark, set_mark, setting, unmark};
use crate::id::RoomId;
use crate::repo::tables::{SETTINGS, TABLES, WORLDS};
use crate::repo::{LogArchive, RepoError, Slice, Table, Value};

/// A move of a whole store.
#[derive(Clone, Copy)]
pub struct Move<'a> {
    /// Out of this one.
    pub from: Whole<'a>,
    /// Into that one.
    pub to: Whole<'a>,
    /// Whether both have one relational side, so that only the room logs are carried.
    pub only_logs: bool,
    /// Whether nothing but a mark in the source keeps servers from starting on it meanwhile.
    pub mark_source: bool,
}

/// Why a move did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The target is not empty.
    #[error("the target holds other data: a move wants an empty one, or one that it has begun itself")]
    Occupied,
    /// The source is itself the target of a move.
    #[error("the source is the target of a move that has not come to its end")]
    Unfinished,
    /// The source failed.
    #[error("the source: {0}; run the same command again to go on")]
    Source(#[source] RepoError),
    /// The target failed.
    #[error("the target: {0}; run the same command again to go on")]
    Target(#[source] RepoError),
    /// Something stands in the source that cannot be.
    #[error("the source: {0}; `jim verify` tells more")]
    Broken(String),
}

impl Move<'_> {
    /// Carries what is not there yet, then compares both. Where they are equal, the target may be served.
    pub async fn run(&self, progress: &dyn Progress) -> Result<Comparison, MoveError> {
        let marked = self.begin().await?;
        if !self.only_logs {
            for table in TABLES {
                self.table(table, progress).await?;
            }
        }
        self.logs(progress).await?;
        let compared = compare(self, progress).await?;
        if compared.is_equal() {
            // The target last: until then the same command goes on.
            if marked {
                unmark(self.from.store).await.map_err(MoveError::Source)?;
            }
            unmark(self.to.store).await.map_err(MoveError::Target)?;
        }
        Ok(compared)
    }

    /// Marks both sides, unless the target is not for this move; says whether the source is marked.
    async fn begin(&self) -> Result<bool, MoveError> {
        let source = mark(self.from.store).await.map_err(MoveError::Source)?;
        let mine = if self.only_logs { LOGS } else { AWAY };
        if source.as_deref().is_some_and(|mark| mark != mine) {
            return Err(MoveError::Unfinished);
        }
        if self.only_logs {
            if source.is_none() {
                if !self.logs_are_empty().await? {
                    return Err(MoveError::Occupied);
                }
                set_mark(self.to.store, LOGS).await.map_err(MoveError::Target)?;
            }
            return Ok(false);
        }
        // A store that nobody has served has no epoch.
        let epoch = setting(self.from.store, "epoch").await.map_err(MoveError::Source)?.unwrap_or_default();
        let wanted = format!("from:{epoch}");
        match mark(self.to.store).await.map_err(MoveError::Target)? {
            Some(mark) if mark == wanted => {}
            None if self.is_empty().await? => set_mark(self.to.store, &wanted).await.map_err(MoveError::Target)?,
            _ => return Err(MoveError::Occupied),
        }
        if self.mark_source && source.is_none() {
            set_mark(self.from.store, AWAY).await.map_err(MoveError::Source)?;
        }
        Ok(self.mark_source)
    }

    /// Whether the target holds no more than a new one does: one world channel, as it is made.
    async fn is_empty(&self) -> Result<bool, MoveError> {
        for table in TABLES {
            let rows = self.to.store.rows(table, &[], 2).await.map_err(MoveError::Target)?;
            let new = [vec![Value::Int(1), Value::Text("World".into()), Value::Int(1), Value::Int(0)]];
            let fresh = rows.is_empty() || table == &WORLDS && rows == new;
            if !fresh {
                return Ok(false);
            }
        }
        self.logs_are_empty().await
    }

    async fn logs_are_empty(&self) -> Result<bool, MoveError> {
        Ok(self.to.logs.next_room("").await.map_err(MoveError::Target)?.is_none())
    }

    async fn table(&self, table: &'static Table, progress: &dyn Progress) -> Result<(), MoveError> {
        progress.begin(table.name, 0);
        let (from, to) = (self.from.store, self.to.store);
        // These hold something from the beginning, and are small.
        let whole = [&SETTINGS, &WORLDS].contains(&table);
        let (there, last) = if whole {
            (to.rows(table, &[], PAGE).await.map_err(MoveError::Target)?, None)
        } else {
            (Vec::new(), to.last_key(table).await.map_err(MoveError::Target)?)
        };
        let mut above = last.unwrap_or_default();
        loop {
            let mut rows = from.rows(table, &above, PAGE).await.map_err(MoveError::Source)?;
            let Some(last) = rows.last() else { break };
            above = last[..table.key].to_vec();
            rows.retain(|row| !is_mark(table, row) && !there.contains(row));
            if !rows.is_empty() {
                to.put(table, &rows).await.map_err(MoveError::Target)?;
            }
            progress.step(rows.len() as u64);
        }
        // An id that was given is never given again, also where its row is gone.
        if table.gives_ids {
            let id = from.last_id(table).await.map_err(MoveError::Source)?;
            if to.last_id(table).await.map_err(MoveError::Target)? != id {
                to.set_last_id(table, id).await.map_err(MoveError::Target)?;
            }
        }
        Ok(())
    }

    async fn logs(&self, progress: &dyn Progress) -> Result<(), MoveError> {
        progress.begin("room logs", self.from.logs.size().await.map_err(MoveError::Source)?);
        let mut name = String::new();
        while let Some(next) = self.from.logs.next_room(&name).await.map_err(MoveError::Source)? {
            name = next;
            let room = named(&name)?;
            let mut end = self.to.logs.head(&room).await.map_err(MoveError::Target)?.seq;
            progress.step(u64::try_from(end.0).unwrap_or_default());
            loop {
                let entries = read(self.from.logs, &room, Slice::After(end)).await?;
                let Some(last) = entries.last() else { break };
                if (end.0 + 1..).zip(&entries).any(|(seq, entry)| entry.seq.0 != seq) {
                    return Err(MoveError::Broken(format!("the log of {room} has a hole after {end}")));
                }
                end = last.seq;
                self.to.logs.restore(&entries).await.map_err(MoveError::Target)?;
                progress.step(entries.len() as u64);
            }
        }
        Ok(())
    }
}

async fn read(
    logs: &dyn LogArchive,
    room: &RoomId,
    slice: Slice<'_>,
) -> Result<Vec<std::sync::Arc<crate::model::Entry>>, MoveError> {
    logs.read(room, slice, PAGE).await.map_err(MoveError::Source)
}

/// The room of a name.
pub(super) fn named(name: &str) -> Result<RoomId, MoveError> {
    name.parse().map_err(|_| MoveError::Broken("a log has a name that is no room's".into()))
}
