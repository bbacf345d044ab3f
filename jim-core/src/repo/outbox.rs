use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Res;
use crate::id::{OutboxId, RoomId, Seq, UserId};
use crate::model::entry::Kind;
use crate::model::group::HistoryPolicy;
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
    /// Append what happened to a group or a member.
    Event(RoomEvent),
    /// Take the body of a message away, then append that somebody did.
    Erase {
        /// The message.
        seq: Seq,
        /// What is left of it.
        stub: serde_json::Value,
        /// The entry.
        event: RoomEvent,
    },
    /// Append a join; then the person may read from there on, or all, and is told.
    Join {
        /// The entry.
        event: RoomEvent,
        /// Who joins.
        user: UserId,
        /// Since when; a membership of the same person that began later is another one.
        joined_at: Millis,
        /// What of the history the person may read.
        history: HistoryPolicy,
        /// What the person is told of the group.
        group: serde_json::Value,
    },
}

/// What happened in a room, as its log will say it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoomEvent {
    /// What happened.
    pub kind: Kind,
    /// Who did it.
    pub by: UserId,
    /// The `data` of the entry.
    pub data: serde_json::Value,
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
    /// Removes a done task; `false` if it is gone: of two who did it at once, one is told that it was he.
    async fn remove(&mut self, id: OutboxId) -> Res<bool>;
}
