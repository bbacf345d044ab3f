use std::collections::BTreeSet;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::{RoomId, Seq, UserId};
use crate::repo::{HiddenRepo, Res};

#[derive(Clone, Default)]
pub(super) struct Hidden(BTreeSet<(UserId, RoomId, Seq)>);

#[async_trait]
impl HiddenRepo for MemoryTx {
    async fn add(&mut self, user: UserId, room: &RoomId, seq: Seq) -> Res<bool> {
        Ok(self.change().hidden.0.insert((user, *room, seq)))
    }

    async fn list(&mut self, user: UserId, room: &RoomId, from: Seq, to: Seq) -> Res<Vec<Seq>> {
        let hidden = self.state.hidden.0.range((user, *room, from)..=(user, *room, to));
        Ok(hidden.map(|(_, _, seq)| *seq).collect())
    }
}
