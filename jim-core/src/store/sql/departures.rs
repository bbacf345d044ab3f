use async_trait::async_trait;

use super::conn::{Arg, Verbs as _, args, broken};
use super::tx::SqlTx;
use crate::id::{RoomId, Seq, UserId};
use crate::model::departure::Departure;
use crate::repo::{DepartureRepo, Res};
use crate::time::Millis;

/// No room has the empty name.
fn name(room: Option<&RoomId>) -> Arg {
    Arg::Text(room.map(ToString::to_string).unwrap_or_default())
}

#[async_trait]
impl DepartureRepo for SqlTx {
    async fn add(&mut self, departure: &Departure) -> Res<()> {
        let Departure { user, room, seq, at } = departure;
        self.conn()
            .await?
            .insert_new(
                "INSERT INTO jim_departures (user_id, room, seq, at) VALUES (?, ?, ?, ?)",
                vec![(*user).into(), name(room.as_ref()), (*seq).into(), (*at).into()],
            )
            .await?;
        Ok(())
    }

    async fn list(&mut self, limit: u16) -> Res<Vec<Departure>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i64, String, i64, i64)> = conn
            .rows("SELECT user_id, room, seq, at FROM jim_departures ORDER BY user_id, room LIMIT ?", args![limit])
            .await?;
        rows.into_iter()
            .map(|(user, room, seq, at)| {
                let room = Some(room).filter(|room| !room.is_empty()).map(|room| room.parse()).transpose();
                let room = room.map_err(|_| broken("a room has no such name"))?;
                Ok(Departure { user: UserId(user), room, seq: Seq(seq), at: Millis(at) })
            })
            .collect()
    }

    async fn set_seq(&mut self, user: UserId, room: &RoomId, seq: Seq) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run(
            "UPDATE jim_departures SET seq = ? WHERE user_id = ? AND room = ? AND seq < ?",
            args![seq, user, room, seq],
        )
        .await?;
        Ok(())
    }

    async fn remove(&mut self, user: UserId, room: Option<&RoomId>) -> Res<bool> {
        let mut conn = self.conn().await?;
        let args = vec![user.into(), name(room)];
        Ok(conn.run("DELETE FROM jim_departures WHERE user_id = ? AND room = ?", args).await? > 0)
    }
}
