//! How long a call may take. Each question to a database has a limit of its own; this one is for all that a call asks
//! and waits for together.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long a caller waits for his answer. Below the five seconds that are promised, as the answer has a way to go.
const PATIENCE: Duration = Duration::from_millis(4500);

/// The time that one call has. It stands still while the call does what may take longer.
#[derive(Debug)]
pub(crate) struct Patience {
    clock: Mutex<Clock>,
    /// It runs again.
    runs: Notify,
}

#[derive(Debug, Clone, Copy)]
enum Clock {
    /// Until when it runs.
    Runs(Instant),
    /// What is left when it goes on.
    Stands(Duration),
}

impl Patience {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Patience { clock: Mutex::new(Clock::Runs(Instant::now() + PATIENCE)), runs: Notify::new() }
    }

    /// Waits for what may take longer.
    pub(crate) async fn apart_from<T>(&self, part: impl Future<Output = T>) -> T {
        self.stand();
        let done = part.await;
        self.go_on();
        done
    }

    fn stand(&self) {
        let mut clock = self.clock();
        if let Clock::Runs(end) = *clock {
            *clock = Clock::Stands(end.saturating_duration_since(Instant::now()));
        }
    }

    fn go_on(&self) {
        let mut clock = self.clock();
        if let Clock::Stands(left) = *clock {
            *clock = Clock::Runs(Instant::now() + left);
            self.runs.notify_one();
        }
    }

    /// Returns when the time is over.
    pub(crate) async fn ends(&self) {
        loop {
            let clock = *self.clock();
            match clock {
                Clock::Runs(end) if end <= Instant::now() => return,
                Clock::Runs(end) => sleep_until(end).await,
                Clock::Stands(_) => self.runs.notified().await,
            }
        }
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_call_ends_and_what_may_take_longer_does_not_count() {
        let began = Instant::now();
        Patience::new().ends().await;
        assert_eq!(began.elapsed(), PATIENCE);

        let patience = Patience::new();
        let called = async {
            sleep(PATIENCE / 2).await;
            patience.apart_from(sleep(PATIENCE * 3 / 2)).await;
            sleep(PATIENCE).await;
        };
        let began = Instant::now();
        tokio::select! {
            () = called => panic!("it goes on after its time"),
            () = patience.ends() => assert_eq!(began.elapsed(), PATIENCE * 5 / 2),
        }
        // What is late without a break is late at once.
        assert_eq!(timeout(Duration::ZERO, patience.ends()).await, Ok(()));
    }
}
