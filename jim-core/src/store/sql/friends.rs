use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::id::UserId;
use crate::model::friend::Friendship;
use crate::repo::{FriendRepo, Res};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    friend_id: i64,
    remark: Option<String>,
    since: i64,
}

impl From<Row> for Friendship {
    fn from(row: Row) -> Self {
        Friendship { friend: UserId(row.friend_id), remark: row.remark, since: Millis(row.since) }
    }
}

#[async_trait]
impl FriendRepo for SqlTx {
    async fn get(&mut self, user: UserId, friend: UserId) -> Res<Option<Friendship>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn
            .row(
                "SELECT friend_id, remark, since FROM jim_friendships WHERE user_id = ? AND friend_id = ?",
                args![user, friend],
            )
            .await?;
        Ok(row.map(Into::into))
    }

    async fn list(&mut self, user: UserId, after: Option<UserId>, limit: u16) -> Res<Vec<Friendship>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = conn
            .rows(
                "SELECT friend_id, remark, since FROM jim_friendships WHERE user_id = ? AND friend_id > ?
                 ORDER BY friend_id LIMIT ?",
                args![user, after.unwrap_or(UserId::SYSTEM), limit],
            )
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn count(&mut self, user: UserId) -> Res<u32> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> =
            conn.row("SELECT COUNT(*) FROM jim_friendships WHERE user_id = ?", args![user]).await?;
        Ok(row.and_then(|(count,)| count.try_into().ok()).unwrap_or_default())
    }

    async fn add(&mut self, a: UserId, b: UserId, since: Millis) -> Res<()> {
        let mut conn = self.conn_changing(a).await?;
        conn.run(
            "INSERT INTO jim_friendships (user_id, friend_id, since) VALUES (?, ?, ?), (?, ?, ?)",
            args![a, b, since, b, a, since],
        )
        .await?;
        Ok(())
    }

    async fn remove(&mut self, a: UserId, b: UserId) -> Res<bool> {
        let mut conn = self.conn_changing(a).await?;
        let removed = conn
            .run(
                "DELETE FROM jim_friendships WHERE (user_id = ? AND friend_id = ?) OR (user_id = ? AND friend_id = ?)",
                args![a, b, b, a],
            )
            .await?;
        Ok(removed > 0)
    }

    async fn set_remark(&mut self, user: UserId, friend: UserId, remark: Option<&str>) -> Res<bool> {
        let mut conn = self.conn().await?;
        let set = conn
            .run(
                "UPDATE jim_friendships SET remark = ? WHERE user_id = ? AND friend_id = ?",
                args![remark, user, friend],
            )
            .await?;
        Ok(set > 0)
    }
}
