//! Read marks: state beside the logs. They only grow, so many changes are one: what people have read gathers in memory
//! and is stored together. A crash forgets at most a second of marks that nobody was answered for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::{ConversationRow, Mark};
use crate::repo::Store;

/// Marks of one unit.
const TOGETHER: usize = 1024;

type Known = HashMap<(UserId, RoomId), Mark>;

/// What people have read and is not stored yet.
#[derive(Default)]
pub(crate) struct Marks {
    known: Mutex<Known>,
    /// Held while marks are stored, so that who waits for his own finds it stored or stores it.
    turn: tokio::sync::Mutex<()>,
}

impl Marks {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody has read up to a place; stored within a second, or by [`Marks::store`].
    pub(crate) fn note(&self, user: UserId, room: RoomId, to: Mark) {
        let mut known = self.known();
        let mark = known.entry((user, room)).or_default();
        *mark = to.max(*mark);
    }

    /// Brings a row up to date with what is not stored yet.
    pub(crate) fn apply(&self, user: UserId, row: &mut ConversationRow) {
        if let Some(mark) = self.known().get(&(user, row.room)) {
            row.read_to(*mark);
        }
    }

    /// Stores what is noted.
    pub(crate) async fn store(&self, store: &dyn Store) -> Result<()> {
        let _turn = self.turn.lock().await;
        let all: Vec<_> = self.known().iter().map(|((user, room), mark)| (*user, *room, *mark)).collect();
        for marks in all.chunks(TOGETHER) {
            let mut unit = store.write(&[]).await?;
            for (user, room, _) in marks {
                // Everybody is in a world channel; only who has read in it has a row.
                if matches!(room, RoomId::World(_)) {
                    unit.conversations().ensure(*user, room, Some(Seq(1))).await?;
                }
            }
            unit.conversations().set_read(marks).await?;
            let _ = unit.commit().await?;
            // What has grown meanwhile stays for the next time.
            let mut known = self.known();
            for (user, room, stored) in marks {
                if known.get(&(*user, *room)) == Some(stored) {
                    known.remove(&(*user, *room));
                }
            }
        }
        Ok(())
    }
}
