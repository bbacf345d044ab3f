//! Ways into a group: by oneself, by a request that an admin decides, and by invitation.

use std::collections::{BTreeSet, HashMap};

use super::friends::{card, cards};
use super::group_lock::{Concerned, lock, lock_with};
use super::groups::acting;
use super::members::{Sorted, let_in};
use super::permission::{self, Action};
use super::{Context, event};
use crate::error::{Code, Result};
use crate::id::{GroupId, InvitationId, JoinRequestId, UserId};
use crate::model::UserCard;
use crate::model::entry::Kind;
use crate::model::friend::{Note, RequestStatus};
use crate::model::group::{Group, GroupRow, JoinPolicy, MemberRow};
use crate::model::joining::{GroupCard, Invitation, InvitationRow, JoinRequest, JoinRequestRow};
use crate::model::user::UserState;
use crate::page::{Cursors, Page};
use crate::repo::Unit;
use crate::time::Millis;

/// Requests that are read at once.
const PAGE: u16 = 1000;

/// What became of a wish to join.
#[derive(Debug, Clone)]
pub enum Joined {
    /// In.
    Member(Box<Group>),
    /// An admin decides.
    Pending(JoinRequestId),
}

/// Ways into groups.
#[derive(Clone)]
pub struct Joining {
    context: Context,
}

impl Joining {
    pub(super) fn new(context: Context) -> Self {
        Joining { context }
    }

    /// Comes into a group, or asks to. Asked again while it waits, it is the same request.
    pub async fn join(&self, who: UserId, id: GroupId, note: Option<Note>) -> Result<Joined> {
        let (mut unit, deciders) = lock_with(&self.context, &[who], id, Concerned::Deciders).await?;
        let row = self.open_to(&mut unit, who, id).await?;
        let now = self.context.now();
        if row.join_policy == JoinPolicy::Open {
            self.admit(&mut unit, &row, who, who, now).await?;
            self.context.logs.finish(unit).await?;
            let (row, my) = acting(&mut self.context.read().await?, who, id).await?;
            return Ok(Joined::Member(Box::new(Group::seen(row, my, now))));
        }
        if let Some(pending) = unit.join_requests().find_pending(id, who).await? {
            return Ok(Joined::Pending(pending.id));
        }
        may_wait(&self.context, &mut unit, id, &[who]).await?;
        let mut request = JoinRequestRow {
            id: JoinRequestId(0),
            group: id,
            user: who,
            note: note.map(|note| note.0),
            status: RequestStatus::Pending,
            created_at: now,
        };
        request.id = unit.join_requests().add(&request).await?;
        let told = view(card(&mut unit, who, now).await?, request.clone());
        for admin in deciders {
            unit.tell(admin, event(Kind::JOIN_REQUESTED, &told)?, now).await?;
        }
        self.context.logs.finish(unit).await?;
        Ok(Joined::Pending(request.id))
    }

    /// A group that somebody may come into by himself: to strangers of one that invites, it does not exist.
    async fn open_to(&self, unit: &mut Unit, who: UserId, id: GroupId) -> Result<GroupRow> {
        let row = unit.groups().get(id).await?.ok_or(Code::NotFound)?;
        let member = unit.members().get(id, who).await?.is_some();
        match (member, row.dissolved_at.is_some(), row.join_policy) {
            (true, true, _) => Err(Code::GroupDissolved.into()),
            (true, false, _) => Err(Code::AlreadyMember.into()),
            (false, true, _) | (false, false, JoinPolicy::Invite) => Err(Code::NotFound.into()),
            (false, false, _) if unit.blacklist().contains(id, who).await? => Err(Code::Blacklisted.into()),
            (false, false, _) => Ok(row),
        }
    }

    /// Lets somebody in, who then needs no other way.
    async fn admit(&self, unit: &mut Unit, row: &GroupRow, user: UserId, by: UserId, now: Millis) -> Result<()> {
        if unit.blacklist().contains(row.id, user).await? {
            return Err(Code::Blacklisted.into());
        }
        let_in(&self.context, unit, MemberRow::new(row.id, user, now), by, row.history_policy).await
    }

