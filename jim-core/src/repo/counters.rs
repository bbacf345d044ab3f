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

/// How often something was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Noted {
    /// How often.
    pub count: u32,
    /// When all of it is forgotten, unless it is noted again.
    pub left: Duration,
}

/// Budgets and counts that all nodes share. Time is that of the storage.
#[async_trait]
pub trait CounterRepo: Send + Sync {
    /// Takes one from the budget of a key. A budget that nobody has taken from is whole; one that is whole again is
    /// forgotten. A key is used with one rate; with another one it never makes anybody wait longer than that one does.
    async fn take(&self, key: &str, rate: Rate) -> Res<Taken>;
    /// Notes a key once more: of many who do, each is told another count. All is forgotten when nobody has noted the key
    /// for so long. What is noted and what is taken of one key have nothing to do with each other.
    async fn note(&self, key: &str, lasting: Duration) -> Res<Noted>;
    /// How often a key was noted.
    async fn noted(&self, key: &str) -> Res<Noted>;
    /// Takes one note back, if there is one, that was noted on top of those `before`: they last as long as they did then.
    async fn take_back(&self, key: &str, before: Noted) -> Res<()>;
    /// Forgets all notes of a key.
    async fn forget(&self, key: &str) -> Res<()>;
}
