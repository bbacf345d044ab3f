use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{MemoryTx, number, of_group};
use crate::id::{GroupId, UserId};
use crate::model::group::{Former, MemberRow, Role};
use crate::model::user::UserState;
use crate::repo::{MemberRepo, RepoError, Res};

#[derive(Clone, Default)]
pub(super) struct Members {
    pub(super) rows: BTreeMap<(GroupId, UserId), MemberRow>,
    former: BTreeMap<(GroupId, UserId), Former>,
}

#[async_trait]
impl MemberRepo for MemoryTx {
    async fn add(&mut self, member: &MemberRow) -> Res<bool> {
        let state = self.change();
        let Some(group) = state.groups.rows.get_mut(&member.group) else { return Ok(false) };
        if group.member_count >= group.max_members {
            return Ok(false);
        }
        let key = (member.group, member.user);
        if state.members.rows.contains_key(&key) {
            return Err(RepoError::Conflict);
        }
        group.member_count += 1;
        state.members.rows.insert(key, member.clone());
        Ok(true)
    }

    async fn get(&mut self, group: GroupId, user: UserId) -> Res<Option<MemberRow>> {
        Ok(self.state.members.rows.get(&(group, user)).cloned())
    }

    async fn set(&mut self, member: &MemberRow) -> Res<()> {
        if let Some(row) = self.change().members.rows.get_mut(&(member.group, member.user)) {
            *row = MemberRow { joined_at: row.joined_at, ..member.clone() };
        }
        Ok(())
    }

    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        let state = self.change();
        let Some(MemberRow { joined_at, muted_until, .. }) = state.members.rows.remove(&(group, user)) else {
            return Ok(false);
        };
        state.members.former.insert((group, user), Former { joined_at, muted_until });
        if let Some(group) = state.groups.rows.get_mut(&group) {
            group.member_count -= 1;
        }
        Ok(true)
    }

    async fn former(&mut self, group: GroupId, user: UserId) -> Res<Option<Former>> {
        Ok(self.state.members.former.get(&(group, user)).copied())
    }

    async fn former_of(&mut self, user: UserId) -> Res<Vec<GroupId>> {
        Ok(self.state.members.former.keys().filter(|(_, of)| *of == user).map(|(group, _)| *group).collect())
    }

    async fn heir(&mut self, group: GroupId, of: UserId) -> Res<Option<MemberRow>> {
        let active = |user| self.state.users.get(user).is_some_and(|user| user.state == UserState::Active);
        let others = self.state.members.rows.values().filter(|member| member.group == group && member.user != of);
        let first = others
            .min_by_key(|member| (!active(member.user), std::cmp::Reverse(member.role), member.joined_at, member.user));
        Ok(first.cloned())
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<MemberRow>> {
        Ok(of_group(&self.state.members.rows, group, after, limit))
    }

    async fn list_by_id(&mut self, group: GroupId, users: &[UserId]) -> Res<Vec<MemberRow>> {
        let users: BTreeSet<_> = users.iter().collect();
        let rows = users.into_iter().filter_map(|user| self.state.members.rows.get(&(group, *user)));
        Ok(rows.cloned().collect())
    }

    async fn list_of(&mut self, user: UserId, groups: &[GroupId]) -> Res<Vec<MemberRow>> {
        let groups: BTreeSet<_> = groups.iter().collect();
        let rows = groups.into_iter().filter_map(|group| self.state.members.rows.get(&(*group, user)));
        Ok(rows.cloned().collect())
    }

    async fn deciders(&mut self, group: GroupId) -> Res<Vec<UserId>> {
        let members = self.state.members.rows.values().filter(|member| member.group == group);
        let mut deciders: Vec<_> = members.filter(|member| member.role > Role::Member).collect();
        deciders.sort_by_key(|member| (std::cmp::Reverse(member.role), member.user));
        Ok(deciders.iter().map(|member| member.user).collect())
    }

    async fn admins(&mut self, group: GroupId) -> Res<u32> {
        let members = self.state.members.rows.values().filter(|member| member.group == group);
        number(members.filter(|member| member.role == Role::Admin).count())
    }
}
