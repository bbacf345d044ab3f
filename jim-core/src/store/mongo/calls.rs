//! Calls to the server: as many at once as there are connections.

use std::sync::Arc;

use mongodb::error::{Error, Result};
use tokio::sync::Semaphore;

/// What calls take turns by. A cheap clone.
///
/// The driver's queue for connections keeps the place of who has left it, and serves one place for each thing that
/// happens in the pool: after a stall in which many give up, those who come later would wait behind them for minutes. So
/// nobody queues there who may give up: he waits here, and a call that has begun goes on without him.
#[derive(Clone)]
pub(super) struct Calls(Arc<Semaphore>);

impl Calls {
    /// For a pool of so many connections; of any number if it is 0.
    pub(super) fn new(connections: u32) -> Self {
        let most = usize::try_from(connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Calls(Arc::new(Semaphore::new(if most == 0 { Semaphore::MAX_PERMITS } else { most })))
    }

    /// Makes a call when it is its turn.
    pub(super) async fn make<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let turn = self.0.clone().acquire_owned().await.map_err(Error::custom)?;
        let made = tokio::spawn(async move {
            let _turn = turn;
            call.await
        });
        made.await.map_err(Error::custom)?
    }
}
