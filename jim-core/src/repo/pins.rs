use async_trait::async_trait;

use super::Res;
use crate::id::{RoomId, Seq};
use crate::model::pin::PinRow;

/// Entries that rooms keep in sight.
#[async_trait]
pub trait PinRepo: Send {
    /// Pins an entry; `false` if it is pinned, and then nothing changes.
    async fn add(&mut self, room: &RoomId, pin: &PinRow) -> Res<bool>;
    /// Removes a pin; `false` if there is none.
    async fn remove(&mut self, room: &RoomId, seq: Seq) -> Res<bool>;
    /// Pins of a room, the newest first; of two of one moment, the higher number.
    async fn list(&mut self, room: &RoomId) -> Res<Vec<PinRow>>;
}
