use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::{GroupId, UserId};
use crate::model::group::{Blacklisted, GroupRow, MemberRow, Role};
use crate::repo::{BlacklistRepo, GroupRepo, MemberRepo, RepoError, Res};

#[derive(Clone, Default)]
pub(super) struct Groups {
    last: i64,
    rows: BTreeMap<GroupId, GroupRow>,
    members: BTreeMap<(GroupId, UserId), MemberRow>,
    blacklist: BTreeMap<(GroupId, UserId), Blacklisted>,
}

impl Groups {
    /// Groups of a person that have not ended, by id.
    fn of(&self, user: UserId) -> impl Iterator<Item = &GroupRow> {
        let member = move |group: &&GroupRow| self.members.contains_key(&(group.id, user));
        self.rows.values().filter(|group| group.dissolved_at.is_none()).filter(member)
    }
}

/// What a group has, by the person it is about.
fn page<T: Clone>(rows: &BTreeMap<(GroupId, UserId), T>, group: GroupId, after: Option<UserId>, limit: u16) -> Vec<T> {
    let above = Bound::Excluded((group, after.unwrap_or(UserId::SYSTEM)));
    let of = rows.range((above, Bound::Unbounded)).take_while(|((of, _), _)| *of == group);
    of.take(limit.into()).map(|(_, row)| row.clone()).collect()
}

fn number(count: usize) -> Res<u32> {
    u32::try_from(count).map_err(|error| RepoError::Broken(error.into()))
}

#[async_trait]
impl GroupRepo for MemoryTx {
    async fn add(&mut self, group: &GroupRow) -> Res<GroupId> {
        let groups = &mut self.change().groups;
        let id = GroupId(next_id(&mut groups.last));
        groups.rows.insert(id, GroupRow { id, member_count: 0, ..group.clone() });
        Ok(id)
    }

    async fn get(&mut self, id: GroupId) -> Res<Option<GroupRow>> {
        Ok(self.state.groups.rows.get(&id).cloned())
    }

    async fn set(&mut self, group: &GroupRow) -> Res<()> {
        if let Some(row) = self.change().groups.rows.get_mut(&group.id) {
            *row = GroupRow { member_count: row.member_count, created_at: row.created_at, ..group.clone() };
        }
        Ok(())
    }

    async fn list(&mut self, user: UserId, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>> {
        let above = self.state.groups.of(user).filter(|group| after.is_none_or(|after| group.id > after));
        Ok(above.take(limit.into()).cloned().collect())
    }

    async fn count(&mut self, user: UserId) -> Res<u32> {
        number(self.state.groups.of(user).count())
    }
}

#[async_trait]
impl MemberRepo for MemoryTx {
    async fn add(&mut self, member: &MemberRow) -> Res<bool> {
        let groups = &mut self.change().groups;
        let Some(group) = groups.rows.get_mut(&member.group) else { return Ok(false) };
        if group.member_count >= group.max_members {
            return Ok(false);
        }
        let key = (member.group, member.user);
        if groups.members.contains_key(&key) {
            return Err(RepoError::Conflict);
        }
        group.member_count += 1;
        groups.members.insert(key, member.clone());
        Ok(true)
    }

    async fn get(&mut self, group: GroupId, user: UserId) -> Res<Option<MemberRow>> {
        Ok(self.state.groups.members.get(&(group, user)).cloned())
    }

    async fn set(&mut self, member: &MemberRow) -> Res<()> {
        if let Some(row) = self.change().groups.members.get_mut(&(member.group, member.user)) {
            *row = MemberRow { joined_at: row.joined_at, ..member.clone() };
        }
        Ok(())
    }

    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        let groups = &mut self.change().groups;
        let removed = groups.members.remove(&(group, user)).is_some();
        if removed && let Some(group) = groups.rows.get_mut(&group) {
            group.member_count -= 1;
        }
        Ok(removed)
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<MemberRow>> {
        Ok(page(&self.state.groups.members, group, after, limit))
    }

    async fn admins(&mut self, group: GroupId) -> Res<u32> {
        let members = self.state.groups.members.values().filter(|member| member.group == group);
        number(members.filter(|member| member.role == Role::Admin).count())
    }
}

#[async_trait]
impl BlacklistRepo for MemoryTx {
    async fn add(&mut self, group: GroupId, who: &Blacklisted) -> Res<bool> {
        let blacklist = &mut self.change().groups.blacklist;
        let new = !blacklist.contains_key(&(group, who.user));
        blacklist.entry((group, who.user)).or_insert_with(|| who.clone());
        Ok(new)
    }

    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        Ok(self.change().groups.blacklist.remove(&(group, user)).is_some())
    }

    async fn contains(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        Ok(self.state.groups.blacklist.contains_key(&(group, user)))
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<Blacklisted>> {
        Ok(page(&self.state.groups.blacklist, group, after, limit))
    }
}
