use async_trait::async_trait;

use super::conn::{Verbs as _, args, broken};
use super::sql;
use super::tx::SqlTx;
use crate::id::{FriendRequestId, ID_END, UserId};
use crate::model::friend::{Direction, RequestRow, RequestStatus};
use crate::repo::{FriendRequestRepo, NewRequest, RepoError, Res};
use crate::time::Millis;

const SELECT: &str = "SELECT id, from_id, to_id, note, status, reason, muffled, created_at FROM jim_friend_requests";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    from_id: i64,
    to_id: i64,
    note: Option<String>,
    status: i64,
    reason: Option<String>,
    muffled: i64,
    created_at: i64,
}

pub(super) fn number(status: RequestStatus) -> i64 {
    match status {
        RequestStatus::Pending => 0,
        RequestStatus::Accepted => 1,
        RequestStatus::Rejected => 2,
    }
}

pub(super) fn status(stored: i64) -> Res<RequestStatus> {
    let all = [RequestStatus::Pending, RequestStatus::Accepted, RequestStatus::Rejected];
    let status = all.into_iter().find(|status| number(*status) == stored);
    status.ok_or_else(|| broken("a request has no such status"))
}

impl TryFrom<Row> for RequestRow {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        Ok(RequestRow {
            id: FriendRequestId(row.id),
            from: UserId(row.from_id),
            to: UserId(row.to_id),
            note: row.note,
            status: status(row.status)?,
            reason: row.reason,
            muffled: row.muffled != 0,
            created_at: Millis(row.created_at),
        })
    }
}

#[async_trait]
impl FriendRequestRepo for SqlTx {
    async fn add(&mut self, request: &NewRequest) -> Res<FriendRequestId> {
        let mut conn = self.conn().await?;
        let id = conn
            .insert(
                "INSERT INTO jim_friend_requests (from_id, to_id, note, status, pending, muffled, created_at)
                 VALUES (?, ?, ?, ?, 1, ?, ?)",
                args![
                    request.from,
                    request.to,
                    request.note.as_deref(),
                    number(RequestStatus::Pending),
                    request.muffled,
                    request.at,
                ],
            )
            .await?;
        Ok(FriendRequestId(id))
    }

    async fn get(&mut self, id: FriendRequestId) -> Res<Option<RequestRow>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn.row(sql(format!("{SELECT} WHERE id = ?")), args![id]).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn find_pending(&mut self, from: UserId, to: UserId) -> Res<Option<RequestRow>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE from_id = ? AND to_id = ? AND pending = 1");
        let row: Option<Row> = conn.row(sql(text), args![from, to]).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn list(
        &mut self,
        user: UserId,
        direction: Direction,
        before: Option<FriendRequestId>,
        limit: u16,
    ) -> Res<Vec<RequestRow>> {
        let mut conn = self.conn().await?;
        let whose = match direction {
            Direction::In => "to_id = ? AND muffled = 0",
            Direction::Out => "from_id = ?",
        };
        let text = format!("{SELECT} WHERE {whose} AND id < ? ORDER BY id DESC LIMIT ?");
        let before = before.unwrap_or(FriendRequestId(ID_END));
        let rows: Vec<Row> = conn.rows(sql(text), args![user, before, limit]).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn decide(&mut self, id: FriendRequestId, status: RequestStatus, reason: Option<&str>) -> Res<bool> {
        let mut conn = self.conn().await?;
        let decided = conn
            .run(
                "UPDATE jim_friend_requests SET status = ?, reason = ?, pending = NULL WHERE id = ? AND pending = 1",
                args![number(status), reason, id],
            )
            .await?;
        Ok(decided > 0)
    }

    async fn remove(&mut self, id: FriendRequestId) -> Res<bool> {
        let mut conn = self.conn().await?;
        Ok(conn.run("DELETE FROM jim_friend_requests WHERE id = ?", args![id]).await? > 0)
    }
}
