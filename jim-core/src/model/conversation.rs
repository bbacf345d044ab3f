//! What one person keeps about one room: the chat list.

use serde::Serialize;

use super::{Group, UserCard};
use crate::id::{RoomId, Seq, UserId};
use crate::model::world::World;
use crate::time::Millis;

/// A place in a room's log: a number, and the counted entries up to and with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    /// The number.
    pub seq: Seq,
    /// Counted entries up to and with it.
    pub ord: i64,
}

/// A person's row of a room. Which entries he may read is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// The room.
    pub room: RoomId,
    /// The first entry he may read; `None` while his join has no number yet: nothing is visible.
    pub from: Option<Seq>,
    /// Up to here he has cleared the room for himself.
    pub clear: Seq,
    /// The last entry he has read.
    pub read: Seq,
    /// The highest of what he has read, has cleared, and may not see: what is unread is above it.
    pub mark: Mark,
    /// He put the room away when its log stood here; it comes back with a later entry.
    pub hidden: Option<Seq>,
    /// Since when it stands on top of his list.
    pub pinned_at: Option<Millis>,
    /// He is not to be notified of what happens here.
    pub muted: bool,
}

impl ConversationRow {
    /// A row in which nothing was set yet.
    #[must_use]
    pub fn new(room: RoomId, from: Option<Seq>) -> Self {
        let (clear, read, mark) = (Seq::ZERO, Seq::ZERO, Mark::default());
        ConversationRow { room, from, clear, read, mark, hidden: None, pinned_at: None, muted: false }
    }

    /// The lowest number he may read.
    #[must_use]
    pub fn first(&self) -> Option<Seq> {
        self.from.map(|from| from.max(self.clear.next()))
    }

    /// Whether he put the room away and nothing came since.
    #[must_use]
    pub fn is_hidden(&self, head: Seq) -> bool {
        self.hidden.is_some_and(|hidden| head <= hidden)
    }

    /// Moves the read mark, only forward.
    pub fn read_to(&mut self, to: Mark) {
        self.read = self.read.max(to.seq);
        if to.seq > self.mark.seq {
            self.mark = to;
        }
    }
}

/// What a room is about.
#[derive(Debug, Clone)]
pub enum About {
    /// The other person of a private room.
    Private(UserCard),
    /// The group.
    Group(Box<Group>),
    /// The world channel.
    World(World),
}

/// How far somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reader {
    /// Who.
    pub user_id: UserId,
    /// The last entry that he has read.
    pub seq: Seq,
}
