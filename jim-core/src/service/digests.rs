//! Digests of rooms: whether two have read the same.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Context;
use super::rooms::row;
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::RoomDigest;
use crate::repo::Slice;

/// Entries in memory at once.
const PAGE: u16 = 256;

/// Digests that one node works on at once; others wait for their turn, so that storage is left to the rest.
const AT_ONCE: usize = 2;

/// Digests of rooms.
#[derive(Clone)]
pub struct Digests {
    context: Context,
    turns: Arc<Semaphore>,
}

impl Digests {
    pub(super) fn new(context: Context) -> Self {
        Digests { context, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The digest of a room's log up to a number, which is its last if none is named, and that number. It begins where
    /// the room begins for the person: with the join, where only what came after it may be read. What he has cleared or
    /// deleted for himself, or hides by a block, counts all the same: all who came in at one place get equal digests.
    ///
    /// Reads the whole log, a page at a time.
    pub async fn get(&self, who: UserId, room: RoomId, upto: Option<Seq>) -> Result<(Seq, RoomDigest)> {
        let from = self.from(who, &room).await?;
        let _turn = self.turns.acquire().await.map_err(|closed| Error::Internal(closed.into()))?;
        let logs = &self.context.logs;
        let head = logs.rooms.head(&room).await?.seq;
        let upto = upto.unwrap_or(head);
        if upto > head {
            return Err(Code::LogAhead.into());
        }
        let mut digest = RoomDigest::EMPTY;
        let mut at = Seq(from.0 - 1);
        while at < upto {
            let entries = logs.rooms.read(&room, Slice::After(at), PAGE).await?;
            if entries.is_empty() {
                return Err(Error::internal("a room's log ends before its head"));
            }
            for entry in entries.iter().filter(|entry| entry.seq <= upto) {
                digest.add(entry);
            }
            at = entries.last().map_or(upto, |entry| entry.seq);
        }
        // Who was taken out of the room meanwhile learns nothing of what was read.
        if self.from(who, &room).await? != from {
            return Err(Code::NotFound.into());
        }
        Ok((upto, digest))
    }

    /// Where a room begins for a person.
    async fn from(&self, who: UserId, room: &RoomId) -> Result<Seq> {
        let row = row(&self.context, &mut self.context.read().await?, who, room).await?;
        row.from.ok_or(Code::NotFound.into())
    }
}
