//! The rights of private sends: many askers, one statement, and a memory that is never older than a commit.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;

use super::conn::{Arg, Verbs as _};
use super::users::STATE_ACTIVE;
use super::{chunks, sql};
use crate::id::{RoomId, UserId};
use crate::repo::{PeerState, PrivateRights, Res};

/// Beyond this, a longer statement gains nothing.
const MOST: usize = 64;

/// Pairs whose rights are remembered.
const REMEMBERED: u64 = 200_000;

/// A power of two; two people who share one only make each other's rights be read again.
const STAMPS: usize = 4096;

type Stamp = (u64, u64);

/// The reader of rights. It may remember what it read, because all who write to the file do it through this store:
/// a unit that changes what concerns a person makes his stamp odd before, and even again when it has ended. What was
/// read under stamps that were even is true for as long as they stay what they were.
pub(super) struct Rights {
    conn: Mutex<SqliteConnection>,
    stamps: Arc<[AtomicU64]>,
    known: Cache<(UserId, UserId), (Stamp, PrivateRights)>,
}

impl Rights {
    pub(super) fn new(conn: SqliteConnection) -> Self {
        let stamps = (0..STAMPS).map(|_| AtomicU64::new(0)).collect();
        Rights { conn: Mutex::new(conn), stamps, known: Cache::new(REMEMBERED) }
    }

    pub(super) async fn read(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
        let mut conn = self.conn.lock().await;
        let stamps: Vec<_> = asks.iter().map(|ask| self.stamp(*ask)).collect();
        let rights = read(&mut conn, asks).await?;
        for ((ask, stamp), rights) in asks.iter().zip(stamps).zip(&rights) {
            if let Some(stamp) = stamp
                && rights.peer != PeerState::Absent
            {
                self.known.insert(*ask, (stamp, *rights));
            }
        }
        Ok(rights)
    }

    pub(super) fn known(&self, ask: (UserId, UserId)) -> Option<PrivateRights> {
        let (stamp, rights) = self.known.get(&ask)?;
        (self.stamp(ask) == Some(stamp)).then_some(rights)
    }

    /// For a unit that writes.
    pub(super) fn changing(&self) -> Changing {
        Changing { stamps: self.stamps.clone(), begun: Vec::new() }
    }

    /// `None` while something that concerns one of them is being changed.
    fn stamp(&self, (writer, peer): (UserId, UserId)) -> Option<Stamp> {
        let read = |user| self.stamps[place(user)].load(Ordering::SeqCst);
        let stamp = (read(writer), read(peer));
        (stamp.0 % 2 == 0 && stamp.1 % 2 == 0).then_some(stamp)
    }
}

/// Whom a unit concerns, until it has ended.
pub(super) struct Changing {
    stamps: Arc<[AtomicU64]>,
    begun: Vec<usize>,
}

impl Changing {
    /// What is remembered of a person is not true any more. Before the change, in the one unit that may write.
    pub(super) fn begin(&mut self, user: UserId) {
        let place = place(user);
        if !self.begun.contains(&place) {
            self.stamps[place].fetch_add(1, Ordering::SeqCst);
            self.begun.push(place);
        }
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        for place in &self.begun {
            self.stamps[*place].fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn place(user: UserId) -> usize {
    usize::try_from(user.0).unwrap_or_default() % STAMPS
}

#[derive(sqlx::FromRow)]
struct Row {
    place: i64,
    state: Option<i64>,
    friends: i64,
    blocks: i64,
    blocked: i64,
    writers: i64,
}

async fn read(conn: &mut SqliteConnection, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
    let mut rights = Vec::with_capacity(asks.len());
    for asks in chunks(asks, MOST) {
        let mut args = Vec::with_capacity(asks.len() * 4);
        for (place, (writer, peer)) in (0_i64..).zip(asks) {
            let room = RoomId::private(*writer, *peer).map(|room| room.to_string());
            args.extend([Arg::from(place), Arg::from(*writer), Arg::from(*peer), Arg::from(room)]);
        }
        let mut rows: Vec<Row> = conn.rows(sql(statement(asks.len())), args).await?;
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

fn statement(asks: usize) -> String {
    let mut text = String::from(
        "SELECT place,
            (SELECT state FROM jim_users WHERE id = ask.peer) AS state,
            EXISTS (SELECT 1 FROM jim_friendships f WHERE f.user_id = ask.writer AND f.friend_id = ask.peer) AS friends,
            EXISTS (SELECT 1 FROM jim_blocks b WHERE b.user_id = ask.writer AND b.blocked_id = ask.peer) AS blocks,
            EXISTS (SELECT 1 FROM jim_blocks b WHERE b.user_id = ask.peer AND b.blocked_id = ask.writer) AS blocked,
            EXISTS (SELECT 1 FROM jim_conversations c WHERE c.user_id = ask.writer AND c.room = ask.room)
              + EXISTS (SELECT 1 FROM jim_conversations c WHERE c.user_id = ask.peer AND c.room = ask.room) AS writers
        FROM (SELECT ? AS place, ? AS writer, ? AS peer, ? AS room",
    );
    for _ in 1..asks {
        let _ = write!(text, " UNION ALL SELECT ?, ?, ?, ?");
    }
    text + ") ask"
}
