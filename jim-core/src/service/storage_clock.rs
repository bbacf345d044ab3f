//! One clock for all nodes: the storage's, as far as a look at it now and then tells.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Result;
use crate::repo::Store;
use crate::time::{Clock, Millis};

/// The storage's clock, carried on from the last look at it by a clock that nobody sets.
pub(crate) struct StorageClock(RwLock<(Instant, Millis)>);

impl StorageClock {
    /// `None` where the storage has no clock that nodes share.
    pub(crate) async fn of(store: &dyn Store) -> Result<Option<Self>> {
        Ok(look(store).await?.map(|seen| StorageClock(RwLock::new(seen))))
    }

    /// Looks again.
    pub(crate) async fn set(&self, store: &dyn Store) -> Result<()> {
        if let Some(seen) = look(store).await? {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = seen;
        }
        Ok(())
    }
}

/// An answer that took longer says little about when it was given.
const QUICK: Duration = Duration::from_millis(50);
const LOOKS: usize = 5;

/// What the storage's clock showed, and when: half of the way there and back ago, in the quickest of some looks.
async fn look(store: &dyn Store) -> Result<Option<(Instant, Millis)>> {
    let mut best: Option<(Duration, Instant, Millis)> = None;
    for _ in 0..LOOKS {
        let asked = Instant::now();
        let Some(now) = store.now().await? else { return Ok(None) };
        let took = asked.elapsed();
        if best.is_none_or(|(quickest, ..)| took < quickest) {
            best = Some((took, asked + took / 2, now));
        }
        if took < QUICK {
            break;
        }
    }
    Ok(best.map(|(_, at, now)| (at, now)))
}

impl Clock for StorageClock {
    fn now(&self) -> Millis {
        let (at, then) = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        then.plus(at.elapsed())
    }
}
