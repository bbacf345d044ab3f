//! Read marks: state beside the logs. They only grow, so many changes are one: what people have read gathers in memory
//! and is stored together. A crash forgets at most a second of marks that nobody was answered for.
//!
//! Who reads a row brings it up to date afterwards. What is stored between the two is in neither the row nor among what
//! is to be stored; so a mark is remembered for a while after it is stored.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Result;
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::{ConversationRow, Mark};
use crate::repo::{RepoError, Res, Store};

/// Marks of one unit.
const TOGETHER: usize = 1024;
/// How often a unit is tried again that others were in the way of, and after how long.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(10);

type Known = HashMap<(UserId, RoomId), Mark>;

/// What people have read, as far as somebody may not find it in the store.
#[derive(Default)]
struct Noted {
    fresh: Known,
    /// Stored, and kept for those who have begun to read the store before.
    stored: Known,
    /// The same, stored before the last round of upkeep.
    older: Known,
}

/// What people have read and is not stored yet, or was stored a moment ago.
#[derive(Default)]
pub(crate) struct Marks {
    noted: Mutex<Noted>,
    /// Held while marks are stored, so that who waits for his own finds it stored or stores it.
    turn: tokio::sync::Mutex<()>,
}

impl Marks {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody has read up to a place; stored within a second, or by [`Marks::store`].
    pub(crate) fn note(&self, user: UserId, room: RoomId, to: Mark) {
        let mut noted = self.noted();
        let mark = noted.fresh.entry((user, room)).or_default();
        *mark = to.max(*mark);
    }

    /// Brings a row up to date with what was not stored when it was read: at most a round of upkeep ago.
    pub(crate) fn apply(&self, user: UserId, row: &mut ConversationRow) {
        let noted = self.noted();
        for known in [&noted.fresh, &noted.stored, &noted.older] {
            if let Some(mark) = known.get(&(user, row.room)) {
                row.read_to(*mark);
            }
        }
    }

    /// Stores what is noted.
    pub(crate) async fn store(&self, store: &dyn Store) -> Result<()> {
        let _turn = self.turn.lock().await;
        let mut all: Vec<_> = self.noted().fresh.iter().map(|((user, room), mark)| (*user, *room, *mark)).collect();
        // In one order on all nodes, so that they rarely wait for each other in a circle.
        all.sort_unstable_by_key(|(user, room, _)| (*user, *room));
        for marks in all.chunks(TOGETHER) {
            let mut tries = TRIES;
            while let Err(error) = write(store, marks).await {
                // Nothing was changed, and once more does no harm: marks only grow.
                if !matches!(error, RepoError::Busy) || tries == 0 {
                    return Err(error.into());
                }
                tries -= 1;
                tokio::time::sleep(PAUSE).await;
            }
            let mut noted = self.noted();
            for (user, room, mark) in marks {
                // What has grown meanwhile stays for the next time.
                if noted.fresh.get(&(*user, *room)) == Some(mark) {
                    noted.fresh.remove(&(*user, *room));
                }
                let kept = noted.stored.entry((*user, *room)).or_default();
                *kept = (*mark).max(*kept);
            }
        }
        Ok(())
    }

    /// Ends a round of upkeep: forgets what was stored before the round began, so that nobody still reads the store as
    /// it was without it.
    pub(crate) fn forget(&self) {
        let mut noted = self.noted();
        noted.older = std::mem::take(&mut noted.stored);
    }
}

async fn write(store: &dyn Store, marks: &[(UserId, RoomId, Mark)]) -> Res<()> {
    let mut unit = store.write(&[]).await?;
    for (user, room, _) in marks {
        // Everybody is in a world channel; only who has read in it has a row.
        if matches!(room, RoomId::World(_)) {
            unit.conversations().ensure(*user, room, Some(Seq(1))).await?;
        }
    }
    unit.conversations().set_read(marks).await?;
    unit.commit().await.map(|_| ())
}
