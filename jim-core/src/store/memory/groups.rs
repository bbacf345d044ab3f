use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{MemoryTx, State, next_id, number};
use crate::id::{GroupId, UserId};
use crate::model::group::GroupRow;
use crate::repo::{GroupRepo, Res};

#[derive(Clone, Default)]
pub(super) struct Groups {
    last: i64,
    pub(super) rows: BTreeMap<GroupId, GroupRow>,
}

impl State {
    /// Groups of a person that have not ended, by id.
    fn groups_of(&self, user: UserId) -> impl Iterator<Item = &GroupRow> {
        let member = move |group: &&GroupRow| self.members.rows.contains_key(&(group.id, user));
        self.groups.rows.values().filter(|group| group.dissolved_at.is_none()).filter(member)
    }
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

    async fn list_by_id(&mut self, ids: &[GroupId]) -> Res<Vec<GroupRow>> {
        let ids: BTreeSet<_> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| self.state.groups.rows.get(id)).cloned().collect())
    }

    async fn list(&mut self, user: UserId, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>> {
        let above = self.state.groups_of(user).filter(|group| after.is_none_or(|after| group.id > after));
        Ok(above.take(limit.into()).cloned().collect())
    }

    async fn search(&mut self, text: &str, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>> {
        let groups = self.state.groups.rows.values().filter(|group| group.dissolved_at.is_none());
        let found = groups.filter(|group| after.is_none_or(|after| group.id > after) && group.name.contains(text));
        Ok(found.take(limit.into()).cloned().collect())
    }

    async fn count(&mut self, user: UserId) -> Res<u32> {
        number(self.state.groups_of(user).count())
    }
}
