//! Groups: what they are, who owns them, and their end.

use serde::Serialize;
use serde_json::json;

use super::group_lock::{Concerned, lock, lock_with};
use super::joining::active;
use super::permission::{self, Action};
use super::{Context, joining, members, rooms};
use crate::error::{Code, Result};
use crate::id::{GroupId, RoomId, UserId};
use crate::model::entry::Kind;
use crate::model::group::{
    Announcement, Group, GroupName, GroupRow, HistoryPolicy, InvitePolicy, JoinPolicy, MemberRow, Role,
};
use crate::model::user::Change;
use crate::page::{Cursors, Page};
use crate::repo::Unit;
use crate::time::Millis;

/// Members at the most that a group may be made for.
const MOST_MEMBERS: u32 = 10_000;

/// What of a group changes; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct GroupChange {
    /// Its name.
    pub name: Option<GroupName>,
    /// Its announcement.
    pub announcement: Change<Announcement>,
    /// How strangers come in.
    pub join_policy: Option<JoinPolicy>,
    /// Who may bring others in.
    pub invite_policy: Option<InvitePolicy>,
    /// What new members may read.
    pub history_policy: Option<HistoryPolicy>,
    /// Members at the most.
    pub max_members: Option<u32>,
}

/// Groups.
#[derive(Clone)]
pub struct Groups {
    context: Context,
}

impl Groups {
    pub(super) fn new(context: Context) -> Self {
        Groups { context }
    }

    /// Makes a group of the caller and friends of his; others are invited. Also says who was asked instead of added.
    pub async fn create(&self, who: UserId, name: GroupName, others: &[UserId]) -> Result<(Group, Vec<UserId>)> {
        let limits = &self.context.options.limits;
        let others = members::named(who, others);
        let mut locks = others.clone();
        locks.push(who);
        let mut unit = self.context.write(&locks).await?;
        let sorted = members::sort_out(&mut unit, who, others, "member_ids").await?;
        let now = self.context.now();
        let new = GroupRow {
            id: GroupId(0),
            name: name.0,
            announcement: None,
            owner: who,
            join_policy: JoinPolicy::Approval,
            invite_policy: InvitePolicy::Members,
            history_policy: HistoryPolicy::Joined,
            max_members: limits.group_members,
            member_count: 0,
            muted: false,
            created_at: now,
            dissolved_at: None,
        };
        let id = unit.add_group(&new).await?;
        note(&mut unit, id, Kind::GROUP_CREATED, who, &json!({ "name": new.name }), now).await?;
        let owner = MemberRow { role: Role::Owner, ..MemberRow::new(id, who, now) };
        // Who is there from the beginning reads from the beginning.
        members::let_in(&self.context, &mut unit, owner, who, HistoryPolicy::All).await?;
        joining::invite(&self.context, &mut unit, id, &sorted, who, now).await?;
        for user in sorted.added {
            let member = MemberRow::new(id, user, now);
            members::let_in(&self.context, &mut unit, member, who, HistoryPolicy::All).await?;
        }
        self.context.logs.finish(unit).await?;
        Ok((self.get(who, id).await?, [sorted.invited, sorted.pretended].concat()))
    }

    /// One's groups by id.
    pub async fn list(&self, who: UserId, cursor: Option<&str>, limit: u16) -> Result<Page<Group>> {
        let cursors = Cursors::new(&self.context.key, format!("groups:{who}"));
        let after = cursors.read(cursor)?;
        let now = self.context.now();
        let mut unit = self.context.read().await?;
        let rows = unit.groups().list(who, after, limit + 1).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        // Both come by group, and who is in a group has a part in it.
        let mine = unit.members().list_of(who, &ids).await?;
        let seen = rows.into_iter().zip(mine).map(|(row, my)| Group::seen(row, my, now)).collect();
        let log = unit.user_log().head(who).await?;
        Ok(cursors.page(seen, limit, log, |group| group.id.to_string()))
    }

    /// One of the caller's groups.
    pub async fn get(&self, who: UserId, id: GroupId) -> Result<Group> {
        let (row, my) = acting(&mut self.context.read().await?, who, id).await?;
        Ok(Group::seen(row, my, self.context.now()))
    }

    /// Changes name, announcement or policies.
    pub async fn change(&self, who: UserId, id: GroupId, change: GroupChange) -> Result<Group> {
        let mut unit = self.lock(&[], id).await?;
        let (old, my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, Action::Describe, None)?;
        let mut new = old.clone();
        new.name = change.name.map_or(new.name, |name| name.0);
        change.announcement.map(|text| text.0).apply(&mut new.announcement);
        new.join_policy = change.join_policy.unwrap_or(new.join_policy);
        new.invite_policy = change.invite_policy.unwrap_or(new.invite_policy);
        new.history_policy = change.history_policy.unwrap_or(new.history_policy);
        new.max_members = change.max_members.unwrap_or(new.max_members);
        if new.max_members != old.max_members && !(old.member_count.max(1)..=MOST_MEMBERS).contains(&new.max_members) {
            let detail = format!("{} to {MOST_MEMBERS}", old.member_count);
            return Err(crate::error::Error::field("max_members", "out_of_range", detail));
        }
        let now = self.context.now();
        if new.name != old.name {
            note(&mut unit, id, Kind::GROUP_RENAMED, who, &json!({ "name": new.name }), now).await?;
        }
        if new.announcement != old.announcement {
            let data = Announced { announcement: new.announcement.as_deref() };
            note(&mut unit, id, Kind::GROUP_ANNOUNCED, who, &data, now).await?;
        }
        let policies = Policies::between(&old, &new);
        if policies != Policies::default() {
            note(&mut unit, id, Kind::GROUP_POLICY_CHANGED, who, &policies, now).await?;
        }
        unit.groups().set(&new).await?;
        self.finish(unit).await?;
        Ok(Group::seen(new, my, now))
    }

