use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::{FriendRequestId, UserId};
use crate::model::friend::{Direction, RequestRow, RequestStatus};
use crate::repo::{FriendRequestRepo, NewRequest, RepoError, Res};

#[derive(Clone, Default)]
pub(super) struct FriendRequests {
    last: i64,
    rows: BTreeMap<FriendRequestId, RequestRow>,
}

impl FriendRequests {
    fn pending(&self, from: UserId, to: UserId) -> Option<&RequestRow> {
        self.rows.values().find(|row| (row.from, row.to, row.status) == (from, to, RequestStatus::Pending))
    }
}

#[async_trait]
impl FriendRequestRepo for MemoryTx {
    async fn add(&mut self, request: &NewRequest) -> Res<FriendRequestId> {
        if self.state.friend_requests.pending(request.from, request.to).is_some() {
            return Err(RepoError::Conflict);
        }
        let requests = &mut self.change().friend_requests;
        let id = FriendRequestId(next_id(&mut requests.last));
        let row = RequestRow {
            id,
            from: request.from,
            to: request.to,
            note: request.note.clone(),
            status: RequestStatus::Pending,
            reason: None,
            muffled: request.muffled,
            created_at: request.at,
        };
        requests.rows.insert(id, row);
        Ok(id)
    }

    async fn get(&mut self, id: FriendRequestId) -> Res<Option<RequestRow>> {
        Ok(self.state.friend_requests.rows.get(&id).cloned())
    }

    async fn find_pending(&mut self, from: UserId, to: UserId) -> Res<Option<RequestRow>> {
        Ok(self.state.friend_requests.pending(from, to).cloned())
    }

    async fn list(
        &mut self,
        user: UserId,
        direction: Direction,
        before: Option<FriendRequestId>,
        limit: u16,
    ) -> Res<Vec<RequestRow>> {
        let to = before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest = self.state.friend_requests.rows.range((Bound::Unbounded, to)).rev().map(|(_, row)| row);
        let listed = newest.filter(|row| match direction {
            Direction::In => row.to == user && !row.muffled,
            Direction::Out => row.from == user,
        });
        Ok(listed.take(limit.into()).cloned().collect())
    }

    async fn decide(&mut self, id: FriendRequestId, status: RequestStatus, reason: Option<&str>) -> Res<bool> {
        let row = self.change().friend_requests.rows.get_mut(&id);
        let Some(row) = row.filter(|row| row.status == RequestStatus::Pending) else { return Ok(false) };
        row.status = status;
        row.reason = reason.map(Into::into);
        Ok(true)
    }

    async fn remove(&mut self, id: FriendRequestId) -> Res<bool> {
        Ok(self.change().friend_requests.rows.remove(&id).is_some())
    }
}
