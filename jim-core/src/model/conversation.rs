//! What one person keeps about one room.

use crate::id::{RoomId, Seq};

/// A person's row of a room. Which entries he may read is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The room.
    pub room: RoomId,
    /// The first entry he may read; `None` while his join has no number yet: nothing is visible.
    pub from: Option<Seq>,
    /// The last entry he has read.
    pub read: Seq,
}
