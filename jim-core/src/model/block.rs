//! Blocks: a row of their own, which only its owner removes.

use serde::Serialize;

use super::UserCard;
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
