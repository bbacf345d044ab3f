use async_trait::async_trait;

use super::conn::{Arg, Verbs as _, args};
use super::tx::SqlTx;
use super::{chunks, sql, tuples};
use crate::id::{Seq, UserId};
use crate::model::block::BlockRow;
use crate::repo::{BlockRepo, Res};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    blocked_id: i64,
    cut_seq: Option<i64>,
    at: i64,
}

impl From<Row> for BlockRow {
    fn from(row: Row) -> Self {
        BlockRow { blocked: UserId(row.blocked_id), cut: row.cut_seq.map(Seq), at: Millis(row.at) }
    }
}

#[async_trait]
impl BlockRepo for SqlTx {
    async fn get(&mut self, user: UserId, blocked: UserId) -> Res<Option<BlockRow>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn
            .row(
                "SELECT blocked_id, cut_seq, at FROM jim_blocks WHERE user_id = ? AND blocked_id = ?",
                args![user, blocked],
            )
            .await?;
        Ok(row.map(Into::into))
    }

    async fn list(&mut self, user: UserId, after: Option<UserId>, limit: u16) -> Res<Vec<BlockRow>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = conn
            .rows(
                "SELECT blocked_id, cut_seq, at FROM jim_blocks WHERE user_id = ? AND blocked_id > ?
                 ORDER BY blocked_id LIMIT ?",
                args![user, after.unwrap_or(UserId::SYSTEM), limit],
            )
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn blockers(&mut self, user: UserId, of: &[UserId]) -> Res<Vec<UserId>> {
        let mut conn = self.conn().await?;
        let mut blockers = Vec::new();
        for people in chunks(of, 128) {
            let mut args = args![user];
            args.extend(people.iter().copied().map(Arg::from));
            let text = format!(
                "SELECT user_id FROM jim_blocks WHERE blocked_id = ? AND user_id IN {}",
                tuples(1, people.len())
            );
            let rows: Vec<(i64,)> = conn.rows(sql(text), args).await?;
            blockers.extend(rows.into_iter().map(|(id,)| UserId(id)));
        }
        Ok(blockers)
    }

    async fn add(&mut self, user: UserId, blocked: UserId, at: Millis) -> Res<bool> {
        let mut conn = self.conn_changing(user).await?;
        conn.insert_new("INSERT INTO jim_blocks (user_id, blocked_id, at) VALUES (?, ?, ?)", args![user, blocked, at])
            .await
    }

    async fn set_cut(&mut self, user: UserId, blocked: UserId, cut: Seq) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run(
            "UPDATE jim_blocks SET cut_seq = ? WHERE user_id = ? AND blocked_id = ? AND cut_seq IS NULL",
            args![cut, user, blocked],
        )
        .await?;
        Ok(())
    }

    async fn remove(&mut self, user: UserId, blocked: UserId) -> Res<bool> {
        let mut conn = self.conn_changing(user).await?;
        let removed =
            conn.run("DELETE FROM jim_blocks WHERE user_id = ? AND blocked_id = ?", args![user, blocked]).await?;
        Ok(removed > 0)
    }
}
