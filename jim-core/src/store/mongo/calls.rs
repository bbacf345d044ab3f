//! Calls to the server: as many at once as there are connections.

use std::sync::Arc;
use std::time::Duration;

use mongodb::error::{Error, Result};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a call keeps its turn: longer than the driver needs to see that a server is gone, and ends the calls itself.
/// What a server or a way that is not gone leaves unanswered for so long must not keep the turns of others.
const LONGEST: Duration = Duration::from_secs(8);

/// What calls take turns by. A cheap clone.
///
/// The driver's queue for connections keeps the place of who has left it, and serves one place for each thing that
/// happens in the pool: after a stall in which many give up, those who come later would wait behind them for minutes. So
/// nobody queues there who may give up: he waits here, and a call that has begun goes on without him.
#[derive(Clone)]
pub(super) struct Calls(Arc<Semaphore>);

impl Calls {
    /// For a pool of so many connections; the driver takes no pool of none.
    pub(super) fn new(connections: u32) -> Self {
        let most = usize::try_from(connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Calls(Arc::new(Semaphore::new(most)))
    }

    /// Makes a call when it is its turn.
    pub(super) async fn make<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let turn = self.0.clone().acquire_owned().await.map_err(Error::custom)?;
        let made = tokio::spawn(async move {
            let _turn = turn;
            timeout(LONGEST, call).await.unwrap_or_else(|_| Err(Error::custom("no answer")))
        });
        made.await.map_err(Error::custom)?
    }
}
