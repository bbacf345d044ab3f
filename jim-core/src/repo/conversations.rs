use async_trait::async_trait;

use super::Res;
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::{ConversationRow, Mark, Reader};
use crate::time::Millis;

/// What people keep about rooms.
#[async_trait]
pub trait ConversationRepo: Send {
    /// A person's row of a room.
    async fn get(&mut self, user: UserId, room: &RoomId) -> Res<Option<ConversationRow>>;
    /// All rooms of a person.
    async fn list(&mut self, user: UserId) -> Res<Vec<ConversationRow>>;
    /// Makes the row if it is missing; `false` if it stood already, and is then left as it is.
    async fn ensure(&mut self, user: UserId, room: &RoomId, from: Option<Seq>) -> Res<bool>;
    /// Says below what a person may not read; what is above is unread. Without effect if the row is gone.
    async fn set_from(&mut self, user: UserId, room: &RoomId, below: Mark) -> Res<()>;
    /// Says that people have read up to a place. Marks only grow; rows that are gone stay gone.
    async fn set_read(&mut self, marks: &[(UserId, RoomId, Mark)]) -> Res<()>;
    /// Clears a room for a person up to a place; only forward.
    async fn set_clear(&mut self, user: UserId, room: &RoomId, to: Mark) -> Res<()>;
    /// Puts a room on top of a person's list, or not.
    async fn set_pinned(&mut self, user: UserId, room: &RoomId, at: Option<Millis>) -> Res<()>;
    /// Says whether a person is notified of what happens in a room.
    async fn set_muted(&mut self, user: UserId, room: &RoomId, muted: bool) -> Res<()>;
    /// Puts a room away at a number of its log, or brings it back.
    async fn set_hidden(&mut self, user: UserId, room: &RoomId, at: Option<Seq>) -> Res<()>;
    /// Who may read an entry and has read it, by id.
    async fn readers(&mut self, room: &RoomId, seq: Seq, after: Option<UserId>, limit: u16) -> Res<Vec<Reader>>;
    /// Removes a row; `false` if there is none.
    async fn remove(&mut self, user: UserId, room: &RoomId) -> Res<bool>;
}
