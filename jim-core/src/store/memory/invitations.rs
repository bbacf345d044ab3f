use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::{GroupId, InvitationId, UserId};
use crate::model::joining::InvitationRow;
use crate::repo::{InvitationRepo, Res};

#[derive(Clone, Default)]
pub(super) struct Invitations {
    last: i64,
    rows: BTreeMap<InvitationId, InvitationRow>,
}

#[async_trait]
impl InvitationRepo for MemoryTx {
    async fn add(&mut self, invitation: &InvitationRow) -> Res<InvitationId> {
        if let Some(standing) = InvitationRepo::find(self, invitation.group, invitation.user).await? {
            return Ok(standing.id);
        }
        let invitations = &mut self.change().invitations;
        let id = InvitationId(next_id(&mut invitations.last));
        invitations.rows.insert(id, InvitationRow { id, ..invitation.clone() });
        Ok(id)
    }

    async fn get(&mut self, id: InvitationId) -> Res<Option<InvitationRow>> {
        Ok(self.state.invitations.rows.get(&id).cloned())
    }

    async fn find(&mut self, group: GroupId, user: UserId) -> Res<Option<InvitationRow>> {
        let mut rows = self.state.invitations.rows.values();
        Ok(rows.find(|row| (row.group, row.user) == (group, user)).cloned())
    }

    async fn list(&mut self, user: UserId, before: Option<InvitationId>, limit: u16) -> Res<Vec<InvitationRow>> {
        let to = before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest = self.state.invitations.rows.range((Bound::Unbounded, to)).rev().map(|(_, row)| row);
        Ok(newest.filter(|row| row.user == user).take(limit.into()).cloned().collect())
    }

    async fn remove(&mut self, id: InvitationId) -> Res<bool> {
        Ok(self.change().invitations.rows.remove(&id).is_some())
    }

    async fn list_of(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<InvitationRow>> {
        let after = after.unwrap_or(UserId::SYSTEM);
        let rows = self.state.invitations.rows.values().filter(|row| row.group == group && row.user > after);
        let by_user: BTreeMap<_, _> = rows.map(|row| (row.user, row)).collect();
        Ok(by_user.into_values().take(limit.into()).cloned().collect())
    }
}
