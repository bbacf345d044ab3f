use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::sql;
use super::tx::SqlTx;
use crate::id::{GroupId, ID_END, InvitationId, UserId};
use crate::model::joining::InvitationRow;
use crate::repo::{InvitationRepo, Res};
use crate::time::Millis;

const SELECT: &str = "SELECT id, group_id, user_id, by_user, created_at FROM jim_group_invitations";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    group_id: i64,
    user_id: i64,
    by_user: i64,
    created_at: i64,
}

impl From<Row> for InvitationRow {
    fn from(row: Row) -> Self {
        InvitationRow {
            id: InvitationId(row.id),
            group: GroupId(row.group_id),
            user: UserId(row.user_id),
            by: UserId(row.by_user),
            created_at: Millis(row.created_at),
        }
    }
}

#[async_trait]
impl InvitationRepo for SqlTx {
    async fn add(&mut self, invitation: &InvitationRow) -> Res<InvitationId> {
        if let Some(standing) = InvitationRepo::find(self, invitation.group, invitation.user).await? {
            return Ok(standing.id);
        }
        let mut conn = self.conn().await?;
        let id = conn
            .insert(
                "INSERT INTO jim_group_invitations (group_id, user_id, by_user, created_at) VALUES (?, ?, ?, ?)",
                args![invitation.group, invitation.user, invitation.by, invitation.created_at],
            )
            .await?;
        Ok(InvitationId(id))
    }

    async fn get(&mut self, id: InvitationId) -> Res<Option<InvitationRow>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn.row(sql(format!("{SELECT} WHERE id = ?")), args![id]).await?;
        Ok(row.map(Into::into))
    }

    async fn find(&mut self, group: GroupId, user: UserId) -> Res<Option<InvitationRow>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE group_id = ? AND user_id = ?");
        let row: Option<Row> = conn.row(sql(text), args![group, user]).await?;
        Ok(row.map(Into::into))
    }

    async fn list(&mut self, user: UserId, before: Option<InvitationId>, limit: u16) -> Res<Vec<InvitationRow>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?");
        let before = before.unwrap_or(InvitationId(ID_END));
        let rows: Vec<Row> = conn.rows(sql(text), args![user, before, limit]).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn remove(&mut self, id: InvitationId) -> Res<bool> {
        let mut conn = self.conn().await?;
        Ok(conn.run("DELETE FROM jim_group_invitations WHERE id = ?", args![id]).await? > 0)
    }

    async fn list_of(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<InvitationRow>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE group_id = ? AND user_id > ? ORDER BY user_id LIMIT ?");
        let after = after.unwrap_or(UserId::SYSTEM);
        let rows: Vec<Row> = conn.rows(sql(text), args![group, after, limit]).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
