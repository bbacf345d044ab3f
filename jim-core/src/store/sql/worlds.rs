use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::id::{UserId, WorldId};
use crate::model::ClientRef;
use crate::model::world::WorldRow;
use crate::repo::{Res, WorldRepo};
use crate::time::Millis;

type Row = (i64, String, i64, i64);

fn world((id, name, open, slow): Row) -> WorldRow {
    WorldRow { id: WorldId(id), name, open: open != 0, slow_mode_seconds: slow.try_into().unwrap_or_default() }
}

#[async_trait]
impl WorldRepo for SqlTx {
    async fn get(&mut self, id: WorldId) -> Res<Option<WorldRow>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> =
            conn.row("SELECT id, name, is_open, slow_mode_seconds FROM jim_worlds WHERE id = ?", args![id]).await?;
        Ok(row.map(world))
    }

    async fn list(&mut self) -> Res<Vec<WorldRow>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> =
            conn.rows("SELECT id, name, is_open, slow_mode_seconds FROM jim_worlds ORDER BY id", args![]).await?;
        Ok(rows.into_iter().map(world).collect())
    }

    async fn set(&mut self, row: &WorldRow) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run(
            "UPDATE jim_worlds SET name = ?, is_open = ?, slow_mode_seconds = ? WHERE id = ?",
            args![row.name.as_str(), row.open, i64::from(row.slow_mode_seconds), row.id],
        )
        .await?;
        Ok(())
    }

    async fn muted_until(&mut self, id: WorldId, user: UserId) -> Res<Option<Millis>> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> =
            conn.row("SELECT until FROM jim_world_mutes WHERE world_id = ? AND user_id = ?", args![id, user]).await?;
        Ok(row.map(|(until,)| Millis(until)))
    }

    async fn set_muted(&mut self, id: WorldId, user: UserId, until: Option<Millis>) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_world_mutes WHERE world_id = ? AND user_id = ?", args![id, user]).await?;
        if let Some(until) = until {
            let text = "INSERT INTO jim_world_mutes (world_id, user_id, until) VALUES (?, ?, ?)";
            conn.run(text, args![id, user, until]).await?;
        }
        Ok(())
    }

    async fn take_turn(
        &mut self,
        id: WorldId,
        user: UserId,
        message: &ClientRef,
        now: Millis,
        since: Millis,
    ) -> Res<Option<Millis>> {
        let mut conn = self.conn().await?;
        let again = "UPDATE jim_world_turns SET at = ?, client_ref = ?
             WHERE world_id = ? AND user_id = ? AND (at < ? OR client_ref = ?)";
        let message = message.as_str();
        if conn.run(again, args![now, message, id, user, since, message]).await? > 0 {
            return Ok(None);
        }
        let first = "INSERT INTO jim_world_turns (world_id, user_id, at, client_ref) VALUES (?, ?, ?, ?)";
        if conn.insert_new(first, args![id, user, now, message]).await? {
            return Ok(None);
        }
        let row: Option<(i64,)> =
            conn.row("SELECT at FROM jim_world_turns WHERE world_id = ? AND user_id = ?", args![id, user]).await?;
        Ok(row.map(|(at,)| Millis(at)))
    }

    async fn forget_turns(&mut self, id: WorldId) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_world_turns WHERE world_id = ?", args![id]).await?;
        Ok(())
    }
}
