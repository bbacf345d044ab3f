use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::id::{RoomId, Seq, UserId};
use crate::model::pin::PinRow;
use crate::repo::{PinRepo, Res};
use crate::time::Millis;

#[async_trait]
impl PinRepo for SqlTx {
    async fn add(&mut self, room: &RoomId, pin: &PinRow) -> Res<bool> {
        let mut conn = self.conn().await?;
        conn.insert_new(
            "INSERT INTO jim_pins (room, seq, by_user, at) VALUES (?, ?, ?, ?)",
            args![room, pin.seq, pin.by, pin.at],
        )
        .await
    }

    async fn remove(&mut self, room: &RoomId, seq: Seq) -> Res<bool> {
        let mut conn = self.conn().await?;
        Ok(conn.run("DELETE FROM jim_pins WHERE room = ? AND seq = ?", args![room, seq]).await? > 0)
    }

    async fn list(&mut self, room: &RoomId) -> Res<Vec<PinRow>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i64, i64, i64)> = conn
            .rows("SELECT seq, by_user, at FROM jim_pins WHERE room = ? ORDER BY at DESC, seq DESC", args![room])
            .await?;
        Ok(rows.into_iter().map(|(seq, by, at)| PinRow { seq: Seq(seq), by: UserId(by), at: Millis(at) }).collect())
    }
}