    /// Requests for a group, newest first; for those who decide them.
    pub async fn requests(
        &self,
        who: UserId,
        id: GroupId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<JoinRequest>> {
        let cursors = Cursors::new(&self.context.key, format!("join-requests:{who}:{id}"));
        let before = cursors.read(cursor)?;
        let mut unit = self.context.read().await?;
        let (_, my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, Action::Admit, None)?;
        let rows = unit.join_requests().list(id, before, limit + 1).await?;
        let cards = cards(&mut unit, rows.iter().map(|row| row.user), self.context.now()).await?;
        let log = unit.user_log().head(who).await?;
        let page = cursors.page(rows, limit, log, |row| row.id.to_string());
        Ok(page.map(|row| view(cards[&row.user].clone(), row)))
    }

    /// Decides a request; the one who asks is told.
    pub async fn decide(&self, who: UserId, id: GroupId, request: JoinRequestId, yes: bool) -> Result<JoinRequest> {
        let asked = self.context.read().await?.join_requests().get(request).await?;
        let user = asked.filter(|asked| asked.group == id).map(|asked| asked.user);
        let mut unit = lock(&self.context, &user.into_iter().collect::<Vec<_>>(), id).await?;
        let (row, my) = acting(&mut unit, who, id).await?;
        permission::group_act(my.role, Action::Admit, None)?;
        let user = user.ok_or(Code::NotFound)?;
        let mut asked = unit.join_requests().get(request).await?.ok_or(Code::NotFound)?;
        asked.status = if yes { RequestStatus::Accepted } else { RequestStatus::Rejected };
        if !unit.join_requests().decide(request, asked.status).await? {
            return Err(Code::JoinRequestDecided.into());
        }
        let now = self.context.now();
        if yes {
            active(&mut unit, user).await?;
            self.admit(&mut unit, &row, user, who, now).await?;
        }
        let seen = view(card(&mut unit, user, self.context.now()).await?, asked);
        unit.tell(user, event(Kind::JOIN_DECIDED, &seen)?, now).await?;
        self.context.logs.finish(unit).await?;
        Ok(seen)
    }

    /// The caller's invitations, newest first.
    pub async fn invitations(&self, who: UserId, cursor: Option<&str>, limit: u16) -> Result<Page<Invitation>> {
        let cursors = Cursors::new(&self.context.key, format!("group-invitations:{who}"));
        let before = cursors.read(cursor)?;
        let mut unit = self.context.read().await?;
        let rows = unit.invitations().list(who, before, limit + 1).await?;
        let groups: Vec<_> = rows.iter().map(|row| row.group).collect();
        let groups: HashMap<_, _> =
            unit.groups().list_by_id(&groups).await?.into_iter().map(|group| (group.id, group.name)).collect();
        let cards = cards(&mut unit, rows.iter().map(|row| row.by), self.context.now()).await?;
        let log = unit.user_log().head(who).await?;
        let page = cursors.page(rows, limit, log, |row| row.id.to_string());
        Ok(page.map(|InvitationRow { id, group, by, created_at, .. }| {
            let group = GroupCard { id: group, name: groups[&group].clone() };
            Invitation { id, group, by: cards[&by].clone(), created_at }
        }))
    }

    /// Follows an invitation.
    pub async fn accept(&self, who: UserId, id: InvitationId) -> Result<Invitation> {
        let (mut unit, row) = self.answer(who, id).await?;
        let group = unit.groups().get(row.group).await?.filter(|group| group.dissolved_at.is_none());
        let group = group.ok_or(Code::NotFound)?;
        // An invitation is worth what its maker may do.
        let by = unit.members().get(group.id, row.by).await?.ok_or(Code::NotFound)?;
        permission::group_act(by.role, permission::adding(group.invite_policy), None).map_err(|_| Code::NotFound)?;
        self.admit(&mut unit, &group, who, row.by, self.context.now()).await?;
        let seen = invitation(&mut unit, row, self.context.now()).await?;
        self.context.logs.finish(unit).await?;
        Ok(seen)
    }

    /// Declines an invitation; nobody else is told.
    pub async fn reject(&self, who: UserId, id: InvitationId) -> Result<Invitation> {
        let (mut unit, row) = self.answer(who, id).await?;
        let seen = uninvite(&mut unit, row, self.context.now()).await?;
        self.context.logs.finish(unit).await?;
        Ok(seen)
    }

    /// A unit in which an invitation of the caller is taken; its group is locked.
    async fn answer(&self, who: UserId, id: InvitationId) -> Result<(Unit, InvitationRow)> {
        let found = self.context.read().await?.invitations().get(id).await?.filter(|row| row.user == who);
        let row = found.ok_or(Code::NotFound)?;
        let mut unit = lock(&self.context, &[who], row.group).await?;
        if unit.invitations().remove(id).await? { Ok((unit, row)) } else { Err(Code::NotFound.into()) }
    }
}

/// Invites people in a unit that locks them and the group. Who is asked twice is told once.
pub(super) async fn invite(
    context: &Context,
    unit: &mut Unit,
    group: GroupId,
    sorted: &Sorted,
    by: UserId,
    now: Millis,
) -> Result<()> {
    // Who is asked in words only is counted too, so that a full group does not tell him from the others.
    let asked = [&sorted.invited[..], &sorted.pretended].concat();
    may_wait(context, unit, group, &asked).await?;
    for user in sorted.invited.iter().copied() {
        if unit.invitations().find(group, user).await?.is_some() {
            continue;
        }
        let mut row = InvitationRow { id: InvitationId(0), group, user, by, created_at: now };
        row.id = unit.invitations().add(&row).await?;
        let told = invitation(unit, row, now).await?;
        unit.tell(user, event(Kind::GROUP_INVITED, &told)?, now).await?;
    }
    Ok(())
}

/// Whether more people may wait to come into a group, which is locked. When it ends, all who wait are turned away in one
/// unit, and nobody else writes meanwhile.
async fn may_wait(context: &Context, unit: &mut Unit, group: GroupId, more: &[UserId]) -> Result<()> {
    if more.is_empty() {
        return Ok(());
    }
    let mut waiting = waiting(unit, group).await?;
    let before = waiting.len();
    waiting.extend(more);
    let most = context.options.limits.group_waiting as usize;
    if waiting.len() > before.max(most) { Err(Code::WaitingFull.into()) } else { Ok(()) }
}

/// Whoever is in, or kept out, has no invitation and asks for nothing; in a unit that locks him and the group.
pub(super) async fn settle(
    unit: &mut Unit,
    group: GroupId,
    user: UserId,
    status: RequestStatus,
    now: Millis,
) -> Result<()> {
    if let Some(row) = unit.invitations().find(group, user).await? {
        unit.invitations().remove(row.id).await?;
        if status == RequestStatus::Rejected {
            uninvite(unit, row, now).await?;
        }
    }
    if let Some(row) = unit.join_requests().find_pending(group, user).await? {
        decided(unit, row, status, now).await?;
    }
    Ok(())
}

/// Tells somebody, whom the unit locks, that an invitation of his is gone. Who comes in is told that instead.
async fn uninvite(unit: &mut Unit, row: InvitationRow, now: Millis) -> Result<Invitation> {
    let user = row.user;
    let told = invitation(unit, row, now).await?;
    unit.tell(user, event(Kind::GROUP_UNINVITED, &told)?, now).await?;
    Ok(told)
}

/// Decides a pending request in a unit that locks the one who asks, and tells him.
async fn decided(unit: &mut Unit, row: JoinRequestRow, status: RequestStatus, now: Millis) -> Result<()> {
    let user = row.user;
    unit.join_requests().decide(row.id, status).await?;
    let told = view(card(unit, user, now).await?, JoinRequestRow { status, ..row });
    unit.tell(user, event(Kind::JOIN_DECIDED, &told)?, now).await?;
    Ok(())
}

/// Who waits to come into a group: those who ask, and those who were asked.
pub(super) async fn waiting(unit: &mut Unit, group: GroupId) -> Result<BTreeSet<UserId>> {
    let mut waiting = BTreeSet::new();
    let mut after = None;
    loop {
        let rows = unit.join_requests().list_pending(group, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.user);
        waiting.extend(rows.iter().map(|row| row.user));
    }
    after = None;
    loop {
        let rows = unit.invitations().list_of(group, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(waiting) };
        after = Some(last.user);
        waiting.extend(rows.iter().map(|row| row.user));
    }
}

/// Closes every way into a group that ends, in a unit that locks it and all who wait to come in.
pub(super) async fn close(unit: &mut Unit, group: GroupId, now: Millis) -> Result<()> {
    loop {
        let rows = unit.invitations().list_of(group, None, PAGE).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            unit.invitations().remove(row.id).await?;
            uninvite(unit, row, now).await?;
        }
    }
    loop {
        let rows = unit.join_requests().list_pending(group, None, PAGE).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            decided(unit, row, RequestStatus::Rejected, now).await?;
        }
    }
}

async fn invitation(unit: &mut Unit, row: InvitationRow, now: Millis) -> Result<Invitation> {
    let group = unit.groups().get(row.group).await?.ok_or(Code::NotFound)?;
    let by = card(unit, row.by, now).await?;
    let group = GroupCard { id: group.id, name: group.name };
    Ok(Invitation { id: row.id, group, by, created_at: row.created_at })
}

fn view(user: UserCard, row: JoinRequestRow) -> JoinRequest {
    let JoinRequestRow { id, group, note, status, created_at, .. } = row;
    JoinRequest { id, group_id: group, user, note, status, created_at }
}

pub(super) async fn active(unit: &mut Unit, user: UserId) -> Result<()> {
    let active = unit.users().get(user).await?.is_some_and(|user| user.state == UserState::Active);
    if active { Ok(()) } else { Err(Code::UserUnavailable.into()) }
}
