//! The rights of private sends: many askers, one statement, and a memory that is never older than a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;

use crate::id::UserId;
use crate::repo::{PeerState, PrivateRights, Res};
use crate::store::sql::rights;

/// Pairs whose rights are remembered.
const REMEMBERED: u64 = 200_000;

/// A power of two; two people who share one only make each other's rights be read again.
const STAMPS: usize = 4096;

type Stamp = (u64, u64);

/// The reader of rights. It may remember what it read, because all who write to the file do it through this store,
/// or have it forgotten (what the command line does beside a server is learned of within a second):
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
        let rights = rights::read(&mut *conn, asks).await?;
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

    /// Nothing that was read before is known any more.
    pub(super) fn forget(&self) {
        for stamp in &*self.stamps {
            // As if somebody had changed something and ended: even stays even.
            stamp.fetch_add(2, Ordering::SeqCst);
        }
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
pub(in crate::store::sql) struct Changing {
    stamps: Arc<[AtomicU64]>,
    begun: Vec<usize>,
}

impl Changing {
    /// What is remembered of a person is not true any more. Before the change, in the one unit that may write.
    pub(in crate::store::sql) fn begin(&mut self, user: UserId) {
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
