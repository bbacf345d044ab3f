//! Whether everything stands, told on the log once each time that changes.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which parts are down, of those that can fail by themselves.
#[derive(Debug)]
pub(in crate::bus) struct Health<Part> {
    /// The name on the log.
    what: &'static str,
    down: Mutex<BTreeSet<Part>>,
}

impl<Part: Ord + fmt::Display> Health<Part> {
    pub(in crate::bus) fn new(what: &'static str) -> Self {
        Health { what, down: Mutex::new(BTreeSet::new()) }
    }

    pub(in crate::bus) fn is_up(&self) -> bool {
        self.parts().is_empty()
    }

    pub(in crate::bus) fn is_down(&self, part: &Part) -> bool {
        self.parts().contains(part)
    }

    pub(in crate::bus) fn down(&self, part: Part, cause: impl fmt::Display) {
        let mut down = self.parts();
        if down.is_empty() {
            tracing::warn!(error.cause = %cause, %part, "{} is down", self.what);
        }
        down.insert(part);
    }

    /// The part stands, or is needed no more.
    pub(in crate::bus) fn up(&self, part: &Part) {
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
            for _ in 0..3 {
                health.down("ear", "refused");
                health.down("slots", "slots without a server");
            }
            assert!(!health.is_up() && health.is_down(&"ear"));
            health.up(&"ear");
            assert!(!health.is_up() && !health.is_down(&"ear"));
            for _ in 0..3 {
                health.up(&"slots");
            }
            assert!(health.is_up());
        });
        assert_eq!(*log.0.lock().unwrap(), [Level::WARN, Level::INFO]);
    }
}
