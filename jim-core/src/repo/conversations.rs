use async_trait::async_trait;

use super::Res;
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::Conversation;

/// What people keep about rooms.
#[async_trait]
pub trait ConversationRepo: Send {
    /// A person's row of a room.
    async fn get(&mut self, user: UserId, room: &RoomId) -> Res<Option<Conversation>>;
    /// All rooms of a person.
    async fn list(&mut self, user: UserId) -> Res<Vec<Conversation>>;
    /// Makes the row if it is missing; `false` if it stood already, and is then left as it is.
    async fn ensure(&mut self, user: UserId, room: &RoomId, from: Option<Seq>) -> Res<bool>;
    /// Says from which entry on a person may read; without effect if the row is gone.
    async fn set_from(&mut self, user: UserId, room: &RoomId, from: Seq) -> Res<()>;
    /// Removes a row; `false` if there is none.
    async fn remove(&mut self, user: UserId, room: &RoomId) -> Res<bool>;
}
