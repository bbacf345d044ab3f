use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::{RoomId, Seq, UserId};
use crate::model::departure::Departure;
use crate::repo::{DepartureRepo, Res};

#[derive(Clone, Default)]
pub(super) struct Departures(BTreeMap<(UserId, String), Departure>);

/// In the order of names, in which no room is first.
fn key(user: UserId, room: Option<&RoomId>) -> (UserId, String) {
    (user, room.map(ToString::to_string).unwrap_or_default())
}

#[async_trait]
impl DepartureRepo for MemoryTx {
    async fn add(&mut self, departure: &Departure) -> Res<()> {
        let departures = &mut self.change().departures.0;
        departures.entry(key(departure.user, departure.room.as_ref())).or_insert(*departure);
        Ok(())
    }

    async fn list(&mut self, limit: u16) -> Res<Vec<Departure>> {
        Ok(self.state.departures.0.values().take(limit.into()).copied().collect())
    }

    async fn set_seq(&mut self, user: UserId, room: &RoomId, seq: Seq) -> Res<()> {
        if let Some(row) = self.change().departures.0.get_mut(&key(user, Some(room))) {
            row.seq = row.seq.max(seq);
        }
        Ok(())
    }

    async fn remove(&mut self, user: UserId, room: Option<&RoomId>) -> Res<bool> {
        Ok(self.change().departures.0.remove(&key(user, room)).is_some())
    }
}
