//! Many callers, one question to the store: while one answer is on its way, the next askers gather; where asking is a trip
//! over a network, many who ask share fewer of them. Who asks alone never waits, and every answer was read after it was
//! asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::error::{Error, Result};
use crate::id::UserId;
use crate::repo::{PrivateRights, RepoError, Res, Store};

type Ask = ((UserId, UserId), oneshot::Sender<Res<PrivateRights>>);

/// Askers of one round.
const MOST: usize = 256;
/// Askers within the pace of the store from which on rounds keep it.
const MANY: usize = 3;

#[derive(Default)]
struct Waiting {
    asks: Vec<Ask>,
    running: bool,
    /// When the last round was begun.
    begun: Option<Instant>,
    /// When the last few asked.
    asked: VecDeque<Instant>,
}

impl Waiting {
    /// When the next round is best begun: who asks when few do never waits, not even after his own last question.
    fn next(&self, pace: Duration) -> Option<Instant> {
        let many = self.asked.len() >= MANY && self.asked.front().is_some_and(|first| first.elapsed() < pace);
        self.begun.filter(|_| many).map(|begun| begun + pace)
    }
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
            waiting.asked.push_back(Instant::now());
            if waiting.asked.len() > MANY {
                waiting.asked.pop_front();
            }
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
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).next(self.store.rights_pace());
            if let Some(next) = next {
                sleep_until(next).await;
            }
            let asks: Vec<Ask> = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.asks.is_empty() {
                    waiting.running = false;
                    return;
                }
                let count = waiting.asks.len().min(MOST);
                waiting.begun = Some(Instant::now());
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
