use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryTx, of_group};
use crate::id::{GroupId, UserId};
use crate::model::group::Blacklisted;
use crate::repo::{BlacklistRepo, Res};

pub(super) type Blacklist = BTreeMap<(GroupId, UserId), Blacklisted>;

#[async_trait]
impl BlacklistRepo for MemoryTx {
    async fn add(&mut self, group: GroupId, who: &Blacklisted) -> Res<bool> {
        let blacklist = &mut self.change().blacklist;
        let new = !blacklist.contains_key(&(group, who.user));
        blacklist.entry((group, who.user)).or_insert_with(|| who.clone());
        Ok(new)
    }

    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        Ok(self.change().blacklist.remove(&(group, user)).is_some())
    }

    async fn contains(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        Ok(self.state.blacklist.contains_key(&(group, user)))
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<Blacklisted>> {
        Ok(of_group(&self.state.blacklist, group, after, limit))
    }
}
