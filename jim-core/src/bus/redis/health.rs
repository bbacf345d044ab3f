//! Whether everything stands, told on the log once each time that changes.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::target::Address;

/// A part that can fail by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The connection that commands go over.
    Link(Address),
    /// The connection that frames come over.
    Ear(Address),
    /// Every slot has a server.
    Slots,
}

/// Which parts are down, and why.
#[derive(Debug)]
pub(super) struct Health {
    /// The name on the log.
    what: &'static str,
    down: Mutex<BTreeMap<Part, String>>,
}

impl Health {
    pub(super) fn new(what: &'static str) -> Health {
        Health { what, down: Mutex::default() }
    }

    pub(super) fn is_up(&self) -> bool {
        self.parts().is_empty()
    }

    pub(super) fn is_down(&self, part: &Part) -> bool {
        self.parts().contains_key(part)
    }

    pub(super) fn down(&self, part: Part, cause: impl Display) {
        let cause = cause.to_string();
        let mut down = self.parts();
        if down.is_empty() {
            tracing::warn!(error.cause = %cause, part = ?part, "{} is down", self.what);
        }
        down.insert(part, cause);
    }

    /// The part stands, or is needed no more.
    pub(super) fn up(&self, part: &Part) {
        let mut down = self.parts();
        if down.remove(part).is_some() && down.is_empty() {
            tracing::info!("{} is back", self.what);
        }
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<Part, String>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
