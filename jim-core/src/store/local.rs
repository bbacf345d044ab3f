//! What nodes would share, where there is one node: budgets and counts in this process's memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::repo::{CounterRepo, Noted, Rate, Res, Taken};

/// Budgets and counts in memory. Nothing outlives the process.
#[derive(Default)]
pub struct LocalCounters {
    /// When each budget is whole again.
    budgets: Mutex<HashMap<String, Instant>>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// How often each key was noted, and until when that counts.
    rows: HashMap<String, (u32, Instant)>,
    /// How many may stand before those that count no more are looked for.
    room: usize,
}

impl Notes {
    fn get(&self, key: &str) -> Noted {
        let now = Instant::now();
        match self.rows.get(key) {
            Some((count, until)) if *until > now => Noted { count: *count, left: *until - now },
            _ => Noted::default(),
        }
    }

    /// Looked for when they have doubled, so that a note costs the same however many there are.
    fn prune(&mut self) {
        if self.rows.len() > self.room.max(1_000) {
            let now = Instant::now();
            self.rows.retain(|_, (_, until)| *until > now);
            self.room = self.rows.len() * 2;
        }
    }
}

impl LocalCounters {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CounterRepo for LocalCounters {
    async fn take(&self, key: &str, rate: Rate) -> Res<Taken> {
        let now = Instant::now();
        let share = Duration::from_micros(rate.share_micros());
        let whole = share * rate.count.get();
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.retain(|_, full| *full > now);
        let full = budgets.get(key).map_or(now, |full| (*full).min(now + whole));
        let wait = (full + share).saturating_duration_since(now + whole);
        if !wait.is_zero() {
            return Ok(Taken::Wait(wait));
        }
        budgets.insert(key.into(), full + share);
        Ok(Taken::Ok)
    }

    async fn note(&self, key: &str, lasting: Duration) -> Res<Noted> {
        let mut notes = self.notes();
        notes.prune();
        let count = notes.get(key).count.saturating_add(1);
        notes.rows.insert(key.into(), (count, Instant::now() + lasting));
        Ok(Noted { count, left: lasting })
    }

    async fn noted(&self, key: &str) -> Res<Noted> {
        Ok(self.notes().get(key))
    }

    async fn take_back(&self, key: &str, before: Noted) -> Res<()> {
        let mut notes = self.notes();
        if notes.get(key).count <= 1 {
            notes.rows.remove(key);
        } else if let Some((count, until)) = notes.rows.get_mut(key) {
            *count -= 1;
            if before.count > 0 {
                *until = (*until).min(Instant::now() + before.left);
            }
        }
        Ok(())
    }

    async fn forget(&self, key: &str) -> Res<()> {
        self.notes().rows.remove(key);
        Ok(())
    }
}
