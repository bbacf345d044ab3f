use async_trait::async_trait;

use super::conn::{Arg, Dialect, Verbs as _, args, broken};
use super::tx::SqlTx;
use super::{chunks, sql};
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::{ConversationRow, Mark, Reader};
use crate::repo::{ConversationRepo, RepoError, Res};
use crate::time::Millis;

const COLUMNS: &str = "room, from_seq, clear_seq, read_seq, mark, mark_ord, hidden_seq, pinned_at, muted";

#[derive(sqlx::FromRow)]
struct Row {
    room: String,
    from_seq: Option<i64>,
    clear_seq: i64,
    read_seq: i64,
    mark: i64,
    mark_ord: i64,
    hidden_seq: Option<i64>,
    pinned_at: Option<i64>,
    muted: i64,
}

impl TryFrom<Row> for ConversationRow {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        Ok(ConversationRow {
            room: row.room.parse().map_err(|_| broken("a room has no such name"))?,
            from: row.from_seq.map(Seq),
            clear: Seq(row.clear_seq),
            read: Seq(row.read_seq),
            mark: Mark { seq: Seq(row.mark), ord: row.mark_ord },
            hidden: row.hidden_seq.map(Seq),
            pinned_at: row.pinned_at.map(Millis),
            muted: row.muted != 0,
        })
    }
}

/// Moves a mark that only grows, and its place with it; takes its number and its place.
fn forward(dialect: Dialect) -> String {
    let greatest = dialect.greatest();
    format!("mark = {greatest}(mark, ?), mark_ord = {greatest}(mark_ord, ?)")
}

#[async_trait]
impl ConversationRepo for SqlTx {
    async fn get(&mut self, user: UserId, room: &RoomId) -> Res<Option<ConversationRow>> {
        let mut conn = self.conn().await?;
        let text = format!("SELECT {COLUMNS} FROM jim_conversations WHERE user_id = ? AND room = ?");
        let row: Option<Row> = conn.row(sql(text), args![user, room]).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn list(&mut self, user: UserId) -> Res<Vec<ConversationRow>> {
        let mut conn = self.conn().await?;
        let text = format!("SELECT {COLUMNS} FROM jim_conversations WHERE user_id = ?");
        let rows: Vec<Row> = conn.rows(sql(text), args![user]).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn ensure(&mut self, user: UserId, room: &RoomId, from: Option<Seq>) -> Res<bool> {
        let mut conn = self.conn_changing(user).await?;
        conn.insert_new(
            "INSERT INTO jim_conversations (user_id, room, from_seq, read_seq) VALUES (?, ?, ?, 0)",
            args![user, room, from],
        )
        .await
    }

    async fn set_from(&mut self, user: UserId, room: &RoomId, below: Mark) -> Res<()> {
        let mut conn = self.conn().await?;
        let forward = forward(conn.dialect());
        let text = format!("UPDATE jim_conversations SET from_seq = ?, {forward} WHERE user_id = ? AND room = ?");
        conn.run(sql(text), args![below.seq.next(), below.seq, below.ord, user, room]).await?;
        Ok(())
    }

    async fn set_read(&mut self, marks: &[(UserId, RoomId, Mark)]) -> Res<()> {
        let mut conn = self.conn().await?;
        for marks in chunks(marks, 64) {
            let mut args = Vec::with_capacity(marks.len() * 4);
            for (user, room, mark) in marks {
                args.extend([Arg::from(*user), Arg::from(room), Arg::from(mark.seq), Arg::from(mark.ord)]);
            }
            let text = conn.dialect().read_marks(marks.len());
            conn.run(sql(text), args).await?;
        }
        Ok(())
    }

    async fn set_clear(&mut self, user: UserId, room: &RoomId, to: Mark) -> Res<()> {
        let mut conn = self.conn().await?;
        let (forward, greatest) = (forward(conn.dialect()), conn.dialect().greatest());
        let text = format!(
            "UPDATE jim_conversations SET clear_seq = {greatest}(clear_seq, ?), {forward} WHERE user_id = ? AND room = ?"
        );
        conn.run(sql(text), args![to.seq, to.seq, to.ord, user, room]).await?;
        Ok(())
    }

    async fn set_pinned(&mut self, user: UserId, room: &RoomId, at: Option<Millis>) -> Res<()> {
        let mut conn = self.conn().await?;
        let text = "UPDATE jim_conversations SET pinned_at = ? WHERE user_id = ? AND room = ?";
        conn.run(text, args![at, user, room]).await?;
        Ok(())
    }

    async fn set_muted(&mut self, user: UserId, room: &RoomId, muted: bool) -> Res<()> {
        let mut conn = self.conn().await?;
        let text = "UPDATE jim_conversations SET muted = ? WHERE user_id = ? AND room = ?";
        conn.run(text, args![muted, user, room]).await?;
        Ok(())
    }

    async fn set_hidden(&mut self, user: UserId, room: &RoomId, at: Option<Seq>) -> Res<()> {
        let mut conn = self.conn().await?;
        let text = "UPDATE jim_conversations SET hidden_seq = ? WHERE user_id = ? AND room = ?";
        conn.run(text, args![at, user, room]).await?;
        Ok(())
    }

    async fn readers(&mut self, room: &RoomId, seq: Seq, after: Option<UserId>, limit: u16) -> Res<Vec<Reader>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i64, i64)> = conn
            .rows(
                "SELECT user_id, read_seq FROM jim_conversations
                 WHERE room = ? AND read_seq >= ? AND from_seq <= ? AND user_id > ? ORDER BY user_id LIMIT ?",
                args![room, seq, seq, after.unwrap_or(UserId::SYSTEM), limit],
            )
            .await?;
        Ok(rows.into_iter().map(|(user, seq)| Reader { user_id: UserId(user), seq: Seq(seq) }).collect())
    }

    async fn remove(&mut self, user: UserId, room: &RoomId) -> Res<bool> {
        let mut conn = self.conn_changing(user).await?;
        let removed =
            conn.run("DELETE FROM jim_conversations WHERE user_id = ? AND room = ?", args![user, room]).await?;
        Ok(removed > 0)
    }
}
