//! When a lane last had something to write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// When a lane last began or ended to write. A cheap clone.
#[derive(Debug, Clone)]
pub(crate) struct LastWrite {
    start: Instant,
    /// Milliseconds since the start, and one; 0 if nothing was written.
    at: Arc<AtomicU64>,
}

impl Default for LastWrite {
    fn default() -> Self {
        LastWrite { start: Instant::now(), at: Arc::default() }
    }
}

impl LastWrite {
    /// Somebody writes now.
    pub(crate) fn note(&self) {
        self.at.store(self.now() + 1, Relaxed);
    }

    /// Whether nothing was written for so long.
    pub(crate) fn is_older_than(&self, span: Duration) -> bool {
        match self.at.load(Relaxed) {
            0 => true,
            at => u128::from((self.now() + 1).saturating_sub(at)) >= span.as_millis(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}
