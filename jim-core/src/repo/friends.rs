use async_trait::async_trait;

use super::Res;
use crate::id::UserId;
use crate::model::friend::{FriendFilter, Friendship};
use crate::time::Millis;

/// Friendships: two rows a pair, one for each side.
#[async_trait]
pub trait FriendRepo: Send {
    /// One side of a friendship.
    async fn get(&mut self, user: UserId, friend: UserId) -> Res<Option<Friendship>>;
    /// A person's friends by id, above `after`.
    async fn list(&mut self, user: UserId, after: Option<UserId>, limit: u16) -> Res<Vec<Friendship>> {
        self.find_by_filter(user, &FriendFilter::default(), after, limit).await
    }
    /// Those of a person's friends for whom all that the filter says is true, by id, above `after`.
    async fn find_by_filter(
        &mut self,
        user: UserId,
        filter: &FriendFilter,
        after: Option<UserId>,
        limit: u16,
    ) -> Res<Vec<Friendship>>;
    /// All who may see whether a person is there: friends whom the person does not block, by id.
    async fn list_audience(&mut self, user: UserId) -> Res<Vec<UserId>>;
    /// How many friends a person has.
    async fn count(&mut self, user: UserId) -> Res<u32>;
    /// Makes two people friends, both sides. `Conflict` if they are.
    async fn add(&mut self, a: UserId, b: UserId, since: Millis) -> Res<()>;
    /// Ends a friendship, both sides, with all that either kept of it; `false` if there was none.
    async fn remove(&mut self, a: UserId, b: UserId) -> Res<bool>;
    /// Sets or clears what a person calls a friend; `false` if they are not friends.
    async fn set_remark(&mut self, user: UserId, friend: UserId, remark: Option<&str>) -> Res<bool>;
    /// Replaces the labels and the star that a person has given a friend; `false` if they are not friends.
    async fn set_labels(&mut self, user: UserId, friend: UserId, labels: &[String], starred: bool) -> Res<bool>;
}
