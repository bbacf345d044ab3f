use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::UserId;
use crate::model::friend::{FriendFilter, Friendship};
use crate::repo::{FriendRepo, RepoError, Res};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Friends(BTreeMap<UserId, BTreeMap<UserId, Friendship>>);

impl Friends {
    pub(super) fn get(&self, user: UserId, friend: UserId) -> Option<&Friendship> {
        self.0.get(&user)?.get(&friend)
    }

    fn get_mut(&mut self, user: UserId, friend: UserId) -> Option<&mut Friendship> {
        self.0.get_mut(&user)?.get_mut(&friend)
    }

    fn remove(&mut self, user: UserId, friend: UserId) -> bool {
        self.0.get_mut(&user).is_some_and(|friends| friends.remove(&friend).is_some())
    }
}

#[async_trait]
impl FriendRepo for MemoryTx {
    async fn get(&mut self, user: UserId, friend: UserId) -> Res<Option<Friendship>> {
        Ok(self.state.friends.get(user, friend).cloned())
    }

    async fn find_by_filter(
        &mut self,
        user: UserId,
        filter: &FriendFilter,
        after: Option<UserId>,
        limit: u16,
    ) -> Res<Vec<Friendship>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let friends = self.state.friends.0.get(&user).into_iter();
        let above = friends.flat_map(|friends| friends.range((from, Bound::Unbounded))).map(|(_, friend)| friend);
        let wanted = above.filter(|friend| {
            (friend.starred || !filter.starred)
                && filter.label.as_ref().is_none_or(|label| friend.labels.contains(&label.0))
        });
        Ok(wanted.take(limit.into()).cloned().collect())
    }

    async fn list_audience(&mut self, user: UserId) -> Res<Vec<UserId>> {
        let friends = self.state.friends.0.get(&user).into_iter().flat_map(BTreeMap::keys);
        Ok(friends.filter(|friend| self.state.blocks.get(user, **friend).is_none()).copied().collect())
    }

    async fn count(&mut self, user: UserId) -> Res<u32> {
        let count = self.state.friends.0.get(&user).map_or(0, BTreeMap::len);
        u32::try_from(count).map_err(|error| RepoError::Broken(error.into()))
    }

    async fn add(&mut self, a: UserId, b: UserId, since: Millis) -> Res<()> {
        if self.state.friends.get(a, b).is_some() {
            return Err(RepoError::Conflict);
        }
        for (user, friend) in [(a, b), (b, a)] {
            self.change().friends.0.entry(user).or_default().insert(friend, Friendship::new(friend, since));
        }
        Ok(())
    }

    async fn remove(&mut self, a: UserId, b: UserId) -> Res<bool> {
        let friends = &mut self.change().friends;
        friends.remove(b, a);
        Ok(friends.remove(a, b))
    }

    async fn set_remark(&mut self, user: UserId, friend: UserId, remark: Option<&str>) -> Res<bool> {
        let Some(friendship) = self.change().friends.get_mut(user, friend) else { return Ok(false) };
        friendship.remark = remark.map(Into::into);
        Ok(true)
    }

    async fn set_labels(&mut self, user: UserId, friend: UserId, labels: &[String], starred: bool) -> Res<bool> {
        let Some(friendship) = self.change().friends.get_mut(user, friend) else { return Ok(false) };
        friendship.labels = labels.to_vec();
        friendship.labels.sort_unstable();
        friendship.starred = starred;
        Ok(true)
    }
}
