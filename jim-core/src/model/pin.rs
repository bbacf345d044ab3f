//! Entries that a room keeps in sight.

use crate::id::{Seq, UserId};
use crate::time::Millis;

/// A pin as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinRow {
    /// The entry.
    pub seq: Seq,
    /// Who pinned it.
    pub by: UserId,
    /// When.
    pub at: Millis,
}
