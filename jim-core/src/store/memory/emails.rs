use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::UserId;
use crate::model::Email;
use crate::repo::{EmailRepo, RepoError, Res};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Emails(BTreeMap<UserId, Email>);

#[async_trait]
impl EmailRepo for MemoryTx {
    async fn get(&mut self, user: UserId) -> Res<Option<Email>> {
        Ok(self.state.emails.0.get(&user).cloned())
    }

    async fn find_by_address(&mut self, email: &Email) -> Res<Option<UserId>> {
        let owner = self.state.emails.0.iter().find(|(_, known)| known.key() == email.key());
        Ok(owner.map(|(user, _)| *user))
    }

    async fn set(&mut self, user: UserId, email: &Email, _at: Millis) -> Res<()> {
        if self.find_by_address(email).await?.is_some_and(|owner| owner != user) {
            return Err(RepoError::Conflict);
        }
        self.change().emails.0.insert(user, email.clone());
        Ok(())
    }

    async fn remove(&mut self, user: UserId) -> Res<bool> {
        Ok(self.change().emails.0.remove(&user).is_some())
    }
}
