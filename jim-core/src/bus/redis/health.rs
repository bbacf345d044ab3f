//! Whether everything stands, told on the log once each time that changes.

use std::collections::BTreeSet;
use std::fmt;
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

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Link(address) => write!(f, "commands to {address}"),
            Part::Ear(address) => write!(f, "frames from {address}"),
            Part::Slots => f.write_str("the slots"),
        }
    }
}

/// Which parts are down.
#[derive(Debug)]
pub(super) struct Health {
    /// The name on the log.
    what: &'static str,
    down: Mutex<BTreeSet<Part>>,
}

impl Health {
    pub(super) fn new(what: &'static str) -> Health {
        Health { what, down: Mutex::default() }
    }

    pub(super) fn is_up(&self) -> bool {
        self.parts().is_empty()
    }

    pub(super) fn is_down(&self, part: &Part) -> bool {
        self.parts().contains(part)
    }

    pub(super) fn down(&self, part: Part, cause: impl fmt::Display) {
        let mut down = self.parts();
        if down.is_empty() {
            tracing::warn!(error.cause = %cause, %part, "{} is down", self.what);
        }
        down.insert(part);
    }

    /// The part stands, or is needed no more.
    pub(super) fn up(&self, part: &Part) {
        let mut down = self.parts();
        if down.remove(part) && down.is_empty() {
            tracing::info!("{} is back", self.what);
        }
    }

    fn parts(&self) -> MutexGuard<'_, BTreeSet<Part>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;

    /// The levels of what was said.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<Level>>>);

    impl Subscriber for Log {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(*event.metadata().level());
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn what_goes_down_and_comes_back_is_said_once_each() {
        let log = Log::default();
        tracing::subscriber::with_default(log.clone(), || {
            let health = Health::new("the bus");
            let ear = Part::Ear(Address { host: "h".into(), port: 1 });
            for _ in 0..3 {
                health.down(ear.clone(), "refused");
                health.down(Part::Slots, "slots without a server");
            }
            assert!(!health.is_up() && health.is_down(&ear));
            health.up(&ear);
            assert!(!health.is_up() && !health.is_down(&ear));
            for _ in 0..3 {
                health.up(&Part::Slots);
            }
            assert!(health.is_up());
        });
        assert_eq!(*log.0.lock().unwrap(), [Level::WARN, Level::INFO]);
    }
}
