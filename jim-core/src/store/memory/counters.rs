use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::repo::{CounterRepo, Rate, Res, Taken};

/// Budgets in memory.
#[derive(Default)]
pub struct MemoryCounters(Mutex<HashMap<String, Instant>>);

#[async_trait]
impl CounterRepo for MemoryCounters {
    async fn take(&self, key: &str, rate: Rate) -> Res<Taken> {
        let now = Instant::now();
        let share = Duration::from_micros(rate.share_micros());
        let whole = share * rate.count.get();
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.retain(|_, full| *full > now);
        let full = budgets.get(key).map_or(now, |full| (*full).min(now + whole));
        let wait = (full + share).saturating_duration_since(now + whole);
        if !wait.is_zero() {
            return Ok(Taken::Wait(wait));
        }
        budgets.insert(key.into(), full + share);
        Ok(Taken::Ok)
    }
}
