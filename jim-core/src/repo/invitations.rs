use async_trait::async_trait;

use super::Res;
use crate::id::{GroupId, InvitationId, UserId};
use crate::model::joining::InvitationRow;

/// Invitations into groups; one of each person into each group.
#[async_trait]
pub trait InvitationRepo: Send {
    /// Adds one and gives it an id, which the row's own does not matter for; the one that stands if there is one.
    async fn add(&mut self, invitation: &InvitationRow) -> Res<InvitationId>;
    /// One invitation.
    async fn get(&mut self, id: InvitationId) -> Res<Option<InvitationRow>>;
    /// The invitation of a person into a group.
    async fn find(&mut self, group: GroupId, user: UserId) -> Res<Option<InvitationRow>>;
    /// Invitations of a person, newest first, below `before`.
    async fn list(&mut self, user: UserId, before: Option<InvitationId>, limit: u16) -> Res<Vec<InvitationRow>>;
    /// Removes one; `false` if there is none.
    async fn remove(&mut self, id: InvitationId) -> Res<bool>;
    /// Invitations into a group, by the person who is invited.
    async fn list_of(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<InvitationRow>>;
}
