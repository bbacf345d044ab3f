use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::id::{RoomId, Seq, UserId};
use crate::repo::{HiddenRepo, Res};

#[async_trait]
impl HiddenRepo for SqlTx {
    async fn add(&mut self, user: UserId, room: &RoomId, seq: Seq) -> Res<bool> {
        let mut conn = self.conn().await?;
        conn.insert_new("INSERT INTO jim_hidden (user_id, room, seq) VALUES (?, ?, ?)", args![user, room, seq]).await
    }

    async fn list(&mut self, user: UserId, room: &RoomId, from: Seq, to: Seq) -> Res<Vec<Seq>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i64,)> = conn
            .rows(
                "SELECT seq FROM jim_hidden WHERE user_id = ? AND room = ? AND seq BETWEEN ? AND ? ORDER BY seq",
                args![user, room, from, to],
            )
            .await?;
        Ok(rows.into_iter().map(|(seq,)| Seq(seq)).collect())
    }
}
