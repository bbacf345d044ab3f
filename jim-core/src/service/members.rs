//! Members of groups: how they come, what they are, and how they go.

use serde::Serialize;
use serde_json::json;

use super::friends::{card, cards};
use super::group_lock::{Concerned, lock, lock_with};
use super::groups::{acting, end, hand_over, note};
use super::joining::{invite, settle};
use super::permission::{self, Action};
use super::{Context, event};
use crate::error::{Code, Error, FieldError, Result};
use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::model::UserCard;
use crate::model::entry::Kind;
use crate::model::friend::RequestStatus;
use crate::model::group::{Blacklisted, FOREVER, Group, GroupRow, HistoryPolicy, Member, MemberName, MemberRow, Role};
use crate::model::user::{Change, UserState};
use crate::page::{Cursors, Page};
use crate::repo::{RoomEvent, Task, Unit};
use crate::time::Millis;

/// What became of those whom somebody brings in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// Members now.
    pub added: Vec<UserId>,
    /// Asked, as far as the caller may know.
    pub invited: Vec<UserId>,
}

/// What of a member changes; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct MemberChange {
    /// Ordinary member or admin.
    pub role: Option<Role>,
    /// What the member is called in the group.
    pub nickname: Change<MemberName>,
}

/// Members of groups.
#[derive(Clone)]
pub struct Members {
    context: Context,
}

#[derive(Serialize)]
struct Left {
    group_id: GroupId,
    room: RoomId,
}

impl Members {
    pub(super) fn new(context: Context) -> Self {
        Members { context }
    }

