use async_trait::async_trait;

use super::Res;
use crate::id::{GroupId, UserId};
use crate::model::group::Blacklisted;

/// Who may not come into a group.
#[async_trait]
pub trait BlacklistRepo: Send {
    /// Adds somebody; `false` if he is on it, and then nothing changes.
    async fn add(&mut self, group: GroupId, who: &Blacklisted) -> Res<bool>;
    /// Takes somebody off it; `false` if he is not on it.
    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool>;
    /// Whether somebody is on it.
    async fn contains(&mut self, group: GroupId, user: UserId) -> Res<bool>;
    /// Everybody on it, by id.
    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<Blacklisted>>;
}
