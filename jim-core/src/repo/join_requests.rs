use async_trait::async_trait;

use super::Res;
use crate::id::{GroupId, JoinRequestId, UserId};
use crate::model::friend::RequestStatus;
use crate::model::joining::JoinRequestRow;

/// Requests to come into groups.
#[async_trait]
pub trait JoinRequestRepo: Send {
    /// Stores a pending request and gives it an id. `Conflict` if one of the person for the group is pending.
    async fn add(&mut self, request: &JoinRequestRow) -> Res<JoinRequestId>;
    /// One request.
    async fn get(&mut self, id: JoinRequestId) -> Res<Option<JoinRequestRow>>;
    /// The pending request of a person for a group.
    async fn find_pending(&mut self, group: GroupId, user: UserId) -> Res<Option<JoinRequestRow>>;
    /// Requests for a group, newest first, below `before`.
    async fn list(&mut self, group: GroupId, before: Option<JoinRequestId>, limit: u16) -> Res<Vec<JoinRequestRow>>;
    /// Pending requests for a group by the person who asks, above `after`.
    async fn list_pending(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<JoinRequestRow>>;
    /// Pending requests of a person.
    async fn list_of(&mut self, user: UserId) -> Res<Vec<JoinRequestRow>>;
    /// Answers a pending request; `false` if it is not pending.
    async fn decide(&mut self, id: JoinRequestId, status: RequestStatus) -> Res<bool>;
}
