//! The bars, by what they load.

pub(crate) mod cluster;
pub(crate) mod doors;
pub(crate) mod fanout;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod logins;
pub(crate) mod memory;
pub(crate) mod reach;
pub(crate) mod sends;
pub(crate) mod stalled;
pub(crate) mod start;

use std::path::PathBuf;
use std::time::Duration;

/// What all measurements share.
pub(crate) struct Plan {
    /// The server under test.
    pub(crate) binary: PathBuf,
    /// Where databases are made.
    pub(crate) folder: PathBuf,
    /// How long a round is counted.
    pub(crate) round: Duration,
    /// How long it is loaded before.
    pub(crate) warm_up: Duration,
    /// How often subject and control take turns.
    pub(crate) rounds: usize,
}
