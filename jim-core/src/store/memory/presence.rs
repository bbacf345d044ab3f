use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::id::UserId;
use crate::repo::{PresenceRepo, Res};

/// When what each node said of a person ends.
type Nodes = HashMap<String, Instant>;

/// Who is connected, in memory.
#[derive(Default)]
pub struct MemoryPresence(Mutex<HashMap<UserId, Nodes>>);

impl MemoryPresence {
    /// What holds now.
    fn now(&self) -> MutexGuard<'_, HashMap<UserId, Nodes>> {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        people.retain(|_, nodes| {
            nodes.retain(|_, end| *end > now);
            !nodes.is_empty()
        });
        people
    }
}

#[async_trait]
impl PresenceRepo for MemoryPresence {
    async fn beat(&self, node: &str, users: &[UserId], ttl: Duration) -> Res<Vec<UserId>> {
        let mut people = self.now();
        let new = users.iter().filter(|user| !people.contains_key(user)).copied().collect();
        for user in users {
            people.entry(*user).or_default().insert(node.into(), Instant::now() + ttl);
        }
        Ok(new)
    }

    async fn leave(&self, node: &str, users: &[UserId]) -> Res<Vec<UserId>> {
        let mut people = self.now();
        let mut gone = Vec::new();
        for user in users {
            if let Some(nodes) = people.get_mut(user)
                && nodes.remove(node).is_some()
                && nodes.is_empty()
            {
                people.remove(user);
                gone.push(*user);
            }
        }
        Ok(gone)
    }

    async fn online(&self, users: &[UserId]) -> Res<Vec<bool>> {
        let people = self.now();
        Ok(users.iter().map(|user| people.contains_key(user)).collect())
    }
}
