use async_trait::async_trait;

use super::conn::{Verbs as _, args, broken};
use super::tx::SqlTx;
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::Conversation;
use crate::repo::{ConversationRepo, RepoError, Res};

#[derive(sqlx::FromRow)]
struct Row {
    room: String,
    from_seq: Option<i64>,
    read_seq: i64,
}

impl TryFrom<Row> for Conversation {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        Ok(Conversation {
            room: row.room.parse().map_err(|_| broken("a room has no such name"))?,
            from: row.from_seq.map(Seq),
            read: Seq(row.read_seq),
        })
    }
}

#[async_trait]
impl ConversationRepo for SqlTx {
    async fn get(&mut self, user: UserId, room: &RoomId) -> Res<Option<Conversation>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn
            .row(
                "SELECT room, from_seq, read_seq FROM jim_conversations WHERE user_id = ? AND room = ?",
                args![user, room],
            )
            .await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn list(&mut self, user: UserId) -> Res<Vec<Conversation>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> =
            conn.rows("SELECT room, from_seq, read_seq FROM jim_conversations WHERE user_id = ?", args![user]).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn ensure(&mut self, user: UserId, room: &RoomId, from: Option<Seq>) -> Res<bool> {
        let mut conn = self.conn_changing(user).await?;
        let made = conn
            .run(
                "INSERT INTO jim_conversations (user_id, room, from_seq, read_seq) VALUES (?, ?, ?, 0)
                 ON CONFLICT (user_id, room) DO NOTHING",
                args![user, room, from],
            )
            .await?;
        Ok(made > 0)
    }

    async fn set_from(&mut self, user: UserId, room: &RoomId, from: Seq) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("UPDATE jim_conversations SET from_seq = ? WHERE user_id = ? AND room = ?", args![from, user, room])
            .await?;
        Ok(())
    }

    async fn remove(&mut self, user: UserId, room: &RoomId) -> Res<bool> {
        let mut conn = self.conn_changing(user).await?;
        let removed =
            conn.run("DELETE FROM jim_conversations WHERE user_id = ? AND room = ?", args![user, room]).await?;
        Ok(removed > 0)
    }
}
