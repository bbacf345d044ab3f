//! What every bus has whose frames go over a server.

mod health;
mod inbox;
mod pause;
mod topics;

pub(super) use health::Health;
pub(super) use inbox::{AHEAD, Inbox};
pub(super) use pause::Pause;
pub(super) use topics::Topics;

use std::time::Duration;

/// Frames that wait to be published.
pub(super) const QUEUE: usize = 4096;
/// Frames that are published together.
pub(super) const BATCH: usize = 512;
/// How long a frame may wait for its place in the queue.
pub(super) const SPEAKING: Duration = Duration::from_millis(900);
/// After an outage other nodes may be a pause behind, and what they send until then is lost: so much later a gap is
/// told once more.
pub(super) const LATE: Duration = Duration::from_secs(3);
/// Topics that are asked for together.
pub(super) const CHUNK: usize = 1000;
