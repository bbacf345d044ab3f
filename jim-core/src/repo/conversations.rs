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
    async fn ensure(&mut self, user: UserId, room: &RoomId, from: Seq) -> Res<bool>;
}
