//! How much of a room somebody has not read: counted, never written.

use sqlx::sqlite::SqliteConnection;

use super::conn::{Verbs as _, args};
use super::room_log;
use crate::id::RoomId;
use crate::repo::{COUNTED_EXACTLY, Res, Unread, UnreadCount};

/// Messages that others wrote above a mark and that still stand.
const EXACT: &str = "SELECT COUNT(*) FROM jim_entries
    WHERE room = ? AND seq > ? AND kind = 'message.sent' AND digest IS NOT NULL AND by_user NOT IN (0, ?)";

const RETRACTED: &str = "SELECT COUNT(*) FROM jim_retractions WHERE room = ? AND seq > ?";

const MENTIONED: &str = "SELECT COUNT(DISTINCT m.seq) FROM jim_mentions m
    JOIN jim_entries e ON e.room = m.room AND e.seq = m.seq
    WHERE m.user_id IN (?, 0) AND m.room = ? AND m.seq > ? AND e.digest IS NOT NULL AND e.by_user <> ?";

pub(super) async fn count(conn: &mut SqliteConnection, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
    let rooms: Vec<RoomId> = asks.iter().map(|ask| ask.room).collect();
    let heads = room_log::heads(conn, &rooms).await?;
    let mut counts = Vec::with_capacity(asks.len());
    for (Unread { room, user, mark }, head) in asks.iter().zip(heads) {
        if head.seq <= mark.seq {
            counts.push(UnreadCount::default());
            continue;
        }
        let messages = if head.seq.0 - mark.seq.0 <= COUNTED_EXACTLY {
            number(conn.row::<(i64,)>(EXACT, args![room, mark.seq, *user]).await?)
        } else {
            head.ord - mark.ord - number(conn.row::<(i64,)>(RETRACTED, args![room, mark.seq]).await?)
        };
        let mentions = number(conn.row::<(i64,)>(MENTIONED, args![*user, room, mark.seq, *user]).await?);
        let [messages, mentions] = [messages, mentions].map(|count| u64::try_from(count).unwrap_or_default());
        counts.push(UnreadCount { messages, mentions });
    }
    Ok(counts)
}

fn number(row: Option<(i64,)>) -> i64 {
    row.map(|(count,)| count).unwrap_or_default()
}
