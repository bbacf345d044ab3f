use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Res;
use crate::id::{OutboxId, RoomId};
use crate::model::entry::Kind;
use crate::time::Millis;

/// What a committed change still owes to a room's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Task {
    /// Append an entry that nobody wrote, under the reference `ob:<id>`.
    Append {
        /// What happened.
        kind: Kind,
        /// Its content; the reference is added when it is appended.
        content: serde_json::Value,
    },
}

/// Tasks that a committed unit left behind, in order.
#[async_trait]
pub trait OutboxRepo: Send {
    /// Leaves a task; ids of a room grow in the order of commits, because the unit holds the room's lock.
    async fn add(&mut self, room: &RoomId, task: &Task, at: Millis) -> Res<OutboxId>;
    /// Tasks of a room by id.
    async fn list(&mut self, room: &RoomId, limit: u16) -> Res<Vec<(OutboxId, Task, Millis)>>;
    /// Rooms with tasks, each once.
    async fn rooms(&mut self, limit: u16) -> Res<Vec<RoomId>>;
    /// Removes a done task; without effect if it is gone.
    async fn remove(&mut self, id: OutboxId) -> Res<()>;
}
