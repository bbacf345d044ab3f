//! Many callers, one question to the store: while one answer is on its way, the next askers gather. Nobody waits for
//! a timer, and every answer was read after it was asked for.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::id::UserId;
use crate::repo::{PrivateRights, RepoError, Res, Store};

type Ask = ((UserId, UserId), oneshot::Sender<Res<PrivateRights>>);

/// Askers of one round.
const MOST: usize = 256;

#[derive(Default)]
struct Waiting {
    asks: Vec<Ask>,
    running: bool,
}

struct Guard<'a>(&'a Mutex<Waiting>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if std::thread::panicking() {
            waiting.asks.clear();
            waiting.running = false;
        }
    }
}

/// Reads the rights of private sends, many at a time.
#[derive(Clone)]
pub(super) struct RightsReader {
    store: Arc<dyn Store>,
    waiting: Arc<Mutex<Waiting>>,
}

impl RightsReader {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        RightsReader { store, waiting: Arc::default() }
    }

    /// What the first may do towards the second, as committed now.
    pub(super) async fn read(&self, writer: UserId, peer: UserId) -> Result<PrivateRights> {
        if let Some(known) = self.store.known_private_rights(writer, peer) {
            return Ok(known);
        }
        let (answer, answered) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.asks.push(((writer, peer), answer));
            !std::mem::replace(&mut waiting.running, true)
        };
        if first {
            // A task of its own: the first asker may go away, the others still wait.
            tokio::spawn(self.clone().run());
        }
        let gone = |_| Error::Unavailable(RepoError::Unavailable("the rights were not read".into()));
        Ok(answered.await.map_err(gone)??)
    }

    async fn run(self) {
        // A panic below must not leave later askers waiting for a task that is gone.
        let _guard = Guard(&self.waiting);
        loop {
            let asks: Vec<Ask> = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.asks.is_empty() {
                    waiting.running = false;
                    return;
                }
                let count = waiting.asks.len().min(MOST);
                waiting.asks.drain(..count).collect()
            };
            let (pairs, answers): (Vec<_>, Vec<_>) = asks.into_iter().unzip();
            match self.store.private_rights(&pairs).await {
                Ok(rights) => {
                    for (answer, rights) in answers.into_iter().zip(rights) {
                        let _ = answer.send(Ok(rights));
                    }
                }
                Err(error) => {
                    tracing::error!(error.cause = ?error, "rights were not read");
                    for answer in answers {
                        let _ = answer.send(Err(RepoError::Unavailable("the rights were not read".into())));
                    }
                }
            }
        }
    }
}