    /// Members by id, for members. Also says which number of the room's log the page includes: what is read above it
    /// makes the page exact.
    pub async fn list(
        &self,
        who: UserId,
        id: GroupId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<(Page<Member>, Seq)> {
        let cursors = Cursors::new(&self.context.key, format!("members:{who}:{id}"));
        let after = cursors.read(cursor)?;
        let now = self.context.now();
        // The number first: what the log says is committed before, and so the members that are read afterwards show it.
        let head = self.context.logs.rooms.head(&RoomId::Group(id)).await?.seq;
        let mut unit = self.context.read().await?;
        acting(&mut unit, who, id).await?;
        let rows = unit.members().list(id, after, limit + 1).await?;
        let cards = cards(&mut unit, rows.iter().map(|row| row.user), self.context.now()).await?;
        let log = unit.user_log().head(who).await?;
        let page = cursors.page(rows, limit, log, |row| row.user.to_string());
        let page = page.map(|row| {
            let card = cards[&row.user].clone();
            Member::seen(row, card, now)
        });
        Ok((page, head))
    }

    /// Brings friends into a group, and invites others.
    pub async fn add(&self, who: UserId, id: GroupId, users: &[UserId]) -> Result<Added> {
        let users = named(who, users);
        let mut unit = lock(&self.context, &users, id).await?;
        let (row, my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, permission::adding(row.invite_policy), None)?;
        let there = unit.members().list_by_id(id, &users).await?;
        let new = users.into_iter().filter(|user| there.iter().all(|member| member.user != *user)).collect();
        let sorted = sort_out(&mut unit, who, new, "user_ids").await?;
        let now = self.context.now();
        for user in sorted.added.iter().chain(&sorted.invited).chain(&sorted.pretended) {
            if unit.blacklist().contains(id, *user).await? {
                return Err(Code::Blacklisted.into());
            }
        }
        invite(&self.context, &mut unit, id, &sorted, who, now).await?;
        let Sorted { added, invited, pretended } = sorted;
        for user in &added {
            let_in(&self.context, &mut unit, MemberRow::new(id, *user, now), who, row.history_policy).await?;
        }
        self.context.logs.finish(unit).await?;
        Ok(Added { added, invited: [invited, pretended].concat() })
    }

    /// Goes. The owner goes last, and the group with him; from one that has ended everybody goes when he likes, and
    /// nobody hears of it.
    pub async fn leave(&self, who: UserId, id: GroupId) -> Result<()> {
        let mut unit = lock_with(&self.context, &[who], id, Concerned::WaitingFor(who)).await?.0;
        let row = unit.groups().get(id).await?.ok_or(Code::NotFound)?;
        let my = unit.members().get(id, who).await?.ok_or(Code::NotFound)?;
        if row.dissolved_at.is_none() && my.role == Role::Owner && row.member_count > 1 {
            return Err(Code::OwnerMustTransfer.into());
        }
        go(&mut unit, row, who, self.context.now()).await?;
        self.context.logs.finish(unit).await
    }

    /// Removes a member, and keeps him out if wanted. Who is no member is only kept out.
    pub async fn remove(&self, who: UserId, id: GroupId, user: UserId, blacklist: bool) -> Result<()> {
        let mut unit = lock(&self.context, &[user], id).await?;
        let (row, my) = acting(&mut unit, who, id).await?;
        let target = unit.members().get(id, user).await?;
        permission::group_act(my.role, Action::Remove, target.as_ref().map(|target| target.role))?;
        let now = self.context.now();
        if blacklist {
            exists(&mut unit, user).await?;
            unit.blacklist().add(id, &Blacklisted { user, by: who, at: now }).await?;
            settle(&mut unit, id, user, RequestStatus::Rejected, now).await?;
        }
        if target.is_some() {
            part(&mut unit, &row, user, now).await?;
            note(&mut unit, id, Kind::MEMBER_REMOVED, who, &json!({ "user_id": user }), now).await?;
        }
        self.context.logs.finish(unit).await
    }

    /// Changes the role of a member or what he is called in the group.
    pub async fn change(&self, who: UserId, id: GroupId, user: UserId, change: MemberChange) -> Result<Member> {
        let mut unit = lock(&self.context, &[], id).await?;
        let (_, my) = acting(&mut unit, who, id).await?;
        let mut target = unit.members().get(id, user).await?.ok_or(Code::NotFound)?;
        let now = self.context.now();
        if let Some(role) = change.role {
            permission::group_act(my.role, Action::Appoint, Some(target.role))?;
            if role == Role::Owner {
                return Err(Error::field("role", "invalid", "admin or member; a group is given away by transfer"));
            }
            if role != target.role {
                if role == Role::Admin && unit.members().admins(id).await? >= self.context.options.limits.group_admins {
                    return Err(Code::AdminsFull.into());
                }
                target.role = role;
                let kind = if role == Role::Admin { Kind::MEMBER_PROMOTED } else { Kind::MEMBER_DEMOTED };
                note(&mut unit, id, kind, who, &json!({ "user_id": user, "role": role }), now).await?;
            }
        }
        if change.nickname != Change::Keep {
            if user != who {
                permission::group_act(my.role, Action::Name, Some(target.role))?;
            }
            let before = target.nickname.clone();
            change.nickname.map(|name| name.0).apply(&mut target.nickname);
            if target.nickname != before {
                let data = Renamed { user_id: user, nickname: target.nickname.as_deref() };
                note(&mut unit, id, Kind::MEMBER_RENAMED, who, &data, now).await?;
            }
        }
        unit.members().set(&target).await?;
        let card = card(&mut unit, user, self.context.now()).await?;
        self.context.logs.finish(unit).await?;
        Ok(Member::seen(target, card, now))
    }

    /// Silences a member until a time, or for good.
    pub async fn mute(&self, who: UserId, id: GroupId, user: UserId, until: Option<Millis>) -> Result<()> {
        let now = self.context.now();
        if until.is_some_and(|until| until <= now) {
            return Err(Error::field("until", "past", "a time to come"));
        }
        self.set_mute(who, id, user, Some(until.unwrap_or(FOREVER))).await
    }

    /// Lets a member write again.
    pub async fn unmute(&self, who: UserId, id: GroupId, user: UserId) -> Result<()> {
        self.set_mute(who, id, user, None).await
    }

    async fn set_mute(&self, who: UserId, id: GroupId, user: UserId, until: Option<Millis>) -> Result<()> {
        let mut unit = lock(&self.context, &[], id).await?;
        let (_, my) = acting(&mut unit, who, id).await?;
        let mut target = unit.members().get(id, user).await?.ok_or(Code::NotFound)?;
        permission::group_act(my.role, Action::Mute, Some(target.role))?;
        let now = self.context.now();
        if target.muted(now) != until {
            target.muted_until = until;
            unit.members().set(&target).await?;
            let kind = if until.is_some() { Kind::MEMBER_MUTED } else { Kind::MEMBER_UNMUTED };
            note(&mut unit, id, kind, who, &Muted::until(user, until), now).await?;
        }
        self.context.logs.finish(unit).await
    }

    /// Who may not come in, by id; for admins.
    pub async fn blacklist(
        &self,
        who: UserId,
        id: GroupId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<(UserCard, Millis)>> {
        let cursors = Cursors::new(&self.context.key, format!("blacklist:{who}:{id}"));
        let after = cursors.read(cursor)?;
        let mut unit = self.context.read().await?;
        let (_, my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, Action::Blacklist, None)?;
        let rows = unit.blacklist().list(id, after, limit + 1).await?;
        let cards = cards(&mut unit, rows.iter().map(|row| row.user), self.context.now()).await?;
        let log = unit.user_log().head(who).await?;
        let page = cursors.page(rows, limit, log, |row| row.user.to_string());
        Ok(page.map(|row| (cards[&row.user].clone(), row.at)))
    }

    /// Keeps somebody out from now on; a member is removed by it.
    pub async fn keep_out(&self, who: UserId, id: GroupId, user: UserId) -> Result<()> {
        self.remove(who, id, user, true).await
    }

    /// Keeps somebody out no more.
    pub async fn let_back(&self, who: UserId, id: GroupId, user: UserId) -> Result<()> {
        let mut unit = lock(&self.context, &[], id).await?;
        let (_, my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, Action::Blacklist, None)?;
        unit.blacklist().remove(id, user).await?;
        self.context.logs.finish(unit).await
    }
}

/// Takes somebody whose account is gone out of a group. What he owned another one owns then, and what nobody is left
/// in ends.
pub(super) async fn leave_for_good(context: &Context, who: UserId, id: GroupId) -> Result<()> {
    let mut unit = lock_with(context, &[who], id, Concerned::WaitingFor(who)).await?.0;
    let now = context.now();
    if let (Some(mut row), Some(_)) = (unit.groups().get(id).await?, unit.members().get(id, who).await?) {
        if row.dissolved_at.is_none()
            && row.owner == who
            && let Some(heir) = unit.members().heir(id, who).await?
        {
            hand_over(&mut unit, &mut row, heir, who, now).await?;
        }
        go(&mut unit, row, who, now).await?;
    } else {
        unit.conversations().remove(who, &RoomId::Group(id)).await?;
    }
    context.logs.finish(unit).await
}

/// Goes out of a group in a unit that locks both; whose it is, it ends with him. Of one that has ended nobody hears.
async fn go(unit: &mut Unit, row: GroupRow, who: UserId, now: Millis) -> Result<()> {
    part(unit, &row, who, now).await?;
    if row.dissolved_at.is_some() {
        return Ok(());
    }
    note(unit, row.id, Kind::MEMBER_LEFT, who, &json!({ "user_id": who }), now).await?;
    if row.owner == who { end(unit, row, who, now).await } else { Ok(()) }
}

#[derive(Serialize)]
struct Renamed<'a> {
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<&'a str>,
}

/// What the log says of a mute.
#[derive(Serialize)]
pub(super) struct Muted {
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Millis>,
}

impl Muted {
    pub(super) fn until(user: UserId, until: Option<Millis>) -> Self {
        Muted { user_id: user, until: until.filter(|until| *until < FOREVER) }
    }
}

async fn exists(unit: &mut Unit, user: UserId) -> Result<()> {
    unit.users().get(user).await?.map(|_| ()).ok_or(Code::NotFound.into())
}

/// Those whom somebody names, each once and himself not among them, in the order named.
pub(super) fn named(who: UserId, users: &[UserId]) -> Vec<UserId> {
    let mut named = Vec::new();
    for user in users {
        if *user != who && !named.contains(user) {
            named.push(*user);
        }
    }
    named
}

/// What becomes of those whom somebody brings in.
pub(super) struct Sorted {
    /// Friends: they come.
    pub(super) added: Vec<UserId>,
    /// Others: they are asked.
    pub(super) invited: Vec<UserId>,
    /// Who blocks him: asked in words only.
    pub(super) pretended: Vec<UserId>,
}

/// Sorts those whom somebody names in a field. Nothing is done when one of them cannot be.
pub(super) async fn sort_out(unit: &mut Unit, who: UserId, users: Vec<UserId>, field: &str) -> Result<Sorted> {
    let active: Vec<_> = unit.users().list(&users).await?;
    let active: Vec<_> = active.iter().filter(|user| user.state == UserState::Active).map(|user| user.id).collect();
    let absent: Vec<_> = users.iter().filter(|user| !active.contains(user)).collect();
    if !absent.is_empty() {
        let broken = |user: &&UserId| FieldError {
            field: field.into(),
            code: "unknown_user",
            detail: format!("there is no active account {user}"),
        };
        return Err(Error::Invalid(absent.iter().map(broken).collect()));
    }
    let blockers = unit.blocks().blockers(who, &users).await?;
    let mut sorted = Sorted { added: Vec::new(), invited: Vec::new(), pretended: Vec::new() };
    for user in users {
        if unit.blocks().get(who, user).await?.is_some() {
            return Err(Code::FriendBlocked.into());
        }
        if blockers.contains(&user) {
            sorted.pretended.push(user);
        } else if unit.friends().get(who, user).await?.is_some() {
            sorted.added.push(user);
        } else {
            sorted.invited.push(user);
        }
    }
    Ok(sorted)
}

/// Makes somebody a member in a unit that locks him and the group: the row, the room, and what everybody is told. Who
/// was muted when he went is so still.
pub(super) async fn let_in(
    context: &Context,
    unit: &mut Unit,
    mut member: MemberRow,
    by: UserId,
    history: HistoryPolicy,
) -> Result<()> {
    let (group, user, at) = (member.group, member.user, member.joined_at);
    if unit.groups().count(user).await? >= context.options.limits.groups {
        return Err(Code::GroupsFull.into());
    }
    if let Some(former) = unit.members().former(group, user).await? {
        // Two memberships of one person never begin at one time: what is late of the first is not of the second.
        member.joined_at = at.max(Millis(former.joined_at.0 + 1));
        member.muted_until = former.muted_until.filter(|until| *until > at);
    }
    if !unit.members().add(&member).await? {
        return Err(Code::GroupFull.into());
    }
    let row = unit.groups().get(group).await?.ok_or(Code::NotFound)?;
    let room = row.room();
    settle(unit, group, user, RequestStatus::Accepted, at).await?;
    // From where he may read is known when the join has its number.
    unit.conversations().ensure(user, &room, None).await?;
    let nickname = card(unit, user, at).await?.nickname;
    let data = json!({ "user_id": user, "nickname": nickname, "role": member.role });
    let event = RoomEvent { kind: Kind::MEMBER_JOINED, by, data };
    let (joined_at, muted_until) = (member.joined_at, member.muted_until);
    let seen = serde_json::to_value(Group::seen(row, member, at)).map_err(|error| Error::Internal(error.into()))?;
    unit.owe(&room, &Task::Join { event, user, joined_at, history, group: seen }, at).await?;
    if muted_until.is_some() {
        note(unit, group, Kind::MEMBER_MUTED, by, &Muted::until(user, muted_until), at).await?;
    }
    Ok(())
}

/// Takes a member out of a group in a unit that locks both, and tells him.
async fn part(unit: &mut Unit, row: &GroupRow, user: UserId, now: Millis) -> Result<()> {
    unit.members().remove(row.id, user).await?;
    unit.conversations().remove(user, &row.room()).await?;
    let left = Left { group_id: row.id, room: row.room() };
    unit.tell(user, event(Kind::GROUP_LEFT, &left)?, now).await?;
    Ok(())
}