    /// Silences all ordinary members, or lets them write again.
    pub async fn mute(&self, who: UserId, id: GroupId, muted: bool) -> Result<()> {
        let mut unit = self.lock(&[], id).await?;
        let (mut row, my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, Action::MuteAll, None)?;
        if row.muted != muted {
            row.muted = muted;
            unit.groups().set(&row).await?;
            let kind = if muted { Kind::GROUP_MUTED } else { Kind::GROUP_UNMUTED };
            note(&mut unit, id, kind, who, &json!({ "muted": muted }), self.context.now()).await?;
        }
        self.finish(unit).await
    }

    /// Gives the group to another member; the old owner stays as an ordinary one.
    pub async fn transfer(&self, who: UserId, id: GroupId, to: UserId) -> Result<Group> {
        let mut unit = self.lock(&[], id).await?;
        let (mut row, mut my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, Action::Transfer, None)?;
        let heir = unit.members().get(id, to).await?.ok_or(Code::NotMember)?;
        if to != who {
            active(&mut unit, to).await?;
            hand_over(&mut unit, &mut row, heir, who, self.context.now()).await?;
            my.role = Role::Member;
        }
        self.finish(unit).await?;
        Ok(Group::seen(row, my, self.context.now()))
    }

    /// Ends the group for everybody. Its history stays readable for those who were members.
    pub async fn dissolve(&self, who: UserId, id: GroupId) -> Result<()> {
        let mut unit = lock_with(&self.context, &[], id, Concerned::Waiting).await?.0;
        let (row, my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, Action::Dissolve, None)?;
        end(&mut unit, row, who, self.context.now()).await?;
        self.finish(unit).await
    }

    async fn lock(&self, people: &[UserId], id: GroupId) -> Result<Unit> {
        lock(&self.context, people, id).await
    }

    async fn finish(&self, unit: Unit) -> Result<()> {
        self.context.logs.finish(unit).await
    }
}

#[derive(Serialize)]
struct Announced<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    announcement: Option<&'a str>,
}

/// The policies that changed.
#[derive(Default, PartialEq, Serialize)]
struct Policies {
    #[serde(skip_serializing_if = "Option::is_none")]
    join_policy: Option<JoinPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_policy: Option<InvitePolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_policy: Option<HistoryPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_members: Option<u32>,
}

impl Policies {
    fn between(old: &GroupRow, new: &GroupRow) -> Self {
        Policies {
            join_policy: Some(new.join_policy).filter(|policy| *policy != old.join_policy),
            invite_policy: Some(new.invite_policy).filter(|policy| *policy != old.invite_policy),
            history_policy: Some(new.history_policy).filter(|policy| *policy != old.history_policy),
            max_members: Some(new.max_members).filter(|most| *most != old.max_members),
        }
    }
}

/// A living group and what the caller is in it. To strangers no group exists.
pub(super) async fn acting(unit: &mut Unit, who: UserId, id: GroupId) -> Result<(GroupRow, MemberRow)> {
    let row = unit.groups().get(id).await?.ok_or(Code::NotFound)?;
    let my = unit.members().get(id, who).await?.ok_or(Code::NotFound)?;
    if row.dissolved_at.is_some() { Err(Code::GroupDissolved.into()) } else { Ok((row, my)) }
}

/// Leaves an event for the group's log.
pub(super) async fn note(
    unit: &mut Unit,
    id: GroupId,
    kind: Kind,
    by: UserId,
    data: &impl Serialize,
    at: Millis,
) -> Result<()> {
    rooms::note(unit, &RoomId::Group(id), kind, by, data, at).await
}

/// Gives a group to another member in a unit that locks it; its owner becomes an ordinary one.
pub(super) async fn hand_over(
    unit: &mut Unit,
    row: &mut GroupRow,
    mut heir: MemberRow,
    by: UserId,
    now: Millis,
) -> Result<()> {
    let (id, old) = (row.id, row.owner);
    // Nobody could let him write again.
    if heir.muted_until.take().is_some_and(|until| until > now) {
        note(unit, id, Kind::MEMBER_UNMUTED, by, &json!({ "user_id": heir.user }), now).await?;
    }
    row.owner = heir.user;
    heir.role = Role::Owner;
    unit.groups().set(row).await?;
    if let Some(member) = unit.members().get(id, old).await? {
        unit.members().set(&MemberRow { role: Role::Member, ..member }).await?;
    }
    unit.members().set(&heir).await?;
    let data = json!({ "owner_id": heir.user, "user_id": old });
    note(unit, id, Kind::GROUP_TRANSFERRED, by, &data, now).await
}

/// Ends a group in a unit that locks it and all who wait to come into it: nobody comes into it any more.
pub(super) async fn end(unit: &mut Unit, mut row: GroupRow, by: UserId, now: Millis) -> Result<()> {
    row.dissolved_at = Some(now);
    unit.groups().set(&row).await?;
    joining::close(unit, row.id, now).await?;
    note(unit, row.id, Kind::GROUP_DISSOLVED, by, &json!({}), now).await
}
