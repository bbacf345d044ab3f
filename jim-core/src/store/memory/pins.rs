use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::{RoomId, Seq};
use crate::model::pin::PinRow;
use crate::repo::{PinRepo, Res};

#[derive(Clone, Default)]
pub(super) struct Pins(BTreeMap<(RoomId, Seq), PinRow>);

#[async_trait]
impl PinRepo for MemoryTx {
    async fn add(&mut self, room: &RoomId, pin: &PinRow) -> Res<bool> {
        match self.change().pins.0.entry((*room, pin.seq)) {
            Entry::Vacant(place) => {
                place.insert(*pin);
                Ok(true)
            }
            Entry::Occupied(_) => Ok(false),
        }
    }

    async fn remove(&mut self, room: &RoomId, seq: Seq) -> Res<bool> {
        Ok(self.change().pins.0.remove(&(*room, seq)).is_some())
    }

    async fn list(&mut self, room: &RoomId) -> Res<Vec<PinRow>> {
        let all = self.state.pins.0.range((*room, Seq::ZERO)..=(*room, Seq(i64::MAX)));
        let mut pins: Vec<_> = all.map(|(_, pin)| *pin).collect();
        pins.sort_by_key(|pin| Reverse((pin.at, pin.seq)));
        Ok(pins)
    }
}
