use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::{GroupId, JoinRequestId, UserId};
use crate::model::friend::RequestStatus;
use crate::model::joining::JoinRequestRow;
use crate::repo::{JoinRequestRepo, RepoError, Res};

#[derive(Clone, Default)]
pub(super) struct JoinRequests {
    last: i64,
    rows: BTreeMap<JoinRequestId, JoinRequestRow>,
}

#[async_trait]
impl JoinRequestRepo for MemoryTx {
    async fn add(&mut self, request: &JoinRequestRow) -> Res<JoinRequestId> {
        if JoinRequestRepo::find_pending(self, request.group, request.user).await?.is_some() {
            return Err(RepoError::Conflict);
        }
        let requests = &mut self.change().join_requests;
        let id = JoinRequestId(next_id(&mut requests.last));
        requests.rows.insert(id, JoinRequestRow { id, status: RequestStatus::Pending, ..request.clone() });
        Ok(id)
    }

    async fn get(&mut self, id: JoinRequestId) -> Res<Option<JoinRequestRow>> {
        Ok(self.state.join_requests.rows.get(&id).cloned())
    }

    async fn find_pending(&mut self, group: GroupId, user: UserId) -> Res<Option<JoinRequestRow>> {
        let mut rows = self.state.join_requests.rows.values();
        Ok(rows.find(|row| (row.group, row.user, row.status) == (group, user, RequestStatus::Pending)).cloned())
    }

    async fn list(&mut self, group: GroupId, before: Option<JoinRequestId>, limit: u16) -> Res<Vec<JoinRequestRow>> {
        let to = before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest = self.state.join_requests.rows.range((Bound::Unbounded, to)).rev().map(|(_, row)| row);
        Ok(newest.filter(|row| row.group == group).take(limit.into()).cloned().collect())
    }

    async fn list_pending(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<JoinRequestRow>> {
        let pending = |row: &&JoinRequestRow| row.group == group && row.status == RequestStatus::Pending;
        let mut rows: Vec<_> = self.state.join_requests.rows.values().filter(pending).cloned().collect();
        rows.sort_by_key(|row| row.user);
        rows.retain(|row| after.is_none_or(|after| row.user > after));
        rows.truncate(limit.into());
        Ok(rows)
    }

    async fn list_of(&mut self, user: UserId) -> Res<Vec<JoinRequestRow>> {
        let pending = |row: &&JoinRequestRow| row.user == user && row.status == RequestStatus::Pending;
        Ok(self.state.join_requests.rows.values().filter(pending).cloned().collect())
    }

    async fn decide(&mut self, id: JoinRequestId, status: RequestStatus) -> Res<bool> {
        let row = self.change().join_requests.rows.get_mut(&id);
        let Some(row) = row.filter(|row| row.status == RequestStatus::Pending) else { return Ok(false) };
        row.status = status;
        Ok(true)
    }
}
