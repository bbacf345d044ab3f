use async_trait::async_trait;

use super::Res;
use crate::id::{FriendRequestId, UserId};
use crate::model::friend::{Direction, RequestRow, RequestStatus};
use crate::time::Millis;

/// A request to be stored, pending.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// Who asks.
    pub from: UserId,
    /// Who is asked.
    pub to: UserId,
    /// A few words.
    pub note: Option<String>,
    /// The one asked must never learn of it.
    pub muffled: bool,
    /// When.
    pub at: Millis,
}

/// Friend requests.
#[async_trait]
pub trait FriendRequestRepo: Send {
    /// Stores a pending request. `Conflict` if one from the same to the same is pending.
    async fn add(&mut self, request: &NewRequest) -> Res<FriendRequestId>;
    /// One request.
    async fn get(&mut self, id: FriendRequestId) -> Res<Option<RequestRow>>;
    /// The pending request from one to another.
    async fn find_pending(&mut self, from: UserId, to: UserId) -> Res<Option<RequestRow>>;
    /// A person's requests, newest first, below `before`; those made to him without the muffled ones.
    async fn list(
        &mut self,
        user: UserId,
        direction: Direction,
        before: Option<FriendRequestId>,
        limit: u16,
    ) -> Res<Vec<RequestRow>>;
    /// Answers a pending request; `false` if it is not pending.
    async fn decide(&mut self, id: FriendRequestId, status: RequestStatus, reason: Option<&str>) -> Res<bool>;
    /// Removes a request; `false` if there is none.
    async fn remove(&mut self, id: FriendRequestId) -> Res<bool>;
}
