use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;

use super::Res;

/// So many in so much time: the whole count at once, then one each time its share of the time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In how much time. A share of less than a microsecond counts as one.
    pub per: Duration,
}

impl Rate {
    /// The share of one, in microseconds: at least 1, at most that of about 30 years.
    #[must_use]
    pub fn share_micros(self) -> u64 {
        let share = self.per.as_micros() / u128::from(self.count.get());
        u64::try_from(share).unwrap_or(u64::MAX).clamp(1, 1_000_000_000_000_000 / u64::from(self.count.get()))
    }
}

/// What became of a wish to take one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was taken.
    Ok,
    /// Nothing was taken; the next will be after so long, unless others are quicker.
    Wait(Duration),
}

/// Budgets that all nodes share. Time is that of the storage.
#[async_trait]
pub trait CounterRepo: Send + Sync {
    /// Takes one from the budget of a key. A budget that nobody has taken from is whole; one that is whole again is
    /// forgotten. A key is used with one rate; with another one it never makes anybody wait longer than that one does.
    async fn take(&self, key: &str, rate: Rate) -> Res<Taken>;
}
