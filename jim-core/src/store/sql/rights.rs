//! All that decides whether people may write to one another: many askers, one statement.

use serde_json::{Value, json};

use super::conn::{Dialect, Verbs, args};
use super::sql;
use super::users::STATE_ACTIVE;
use crate::id::{RoomId, UserId};
use crate::repo::{PeerState, PrivateRights, Res};

#[derive(sqlx::FromRow)]
struct RightsRow {
    place: i64,
    state: Option<i64>,
    friends: i64,
    blocks: i64,
    blocked: i64,
    writers: i64,
}

pub(super) async fn read(conn: &mut impl Verbs, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
    if asks.is_empty() {
        return Ok(Vec::new());
    }
    let asks: Value = asks
        .iter()
        .enumerate()
        .map(|(place, (writer, peer))| {
            let room = RoomId::private(*writer, *peer).map(|room| room.to_string());
            json!([place, writer.0, peer.0, room])
        })
        .collect();
    let text = statement(conn.dialect());
    let mut rows: Vec<RightsRow> = conn.rows(sql(text), args![asks.to_string()]).await?;
    rows.sort_unstable_by_key(|row| row.place);
    let rights = rows.into_iter().map(|row| PrivateRights {
        peer: match row.state {
            None => PeerState::Absent,
            Some(STATE_ACTIVE) => PeerState::Active,
            Some(_) => PeerState::Disabled,
        },
        friends: row.friends > 0,
        blocks: row.blocks > 0,
        blocked: row.blocked > 0,
        open: row.writers == 2,
    });
    Ok(rights.collect())
}

/// Each join is by a whole key, so that an ask has one row. The asks are one value: the text is the same for any number
/// of them, and is prepared once.
fn statement(dialect: Dialect) -> String {
    let asks = dialect.tuples_of_json(&[
        ("place", "BIGINT"),
        ("writer", "BIGINT"),
        ("peer", "BIGINT"),
        ("room", "VARCHAR(40)"),
    ]);
    format!(
        "SELECT place, u.state, f.user_id IS NOT NULL AS friends, b.user_id IS NOT NULL AS blocks,
            o.user_id IS NOT NULL AS blocked, (c.user_id IS NOT NULL) + (d.user_id IS NOT NULL) AS writers
        FROM {asks} ask
        LEFT JOIN jim_users u ON u.id = ask.peer
        LEFT JOIN jim_friendships f ON f.user_id = ask.writer AND f.friend_id = ask.peer
        LEFT JOIN jim_blocks b ON b.user_id = ask.writer AND b.blocked_id = ask.peer
        LEFT JOIN jim_blocks o ON o.user_id = ask.peer AND o.blocked_id = ask.writer
        LEFT JOIN jim_conversations c ON c.user_id = ask.writer AND c.room = ask.room
        LEFT JOIN jim_conversations d ON d.user_id = ask.peer AND d.room = ask.room"
    )
}
