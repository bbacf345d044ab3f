use async_trait::async_trait;

use super::conn::{Verbs as _, args, broken};
use super::tx::SqlTx;
use crate::id::{OutboxId, RoomId};
use crate::repo::{OutboxRepo, RepoError, Res, Task};
use crate::time::Millis;

#[async_trait]
impl OutboxRepo for SqlTx {
    async fn add(&mut self, room: &RoomId, task: &Task, at: Millis) -> Res<OutboxId> {
        let mut conn = self.conn().await?;
        let task = serde_json::to_string(task).map_err(|error| RepoError::Broken(error.into()))?;
        let id = conn.insert("INSERT INTO jim_outbox (room, task, at) VALUES (?, ?, ?)", args![room, task, at]).await?;
        Ok(OutboxId(id))
    }

    async fn list(&mut self, room: &RoomId, limit: u16) -> Res<Vec<(OutboxId, Task, Millis)>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i64, String, i64)> = conn
            .rows("SELECT id, task, at FROM jim_outbox WHERE room = ? ORDER BY id LIMIT ?", args![room, limit])
            .await?;
        rows.into_iter()
            .map(|(id, task, at)| {
                let task = serde_json::from_str(&task).map_err(|error| RepoError::Broken(error.into()))?;
                Ok((OutboxId(id), task, Millis(at)))
            })
            .collect()
    }

    async fn rooms(&mut self, limit: u16) -> Res<Vec<RoomId>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(String,)> = conn.rows("SELECT DISTINCT room FROM jim_outbox LIMIT ?", args![limit]).await?;
        rows.into_iter().map(|(room,)| room.parse().map_err(|_| broken("a room has no such name"))).collect()
    }

    async fn remove(&mut self, id: OutboxId) -> Res<bool> {
        let mut conn = self.conn().await?;
        Ok(conn.run("DELETE FROM jim_outbox WHERE id = ?", args![id]).await? > 0)
    }
}
