use async_trait::async_trait;

use super::Res;
use crate::id::{RoomId, Seq, UserId};
use crate::model::departure::Departure;

/// What is still to be done for accounts that are gone.
#[async_trait]
pub trait DepartureRepo: Send {
    /// Adds one; without effect where the account has one of this room, or of none.
    async fn add(&mut self, departure: &Departure) -> Res<()>;
    /// All of them, by account.
    async fn list(&mut self, limit: u16) -> Res<Vec<Departure>>;
    /// Says up to where a room is done; it only grows.
    async fn set_seq(&mut self, user: UserId, room: &RoomId, seq: Seq) -> Res<()>;
    /// Removes one; `false` if there is none.
    async fn remove(&mut self, user: UserId, room: Option<&RoomId>) -> Res<bool>;
}
