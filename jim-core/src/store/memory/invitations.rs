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

    async fn remove_all(&mut self, group: GroupId) -> Res<()> {
        self.change().invitations.rows.retain(|_, row| row.group != group);
        Ok(())
    }
}
