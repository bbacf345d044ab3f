use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::id::{GroupId, UserId};
use crate::model::group::Blacklisted;
use crate::repo::{BlacklistRepo, Res};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    user_id: i64,
    by_user: i64,
    at: i64,
}

#[async_trait]
impl BlacklistRepo for SqlTx {
    async fn add(&mut self, group: GroupId, who: &Blacklisted) -> Res<bool> {
        let mut conn = self.conn().await?;
        conn.insert_new(
            "INSERT INTO jim_blacklist (group_id, user_id, by_user, at) VALUES (?, ?, ?, ?)",
            args![group, who.user, who.by, who.at],
        )
        .await
    }

    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        let mut conn = self.conn().await?;
        let removed =
            conn.run("DELETE FROM jim_blacklist WHERE group_id = ? AND user_id = ?", args![group, user]).await?;
        Ok(removed > 0)
    }

    async fn contains(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> = conn
            .row("SELECT user_id FROM jim_blacklist WHERE group_id = ? AND user_id = ?", args![group, user])
            .await?;
        Ok(row.is_some())
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<Blacklisted>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = conn
            .rows(
                "SELECT user_id, by_user, at FROM jim_blacklist WHERE group_id = ? AND user_id > ?
                 ORDER BY user_id LIMIT ?",
                args![group, after.unwrap_or(UserId::SYSTEM), limit],
            )
            .await?;
        let listed = |row: Row| Blacklisted { user: UserId(row.user_id), by: UserId(row.by_user), at: Millis(row.at) };
        Ok(rows.into_iter().map(listed).collect())
    }
}
