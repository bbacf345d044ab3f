use async_trait::async_trait;

use super::Res;
use crate::id::{RoomId, Seq, UserId};

/// Entries that people have deleted for themselves.
#[async_trait]
pub trait HiddenRepo: Send {
    /// Hides an entry from a person; `false` if it is hidden already.
    async fn add(&mut self, user: UserId, room: &RoomId, seq: Seq) -> Res<bool>;
    /// Hidden entries of a person in a room, from one number to another, both with it, in order.
    async fn list(&mut self, user: UserId, room: &RoomId, from: Seq, to: Seq) -> Res<Vec<Seq>>;
}
