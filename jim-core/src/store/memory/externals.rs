use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::UserId;
use crate::repo::{ExternalRepo, Res};

#[derive(Clone, Default)]
pub(super) struct Externals(BTreeMap<String, UserId>);

#[async_trait]
impl ExternalRepo for MemoryTx {
    async fn find(&mut self, external: &str) -> Res<Option<UserId>> {
        Ok(self.state.externals.0.get(external).copied())
    }

    async fn add(&mut self, external: &str, user: UserId) -> Res<bool> {
        let is_new = !self.state.externals.0.contains_key(external);
        if is_new {
            self.change().externals.0.insert(external.into(), user);
        }
        Ok(is_new)
    }

    async fn remove(&mut self, user: UserId) -> Res<()> {
        self.change().externals.0.retain(|_, bound| *bound != user);
        Ok(())
    }
}
