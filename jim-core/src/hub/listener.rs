//! One listener: a bounded queue of frames, and the reason why it ends.

use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::Hub;

/// Why a listener ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Close {
    /// The node stops; come back, here or elsewhere.
    Restart,
    /// The session ended; log in again.
    SessionEnded,
    /// Frames were not taken in time; come back and read on.
    TooSlow,
    /// A newer listener of the session took the place; do not come back.
    Replaced,
    /// The person has too many listeners.
    TooMany,
}

/// What the hub and a listener share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    why: OnceLock<Close>,
    closed: Notify,
}

impl Shared {
    pub(super) fn close(&self, why: Close) {
        let _ = self.why.set(why);
        self.closed.notify_one();
    }
}

/// A stream of frames, `hello` first. Dropped, it is detached.
pub struct Listener {
    pub(super) id: u64,
    pub(super) frames: mpsc::Receiver<Bytes>,
    pub(super) shared: Arc<Shared>,
    pub(super) hub: Weak<Hub>,
}

impl Listener {
    /// Waits for frames and takes all that wait, at most `most`, so that they can be written at once. `Err` says why
    /// the stream has ended; a reason overtakes frames that still wait.
    pub async fn next(&mut self, frames: &mut Vec<Bytes>, most: usize) -> Result<(), Close> {
        // The hub says why before it lets go of the queue, so that whoever waits here is woken and sees it.
        let count = if self.shared.why.get().is_some() { 0 } else { self.frames.recv_many(frames, most).await };
        match self.shared.why.get() {
            Some(why) => Err(*why),
            // The hub is gone without a word: the node stops.
            None if count == 0 => Err(Close::Restart),
            None => Ok(()),
        }
    }

    /// Waits until the hub ends this listener; for those who wait for a slow reader meanwhile.
    pub async fn closed(&self) -> Close {
        closed(&self.shared).await
    }
}

async fn closed(shared: &Shared) -> Close {
    loop {
        let notified = shared.closed.notified();
        if let Some(why) = shared.why.get() {
            return *why;
        }
        notified.await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.table().detach(self.id);
            hub.moved.notify_one();
        }
    }
}
