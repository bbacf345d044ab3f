use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::{Seq, UserId};
use crate::model::block::BlockRow;
use crate::repo::{BlockRepo, Res};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Blocks(BTreeMap<UserId, BTreeMap<UserId, BlockRow>>);

impl Blocks {
    pub(super) fn get(&self, user: UserId, blocked: UserId) -> Option<&BlockRow> {
        self.0.get(&user)?.get(&blocked)
    }
}

#[async_trait]
impl BlockRepo for MemoryTx {
    async fn get(&mut self, user: UserId, blocked: UserId) -> Res<Option<BlockRow>> {
        Ok(self.state.blocks.get(user, blocked).cloned())
    }

    async fn list(&mut self, user: UserId, after: Option<UserId>, limit: u16) -> Res<Vec<BlockRow>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let blocks = self.state.blocks.0.get(&user).into_iter();
        let above = blocks.flat_map(|blocks| blocks.range((from, Bound::Unbounded)));
        Ok(above.take(limit.into()).map(|(_, row)| row.clone()).collect())
    }

    async fn blockers(&mut self, user: UserId, of: &[UserId]) -> Res<Vec<UserId>> {
        Ok(of.iter().filter(|other| self.state.blocks.get(**other, user).is_some()).copied().collect())
    }

    async fn add(&mut self, user: UserId, blocked: UserId, at: Millis) -> Res<bool> {
        let new = self.state.blocks.get(user, blocked).is_none();
        if new {
            let row = BlockRow { blocked, cut: None, at };
            self.change().blocks.0.entry(user).or_default().insert(blocked, row);
        }
        Ok(new)
    }

    async fn set_cut(&mut self, user: UserId, blocked: UserId, cut: Seq) -> Res<()> {
        let blocks = self.change().blocks.0.get_mut(&user);
        if let Some(row) = blocks.and_then(|blocks| blocks.get_mut(&blocked)) {
            row.cut.get_or_insert(cut);
        }
        Ok(())
    }

    async fn remove(&mut self, user: UserId, blocked: UserId) -> Res<bool> {
        let blocks = self.change().blocks.0.get_mut(&user);
        Ok(blocks.is_some_and(|blocks| blocks.remove(&blocked).is_some()))
    }
}
