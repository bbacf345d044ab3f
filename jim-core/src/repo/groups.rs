use async_trait::async_trait;

use super::Res;
use crate::id::{GroupId, UserId};
use crate::model::group::{Blacklisted, GroupRow, MemberRow};

/// Groups. A group that ended stays, so that its id is never used again.
#[async_trait]
pub trait GroupRepo: Send {
    /// Adds a group without members and gives it an id; the row's own id and count do not matter.
    async fn add(&mut self, group: &GroupRow) -> Res<GroupId>;
    /// One group, ended ones too.
    async fn get(&mut self, id: GroupId) -> Res<Option<GroupRow>>;
    /// Replaces all of a group but its count of members.
    async fn set(&mut self, group: &GroupRow) -> Res<()>;
    /// Groups of a person that have not ended, by id.
    async fn list(&mut self, user: UserId, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>>;
    /// How many these are.
    async fn count(&mut self, user: UserId) -> Res<u32>;
}

/// Members of groups.
#[async_trait]
pub trait MemberRepo: Send {
    /// Adds a member unless the group is full; `false` if it is. Who is a member already is a conflict.
    async fn add(&mut self, member: &MemberRow) -> Res<bool>;
    /// One member.
    async fn get(&mut self, group: GroupId, user: UserId) -> Res<Option<MemberRow>>;
    /// Replaces role, nickname and mute of a member.
    async fn set(&mut self, member: &MemberRow) -> Res<()>;
    /// Removes a member; `false` if there is none.
    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool>;
    /// Members by id.
    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<MemberRow>>;
    /// How many admins a group has, its owner not among them.
    async fn admins(&mut self, group: GroupId) -> Res<u32>;
}

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
