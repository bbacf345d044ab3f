use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::repo::{Res, SpentRepo};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Spent(BTreeMap<String, Millis>);

#[async_trait]
impl SpentRepo for MemoryTx {
    async fn spend(&mut self, hash: &str, until: Millis) -> Res<bool> {
        let is_new = !self.state.spent.0.contains_key(hash);
        if is_new {
            self.change().spent.0.insert(hash.into(), until);
        }
        Ok(is_new)
    }

    async fn forget_before(&mut self, now: Millis) -> Res<()> {
        self.change().spent.0.retain(|_, until| *until > now);
        Ok(())
    }
}
