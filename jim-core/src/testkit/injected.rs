use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::secret::Random;
use crate::time::{Clock, Millis};

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at this time.
    #[must_use]
    pub fn new(now: Millis) -> Self {
        ManualClock(AtomicI64::new(now.0))
    }

    /// Sets the time, back too.
    pub fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(Millis(0).plus(span).0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// Randomness that counts: every draw differs, every run is the same.
#[derive(Debug, Default)]
pub struct CountingRandom(AtomicU64);

impl Random for CountingRandom {
    fn bits(&self) -> [u8; 32] {
        let mut bits = [0; 32];
        bits[..8].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_until_it_is_moved() {
        let clock = ManualClock::new(Millis(5_000));
        assert_eq!((clock.now(), clock.now()), (Millis(5_000), Millis(5_000)));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Millis(7_000));
        clock.set(Millis(1));
        assert_eq!(clock.now(), Millis(1));
    }

    #[test]
    fn counting_randomness_repeats_over_runs_and_never_within_one() {
        let draw = || {
            let random = CountingRandom::default();
            (0..100).map(|_| random.bits()).collect::<Vec<_>>()
        };
        let distinct: std::collections::HashSet<_> = draw().into_iter().collect();
        assert_eq!(distinct.len(), 100);
        assert_eq!(draw(), draw());
    }
}
