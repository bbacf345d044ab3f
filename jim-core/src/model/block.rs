//! Blocks: a row of their own, which only its owner removes.

use serde::Serialize;

use super::{Kind, UserCard};
use crate::id::{Seq, UserId};
use crate::time::Millis;

/// A block as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRow {
    /// Who is blocked.
    pub blocked: UserId,
    /// What the blocked wrote above this number is hidden from the blocker. `None` for the moment between the
    /// block and its answer.
    pub cut: Option<Seq>,
    /// Since when.
    pub at: Millis,
}

/// A block as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Who is blocked.
    pub user: UserCard,
    /// Since when.
    pub at: Millis,
}

/// What a blocker is not shown of the one he blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Who is blocked.
    pub by: UserId,
    /// His messages above this number are hidden.
    pub above: Seq,
}

impl Cut {
    /// Whether an entry is hidden. Only words are: what is done to the room, such as taking a message back, is known to
    /// all in it, or their copies would differ from it.
    #[must_use]
    pub fn hides(&self, by: UserId, seq: Seq, kind: &Kind) -> bool {
        by == self.by && seq > self.above && *kind == Kind::MESSAGE_SENT
    }
}
