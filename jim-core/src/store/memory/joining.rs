use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::{GroupId, InvitationId, JoinRequestId, UserId};
use crate::model::friend::RequestStatus;
use crate::model::joining::{InvitationRow, JoinRequestRow};
use crate::repo::{InvitationRepo, JoinRequestRepo, RepoError, Res};

#[derive(Clone, Default)]
pub(super) struct Joining {
    last_invitation: i64,
    invitations: BTreeMap<InvitationId, InvitationRow>,
    last_request: i64,
    requests: BTreeMap<JoinRequestId, JoinRequestRow>,
}

#[async_trait]
impl InvitationRepo for MemoryTx {
    async fn add(&mut self, invitation: &InvitationRow) -> Res<InvitationId> {
        if let Some(standing) = InvitationRepo::find(self, invitation.group, invitation.user).await? {
            return Ok(standing.id);
        }
        let joining = &mut self.change().joining;
        let id = InvitationId(next_id(&mut joining.last_invitation));
        joining.invitations.insert(id, InvitationRow { id, ..invitation.clone() });
        Ok(id)
    }

    async fn get(&mut self, id: InvitationId) -> Res<Option<InvitationRow>> {
        Ok(self.state.joining.invitations.get(&id).cloned())
    }

    async fn find(&mut self, group: GroupId, user: UserId) -> Res<Option<InvitationRow>> {
        let mut rows = self.state.joining.invitations.values();
        Ok(rows.find(|row| (row.group, row.user) == (group, user)).cloned())
    }

    async fn list(&mut self, user: UserId, before: Option<InvitationId>, limit: u16) -> Res<Vec<InvitationRow>> {
        let to = before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest = self.state.joining.invitations.range((Bound::Unbounded, to)).rev().map(|(_, row)| row);
        Ok(newest.filter(|row| row.user == user).take(limit.into()).cloned().collect())
    }

    async fn remove(&mut self, id: InvitationId) -> Res<bool> {
        Ok(self.change().joining.invitations.remove(&id).is_some())
    }
}

#[async_trait]
impl JoinRequestRepo for MemoryTx {
    async fn add(&mut self, request: &JoinRequestRow) -> Res<JoinRequestId> {
        if JoinRequestRepo::find_pending(self, request.group, request.user).await?.is_some() {
            return Err(RepoError::Conflict);
        }
        let joining = &mut self.change().joining;
        let id = JoinRequestId(next_id(&mut joining.last_request));
        joining.requests.insert(id, JoinRequestRow { id, status: RequestStatus::Pending, ..request.clone() });
        Ok(id)
    }

    async fn get(&mut self, id: JoinRequestId) -> Res<Option<JoinRequestRow>> {
        Ok(self.state.joining.requests.get(&id).cloned())
    }

    async fn find_pending(&mut self, group: GroupId, user: UserId) -> Res<Option<JoinRequestRow>> {
        let mut rows = self.state.joining.requests.values();
        Ok(rows.find(|row| (row.group, row.user, row.status) == (group, user, RequestStatus::Pending)).cloned())
    }

    async fn list(&mut self, group: GroupId, before: Option<JoinRequestId>, limit: u16) -> Res<Vec<JoinRequestRow>> {
        let to = before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest = self.state.joining.requests.range((Bound::Unbounded, to)).rev().map(|(_, row)| row);
        Ok(newest.filter(|row| row.group == group).take(limit.into()).cloned().collect())
    }

    async fn decide(&mut self, id: JoinRequestId, status: RequestStatus) -> Res<bool> {
        let row = self.change().joining.requests.get_mut(&id);
        let Some(row) = row.filter(|row| row.status == RequestStatus::Pending) else { return Ok(false) };
        row.status = status;
        Ok(true)
    }
}
