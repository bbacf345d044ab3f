use async_trait::async_trait;

use super::Res;
use crate::id::{GroupId, UserId};
use crate::model::group::{Former, MemberRow};

/// Members of groups.
#[async_trait]
pub trait MemberRepo: Send {
    /// Adds a member unless the group is full; `false` if it is. Who is a member already is a conflict.
    async fn add(&mut self, member: &MemberRow) -> Res<bool>;
    /// One member.
    async fn get(&mut self, group: GroupId, user: UserId) -> Res<Option<MemberRow>>;
    /// Replaces role, nickname and mute of a member.
    async fn set(&mut self, member: &MemberRow) -> Res<()>;
    /// Removes a member; `false` if there is none. What outlives the membership is kept.
    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool>;
    /// What outlived the last membership of somebody that is over.
    async fn former(&mut self, group: GroupId, user: UserId) -> Res<Option<Former>>;
    /// Groups in which a person was a member before.
    async fn former_of(&mut self, user: UserId) -> Res<Vec<GroupId>>;
    /// Who comes after a member: of those whose account is in use the highest of role, of these the one who joined
    /// first; without any such, the same among the others.
    async fn heir(&mut self, group: GroupId, of: UserId) -> Res<Option<MemberRow>>;
    /// Members by id.
    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<MemberRow>>;
    /// Those of these people who are members, by id.
    async fn list_by_id(&mut self, group: GroupId, users: &[UserId]) -> Res<Vec<MemberRow>>;
    /// What a person is in these groups, by group; those that he is no member of are left out.
    async fn list_of(&mut self, user: UserId, groups: &[GroupId]) -> Res<Vec<MemberRow>>;
    /// Who decides in a group: its owner first, then its admins by id.
    async fn deciders(&mut self, group: GroupId) -> Res<Vec<UserId>>;
    /// How many admins a group has, its owner not among them.
    async fn admins(&mut self, group: GroupId) -> Res<u32>;
}
