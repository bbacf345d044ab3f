use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::friend_requests::{number, status};
use super::sql;
use super::tx::SqlTx;
use crate::id::{GroupId, ID_END, JoinRequestId, UserId};
use crate::model::friend::RequestStatus;
use crate::model::joining::JoinRequestRow;
use crate::repo::{JoinRequestRepo, RepoError, Res};
use crate::time::Millis;

const SELECT: &str = "SELECT id, group_id, user_id, note, status, created_at FROM jim_join_requests";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    group_id: i64,
    user_id: i64,
    note: Option<String>,
    status: i64,
    created_at: i64,
}

impl TryFrom<Row> for JoinRequestRow {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        Ok(JoinRequestRow {
            id: JoinRequestId(row.id),
            group: GroupId(row.group_id),
            user: UserId(row.user_id),
            note: row.note,
            status: status(row.status)?,
            created_at: Millis(row.created_at),
        })
    }
}

#[async_trait]
impl JoinRequestRepo for SqlTx {
    async fn add(&mut self, request: &JoinRequestRow) -> Res<JoinRequestId> {
        let mut conn = self.conn().await?;
        let id = conn
            .insert(
                "INSERT INTO jim_join_requests (group_id, user_id, note, status, pending, created_at)
                 VALUES (?, ?, ?, ?, 1, ?)",
                args![
                    request.group,
                    request.user,
                    request.note.as_deref(),
                    number(RequestStatus::Pending),
                    request.created_at,
                ],
            )
            .await?;
        Ok(JoinRequestId(id))
    }

    async fn get(&mut self, id: JoinRequestId) -> Res<Option<JoinRequestRow>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn.row(sql(format!("{SELECT} WHERE id = ?")), args![id]).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn find_pending(&mut self, group: GroupId, user: UserId) -> Res<Option<JoinRequestRow>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE group_id = ? AND user_id = ? AND pending = 1");
        let row: Option<Row> = conn.row(sql(text), args![group, user]).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn list(&mut self, group: GroupId, before: Option<JoinRequestId>, limit: u16) -> Res<Vec<JoinRequestRow>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE group_id = ? AND id < ? ORDER BY id DESC LIMIT ?");
        let before = before.unwrap_or(JoinRequestId(ID_END));
        let rows: Vec<Row> = conn.rows(sql(text), args![group, before, limit]).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn list_pending(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<JoinRequestRow>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE group_id = ? AND user_id > ? AND pending = 1 ORDER BY user_id LIMIT ?");
        let rows: Vec<Row> = conn.rows(sql(text), args![group, after.unwrap_or(UserId::SYSTEM), limit]).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn list_of(&mut self, user: UserId) -> Res<Vec<JoinRequestRow>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE user_id = ? AND pending = 1 ORDER BY id");
        let rows: Vec<Row> = conn.rows(sql(text), args![user]).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn decide(&mut self, id: JoinRequestId, status: RequestStatus) -> Res<bool> {
        let mut conn = self.conn().await?;
        let decided = conn
            .run(
                "UPDATE jim_join_requests SET status = ?, pending = NULL WHERE id = ? AND pending = 1",
                args![number(status), id],
            )
            .await?;
        Ok(decided > 0)
    }
}
