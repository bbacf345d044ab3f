use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::{UserId, WorldId};
use crate::model::ClientRef;
use crate::model::world::WorldRow;
use crate::repo::{Res, WorldRepo};
use crate::time::Millis;

#[derive(Clone)]
pub(super) struct Worlds {
    rows: BTreeMap<WorldId, WorldRow>,
    mutes: BTreeMap<(WorldId, UserId), Millis>,
    turns: BTreeMap<(WorldId, UserId), (Millis, ClientRef)>,
}

impl Default for Worlds {
    fn default() -> Self {
        let first = WorldRow { id: WorldId::FIRST, name: "World".into(), open: true, slow_mode_seconds: 0 };
        Worlds { rows: [(first.id, first)].into(), mutes: BTreeMap::new(), turns: BTreeMap::new() }
    }
}

#[async_trait]
impl WorldRepo for MemoryTx {
    async fn get(&mut self, id: WorldId) -> Res<Option<WorldRow>> {
        Ok(self.state.worlds.rows.get(&id).cloned())
    }

    async fn list(&mut self) -> Res<Vec<WorldRow>> {
        Ok(self.state.worlds.rows.values().cloned().collect())
    }

    async fn set(&mut self, row: &WorldRow) -> Res<()> {
        if let Some(place) = self.change().worlds.rows.get_mut(&row.id) {
            *place = row.clone();
        }
        Ok(())
    }

    async fn muted_until(&mut self, id: WorldId, user: UserId) -> Res<Option<Millis>> {
        Ok(self.state.worlds.mutes.get(&(id, user)).copied())
    }

    async fn set_muted(&mut self, id: WorldId, user: UserId, until: Option<Millis>) -> Res<()> {
        let mutes = &mut self.change().worlds.mutes;
        match until {
            Some(until) => mutes.insert((id, user), until),
            None => mutes.remove(&(id, user)),
        };
        Ok(())
    }

    async fn take_turn(
        &mut self,
        id: WorldId,
        user: UserId,
        message: &ClientRef,
        now: Millis,
        since: Millis,
    ) -> Res<Option<Millis>> {
        let other = self.state.worlds.turns.get(&(id, user)).filter(|(at, of)| *at >= since && of != message);
        if let Some((at, _)) = other {
            return Ok(Some(*at));
        }
        self.change().worlds.turns.insert((id, user), (now, message.clone()));
        Ok(None)
    }

    async fn forget_turns(&mut self, id: WorldId) -> Res<()> {
        self.change().worlds.turns.retain(|(world, _), _| *world != id);
        Ok(())
    }
}
