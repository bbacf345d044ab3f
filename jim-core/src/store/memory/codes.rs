use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::model::code::Purpose;
use crate::repo::{CodeRepo, CodeRow, Res};
use crate::time::Millis;

/// Codes, and how often they were guessed at.
#[derive(Clone, Default)]
pub(super) struct Codes(BTreeMap<(Purpose, String), (CodeRow, u16)>);

#[async_trait]
impl CodeRepo for MemoryTx {
    async fn set(&mut self, code: &CodeRow) -> Res<()> {
        let codes = &mut self.change().codes.0;
        codes.insert((code.purpose, code.subject.clone()), (code.clone(), 0));
        Ok(())
    }

    async fn guess(&mut self, purpose: Purpose, subject: &str, now: Millis, tries: u16) -> Res<Option<CodeRow>> {
        let code = self.change().codes.0.get_mut(&(purpose, subject.to_owned()));
        let Some((code, counted)) = code.filter(|(code, counted)| code.until > now && *counted < tries) else {
            return Ok(None);
        };
        *counted += 1;
        Ok(Some(code.clone()))
    }

    async fn remove(&mut self, purpose: Purpose, subject: &str) -> Res<bool> {
        Ok(self.change().codes.0.remove(&(purpose, subject.to_owned())).is_some())
    }

    async fn forget_before(&mut self, now: Millis) -> Res<()> {
        self.change().codes.0.retain(|_, (code, _)| code.until > now);
        Ok(())
    }
}
