use async_trait::async_trait;

use super::conn::{Arg, Verbs as _, args, broken};
use super::tx::{Held, SqlTx};
use super::users::STATE_DELETED;
use super::{chunks, sql, tuples};
use crate::id::UserId;
use crate::model::presence::Status;
use crate::repo::{Res, StatusRepo};
use crate::time::Millis;

const ONLINE: i64 = 0;
const AWAY: i64 = 1;
const DND: i64 = 2;
const INVISIBLE: i64 = 3;

/// What is stored of who has a row, or has none.
pub(super) fn status(stored: Option<i64>) -> Res<Status> {
    match stored {
        None | Some(ONLINE) => Ok(Status::Online),
        Some(AWAY) => Ok(Status::Away),
        Some(DND) => Ok(Status::Dnd),
        Some(INVISIBLE) => Ok(Status::Invisible),
        Some(_) => Err(broken("there is no such status")),
    }
}

/// Makes a row for an account that has none.
async fn ensure(conn: &mut Held, user: UserId) -> Res<()> {
    let text = "INSERT INTO jim_statuses (user_id, status) SELECT id, 0 FROM jim_users WHERE id = ? AND state <> ?";
    conn.insert_new(text, args![user, STATE_DELETED]).await.map(|_| ())
}

#[async_trait]
impl StatusRepo for SqlTx {
    async fn set_status(&mut self, user: UserId, status: Status) -> Res<()> {
        let stored = match status {
            Status::Online => ONLINE,
            Status::Away => AWAY,
            Status::Dnd => DND,
            Status::Invisible => INVISIBLE,
        };
        let mut conn = self.conn().await?;
        ensure(&mut conn, user).await?;
        conn.run("UPDATE jim_statuses SET status = ? WHERE user_id = ?", args![stored, user]).await.map(|_| ())
    }

    async fn set_text_until(&mut self, user: UserId, until: Option<Millis>) -> Res<()> {
        let mut conn = self.conn().await?;
        ensure(&mut conn, user).await?;
        conn.run("UPDATE jim_statuses SET text_until = ? WHERE user_id = ?", args![until, user]).await.map(|_| ())
    }

    async fn set_seen(&mut self, users: &[UserId], at: Millis) -> Res<()> {
        let mut conn = self.conn().await?;
        // In one order, so that nodes that write of the same people take turns.
        let mut users = users.to_vec();
        users.sort_unstable();
        for users in chunks(&users, 128) {
            let these = tuples(1, users.len());
            let with = |before: Vec<Arg>, after: Vec<Arg>| -> Vec<Arg> {
                before.into_iter().chain(users.iter().copied().map(Arg::from)).chain(after).collect()
            };
            let text = format!(
                "INSERT INTO jim_statuses (user_id, status, seen_at) SELECT u.id, 0, ? FROM jim_users u
                 WHERE u.id IN {these} AND u.state <> ?
                     AND NOT EXISTS (SELECT 1 FROM jim_statuses s WHERE s.user_id = u.id)"
            );
            if !conn.insert_new(sql(text), with(args![at], args![STATE_DELETED])).await? {
                // Another node has just made one of the rows: then none was made.
                for user in users {
                    ensure(&mut conn, *user).await?;
                }
            }
            let text = format!(
                "UPDATE jim_statuses SET seen_at = ? WHERE user_id IN {these} AND status <> ?
                     AND (seen_at IS NULL OR seen_at < ?)"
            );
            conn.run(sql(text), with(args![at], args![INVISIBLE, at])).await?;
        }
        Ok(())
    }

    async fn forget(&mut self, user: UserId) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_statuses WHERE user_id = ?", args![user]).await.map(|_| ())
    }
}
