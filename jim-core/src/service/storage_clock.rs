//! One clock for all nodes: the storage's, as far as a look at it now and then tells.

use std::sync::{PoisonError, RwLock};

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

/// What the storage's clock showed, and when: half of the way there and back ago.
async fn look(store: &dyn Store) -> Result<Option<(Instant, Millis)>> {
    let asked = Instant::now();
    let now = store.now().await?;
    Ok(now.map(|now| (asked + asked.elapsed() / 2, now)))
}

impl Clock for StorageClock {
    fn now(&self) -> Millis {
        let (at, then) = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        then.plus(at.elapsed())
    }
}
