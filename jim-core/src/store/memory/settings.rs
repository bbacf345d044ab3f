use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::repo::{Res, SettingRepo};

#[derive(Clone, Default)]
pub(super) struct Settings(BTreeMap<String, String>);

#[async_trait]
impl SettingRepo for MemoryTx {
    async fn get(&mut self, key: &str) -> Res<Option<String>> {
        Ok(self.state.settings.0.get(key).cloned())
    }

    async fn ensure(&mut self, key: &str, value: &str) -> Res<String> {
        Ok(self.change().settings.0.entry(key.into()).or_insert_with(|| value.into()).clone())
    }

    async fn set(&mut self, key: &str, value: &str) -> Res<()> {
        self.change().settings.0.insert(key.into(), value.into());
        Ok(())
    }
}
