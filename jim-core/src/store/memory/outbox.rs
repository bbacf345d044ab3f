use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::{OutboxId, RoomId};
use crate::repo::{OutboxRepo, Res, Task};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Outbox {
    last: i64,
    rows: BTreeMap<OutboxId, (RoomId, Task, Millis)>,
}

#[async_trait]
impl OutboxRepo for MemoryTx {
    async fn add(&mut self, room: &RoomId, task: &Task, at: Millis) -> Res<OutboxId> {
        let outbox = &mut self.change().outbox;
        let id = OutboxId(next_id(&mut outbox.last));
        outbox.rows.insert(id, (*room, task.clone(), at));
        Ok(id)
    }

    async fn list(&mut self, room: &RoomId, limit: u16) -> Res<Vec<(OutboxId, Task, Millis)>> {
        let rows = self.state.outbox.rows.iter().filter(|(_, (of, ..))| of == room);
        Ok(rows.take(limit.into()).map(|(id, (_, task, at))| (*id, task.clone(), *at)).collect())
    }

    async fn rooms(&mut self, limit: u16) -> Res<Vec<RoomId>> {
        let rooms: BTreeSet<_> = self.state.outbox.rows.values().map(|(room, ..)| *room).collect();
        Ok(rooms.into_iter().take(limit.into()).collect())
    }

    async fn remove(&mut self, id: OutboxId) -> Res<bool> {
        Ok(self.change().outbox.rows.remove(&id).is_some())
    }
}
