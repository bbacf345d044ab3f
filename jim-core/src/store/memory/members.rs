use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryTx, number, of_group};
use crate::id::{GroupId, UserId};
use crate::model::group::{MemberRow, Role};
use crate::repo::{MemberRepo, RepoError, Res};

pub(super) type Members = BTreeMap<(GroupId, UserId), MemberRow>;

#[async_trait]
impl MemberRepo for MemoryTx {
    async fn add(&mut self, member: &MemberRow) -> Res<bool> {
        let state = self.change();
        let Some(group) = state.groups.rows.get_mut(&member.group) else { return Ok(false) };
        if group.member_count >= group.max_members {
            return Ok(false);
        }
        let key = (member.group, member.user);
        if state.members.contains_key(&key) {
            return Err(RepoError::Conflict);
        }
        group.member_count += 1;
        state.members.insert(key, member.clone());
        Ok(true)
    }

    async fn get(&mut self, group: GroupId, user: UserId) -> Res<Option<MemberRow>> {
        Ok(self.state.members.get(&(group, user)).cloned())
    }

    async fn set(&mut self, member: &MemberRow) -> Res<()> {
        if let Some(row) = self.change().members.get_mut(&(member.group, member.user)) {
            *row = MemberRow { joined_at: row.joined_at, ..member.clone() };
        }
        Ok(())
    }

    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        let state = self.change();
        let removed = state.members.remove(&(group, user)).is_some();
        if removed && let Some(group) = state.groups.rows.get_mut(&group) {
            group.member_count -= 1;
        }
        Ok(removed)
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<MemberRow>> {
        Ok(of_group(&self.state.members, group, after, limit))
    }

    async fn admins(&mut self, group: GroupId) -> Res<u32> {
        let members = self.state.members.values().filter(|member| member.group == group);
        number(members.filter(|member| member.role == Role::Admin).count())
    }
}
