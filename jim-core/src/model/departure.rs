//! Accounts that are gone and have left something behind.

use crate::id::{RoomId, Seq, UserId};
use crate::time::Millis;

/// What is still to be done for an account that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// The account.
    pub user: UserId,
    /// The room in which what it wrote is still to be erased; none for its friends, blocks, requests and groups.
    pub room: Option<RoomId>,
    /// Up to where that is done.
    pub seq: Seq,
    /// When the account went.
    pub at: Millis,
}
