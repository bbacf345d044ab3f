//! All that decides whether people may write to one another: many askers, one statement.

use std::fmt::Write as _;

use super::conn::{Arg, Verbs};
use super::users::STATE_ACTIVE;
use super::{chunks, sql};
use crate::id::{RoomId, UserId};
use crate::repo::{PeerState, PrivateRights, Res};

/// Beyond this, a longer statement gains nothing.
const MOST: usize = 64;

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
    let mut rights = Vec::with_capacity(asks.len());
    for asks in chunks(asks, MOST) {
        let mut args = Vec::with_capacity(asks.len() * 4);
        for (place, (writer, peer)) in (0_i64..).zip(asks) {
            let room = RoomId::private(*writer, *peer).map(|room| room.to_string());
            args.extend([Arg::from(place), Arg::from(*writer), Arg::from(*peer), Arg::from(room)]);
        }
        let mut rows: Vec<RightsRow> = conn.rows(sql(statement(asks.len())), args).await?;
        rows.sort_unstable_by_key(|row| row.place);
        rights.extend(rows.into_iter().map(|row| PrivateRights {
            peer: match row.state {
                None => PeerState::Absent,
                Some(STATE_ACTIVE) => PeerState::Active,
                Some(_) => PeerState::Disabled,
            },
            friends: row.friends > 0,
            blocks: row.blocks > 0,
            blocked: row.blocked > 0,
            open: row.writers == 2,
        }));
    }
    Ok(rights)
}

/// Each join is by a whole key, so that an ask has one row.
fn statement(asks: usize) -> String {
    let mut text = String::from(
        "SELECT place, u.state, f.user_id IS NOT NULL AS friends, b.user_id IS NOT NULL AS blocks,
            o.user_id IS NOT NULL AS blocked, (c.user_id IS NOT NULL) + (d.user_id IS NOT NULL) AS writers
        FROM (SELECT ? AS place, ? AS writer, ? AS peer, ? AS room",
    );
    for _ in 1..asks {
        let _ = write!(text, " UNION ALL SELECT ?, ?, ?, ?");
    }
    text + ") ask
        LEFT JOIN jim_users u ON u.id = ask.peer
        LEFT JOIN jim_friendships f ON f.user_id = ask.writer AND f.friend_id = ask.peer
        LEFT JOIN jim_blocks b ON b.user_id = ask.writer AND b.blocked_id = ask.peer
        LEFT JOIN jim_blocks o ON o.user_id = ask.peer AND o.blocked_id = ask.writer
        LEFT JOIN jim_conversations c ON c.user_id = ask.writer AND c.room = ask.room
        LEFT JOIN jim_conversations d ON d.user_id = ask.peer AND d.room = ask.room"
}
