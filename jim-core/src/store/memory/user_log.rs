use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryTx, slice};
use crate::id::{Seq, UserId};
use crate::model::entry::UserEntry;
use crate::repo::{Res, Slice, UserEvent, UserLogRepo};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct UserLogs(BTreeMap<UserId, BTreeMap<Seq, UserEntry>>);

impl UserLogs {
    fn head(&self, user: UserId) -> Seq {
        let last = self.0.get(&user).and_then(BTreeMap::last_key_value);
        last.map_or(Seq::ZERO, |(seq, _)| *seq)
    }
}

#[async_trait]
impl UserLogRepo for MemoryTx {
    async fn append(&mut self, user: UserId, event: &UserEvent, at: Millis) -> Res<UserEntry> {
        let logs = &mut self.change().user_logs;
        let seq = logs.head(user).next();
        let entry = UserEntry { user, seq, at, kind: event.kind.clone(), body: event.body.clone() };
        logs.0.entry(user).or_default().insert(seq, entry.clone());
        Ok(entry)
    }

    async fn read(&mut self, user: UserId, part: Slice<'_>, limit: u16) -> Res<Vec<UserEntry>> {
        Ok(self.state.user_logs.0.get(&user).map(|log| slice(log, part, limit)).unwrap_or_default())
    }

    async fn head(&mut self, user: UserId) -> Res<Seq> {
        Ok(self.state.user_logs.head(user))
    }

    async fn heads(&mut self, users: &[UserId]) -> Res<Vec<Seq>> {
        Ok(users.iter().map(|user| self.state.user_logs.head(*user)).collect())
    }

    async fn clear(&mut self, user: UserId) -> Res<()> {
        self.change().user_logs.0.remove(&user);
        Ok(())
    }
}
