//! Catching up: what is newer in one's own log and in each room, in one answer.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::Context;
use super::conversations::{cuts, heads, rows};
use super::messages::Gap;
use super::rooms::{Visible, deleted};
use super::user_log::{LogPage, UserLog};
use crate::error::Result;
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::ConversationRow;
use crate::model::entry::Head;
use crate::repo::Slice;

/// Entries of all rooms together; rooms beyond it say that there are more.
const MOST: usize = 1000;

/// What is newer.
#[derive(Debug, Clone)]
pub struct Synced {
    /// One's own log.
    pub log: LogPage,
    /// Each room that was named; `None` where it is not the caller's.
    pub rooms: BTreeMap<RoomId, Option<Newer>>,
    /// Rooms that were not named, in order.
    pub joined: Vec<RoomId>,
}

/// What is newer in a room.
#[derive(Debug, Clone)]
pub struct Newer {
    /// Entries in ascending order, as JSON.
    pub items: Vec<Bytes>,
    /// The end of the log.
    pub head: Seq,
    /// The last entry that the caller has read.
    pub read: Seq,
    /// Whether there are more.
    pub more: bool,
    /// Numbers that were asked for and are not shown.
    pub gap: Option<Gap>,
}

/// Catching up.
#[derive(Clone)]
pub struct Sync {
    context: Context,
    user_log: UserLog,
}

impl Sync {
    pub(super) fn new(context: Context) -> Self {
        Sync { user_log: UserLog::new(context.clone()), context }
    }

    /// What is newer than the numbers given; `limit` entries of one's own log and of each room at the most.
    pub async fn since(&self, who: UserId, log: Seq, rooms: &BTreeMap<RoomId, Seq>, limit: u16) -> Result<Synced> {
        let log = self.user_log.read(who, Some(Slice::After(log)), limit).await?;
        let mut unit = self.context.read().await?;
        let mine = rows(&self.context, &mut unit, who).await?;
        let cuts = cuts(&mut unit, who).await?;
        drop(unit);
        let mut joined: Vec<_> = mine.iter().map(|row| row.room).filter(|room| !rooms.contains_key(room)).collect();
        // As the named ones are, whatever the order in which storage keeps them.
        joined.sort_unstable();
        let mine: HashMap<RoomId, ConversationRow> = mine.into_iter().map(|row| (row.room, row)).collect();
        let mut found: BTreeMap<RoomId, Option<Newer>> = rooms.keys().map(|room| (*room, None)).collect();
        let named: Vec<&ConversationRow> = rooms.keys().filter_map(|room| mine.get(room)).collect();
        let heads = heads(&self.context, named.iter().map(|row| row.room)).await?;
        let mut left = MOST;
        for (row, head) in named.into_iter().zip(heads) {
            let cut = row.room.peer(who).and_then(|peer| cuts.get(&peer)).copied();
            let Some(visible) = Visible::of(row, cut) else { continue };
            let limit = limit.min(u16::try_from(left).unwrap_or(limit));
            let newer = self.newer(who, row, &visible, (rooms[&row.room], head), limit).await?;
            left -= newer.items.len();
            found.insert(row.room, Some(newer));
        }
        Ok(Synced { log, rooms: found, joined })
    }

    async fn newer(
        &self,
        who: UserId,
        row: &ConversationRow,
        visible: &Visible,
        (after, head): (Seq, Head),
        limit: u16,
    ) -> Result<Newer> {
        let (gap, after) = visible.skip(after);
        let mut newer = Newer { items: Vec::new(), head: head.seq, read: row.read, more: after < head.seq, gap };
        if newer.more && limit > 0 {
            let entries = self.context.logs.rooms.read(&row.room, Slice::After(after), limit).await?;
            let deleted = deleted(&self.context, who, &row.room, &entries).await?;
            newer.items = entries.iter().map(|entry| visible.show(entry, &deleted)).collect();
            newer.head = entries.last().map_or(head.seq, |entry| head.seq.max(entry.seq));
            newer.more = entries.last().is_some_and(|entry| entry.seq < newer.head);
        }
        Ok(newer)
    }
}
