//! Catching up: what is newer in one's own log and in each room, in one answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::conversations::{cut, heads};
use super::messages::Gap;
use super::user_log::{LogPage, UserLog};
use super::visible::{Seen, Visible};
use super::{Context, MOST_ENTRIES};
use crate::error::{Error, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::log::{cuts, rows};
use crate::model::Entry;
use crate::model::conversation::ConversationRow;
use crate::model::entry::Head;
use crate::repo::Slice;

/// Rooms of one call.
const ROOMS: usize = 1000;

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
        if rooms.len() > ROOMS {
            return Err(Error::field("rooms", "too_long", format!("at most {ROOMS}")));
        }
        let log = self.user_log.read(who, Some(Slice::After(log)), limit).await?;
        let mut unit = self.context.read().await?;
        let mine = rows(&self.context.logs, &mut unit, who).await?;
        let cuts = cuts(&mut unit, who).await?;
        drop(unit);
        let mut joined: Vec<_> = mine.iter().map(|row| row.room).filter(|room| !rooms.contains_key(room)).collect();
        // As the named ones are, whatever the order in which storage keeps them.
        joined.sort_unstable();
        let mine: HashMap<RoomId, ConversationRow> = mine.into_iter().map(|row| (row.room, row)).collect();
        let mut found: BTreeMap<RoomId, Option<Newer>> = rooms.keys().map(|room| (*room, None)).collect();
        let named: Vec<&ConversationRow> = rooms.keys().filter_map(|room| mine.get(room)).collect();
        let heads = heads(&self.context, named.iter().map(|row| row.room)).await?;
        let mut left = MOST_ENTRIES;
        let mut parts = Vec::with_capacity(named.len());
        for (row, head) in named.into_iter().zip(heads) {
            let Some(visible) = Visible::of(row, cut(&cuts, who, row)) else { continue };
            let part = self.read(&visible, head, rooms[&row.room], limit.min(left)).await?;
            left -= u16::try_from(part.entries.len()).unwrap_or(left);
            parts.push(part);
        }
        for (room, newer) in self.see(who, parts).await? {
            found.insert(room, Some(newer));
        }
        Ok(Synced { log, rooms: found, joined })
    }

    async fn read(&self, visible: &Visible, head: Head, after: Seq, limit: u16) -> Result<Part> {
        let (gap, after) = visible.skip(after);
        let mut entries = Vec::new();
        if after < head.seq && limit > 0 {
            entries = self.context.logs.rooms.read(&head.room, Slice::After(after), limit).await?;
        }
        let last = entries.last().map_or(head.seq, |entry| head.seq.max(entry.seq));
        let more = entries.last().map_or(after, |entry| entry.seq) < last;
        Ok(Part { room: head.room, entries, head: last, more, gap })
    }

    /// What was read as the person may see it now, and none of rooms that are his no more.
    async fn see(&self, who: UserId, parts: Vec<Part>) -> Result<Vec<(RoomId, Newer)>> {
        let mut unit = self.context.read().await?;
        let rows = rows(&self.context.logs, &mut unit, who).await?;
        let rows: HashMap<RoomId, ConversationRow> = rows.into_iter().map(|row| (row.room, row)).collect();
        let cuts = cuts(&mut unit, who).await?;
        let mut seen = Vec::with_capacity(parts.len());
        for Part { room, entries, head, more, gap } in parts {
            let Some(row) = rows.get(&room) else { continue };
            let Some(visible) = Visible::of(row, cut(&cuts, who, row)) else { continue };
            let items = Seen::among(&mut unit, who, &room, visible, &entries).await?.show_all(&entries);
            seen.push((room, Newer { items, head, read: row.read, more, gap }));
        }
        Ok(seen)
    }
}

/// What was read of a room.
struct Part {
    room: RoomId,
    entries: Vec<Arc<Entry>>,
    head: Seq,
    more: bool,
    gap: Option<Gap>,
}
