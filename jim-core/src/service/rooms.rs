//! What one person may see and do in a room.

use super::friends::card;
use super::permission::{self, Action};
use super::room_rights::is_admin;
use super::speech::Speech;
use super::visible::visible;
use super::{Context, Options, friend_requests, groups};
use crate::bus::Topic;
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::{About, ConversationRow};
use crate::model::group::{GroupRow, MemberRow, Role};
use crate::model::world::WorldRow;
use crate::model::{Entry, Group, Kind};
use crate::repo::{Lock, PrivateRights, RepoError, RoomEvent, Slice, Task, Unit};
use crate::time::Millis;

/// How long somebody counts as typing after he was last said to.
const TYPING_MS: u32 = 6000;

/// A room as one person sees it.
#[derive(Debug, Clone)]
pub struct RoomView {
    /// Its id.
    pub room: RoomId,
    /// The lowest number the person may read; zero if there is none.
    pub first: Seq,
    /// The last number.
    pub head: Seq,
    /// Whether the person may write now.
    pub can_send: bool,
    /// Until when somebody silences the person.
    pub muted_until: Option<Millis>,
    /// Whether the person may take back what others wrote.
    pub can_moderate: bool,
    /// What the room is.
    pub about: About,
}

#[derive(serde::Serialize)]
struct Typing {
    #[serde(rename = "type")]
    kind: &'static str,
    room: RoomId,
    user_id: UserId,
    expires_in_ms: u32,
}

/// Rooms.
#[derive(Clone)]
pub struct Rooms {
    context: Context,
    speech: Speech,
}

impl Rooms {
    pub(super) fn new(context: Context, speech: Speech) -> Self {
        Rooms { context, speech }
    }

    /// A room of the caller.
    pub async fn get(&self, who: UserId, room: RoomId) -> Result<RoomView> {
        let visible = visible(&self.context, who, &room).await?;
        let head = self.context.logs.rooms.head(&room).await?.seq;
        let part = part(&mut self.context.read().await?, who, &room).await?;
        let (can_send, muted_until) = match self.speech.may_show(who, room).await {
            Ok(()) => (true, None),
            Err(Error::RefusedUntil { until, .. }) => (false, Some(until)),
            Err(Error::Refused(_)) => (false, None),
            Err(error) => return Err(error),
        };
        let can_moderate = part.may(&self.context.options, Action::Retract, Role::Member).is_ok();
        let about = match part {
            Part::Private { peer, .. } => {
                About::Private(card(&mut self.context.read().await?, peer, self.context.now()).await?)
            }
            Part::Group { row, my } => About::Group(Box::new(Group::seen(*row, *my, self.context.now()))),
            Part::World { row, .. } => About::World(row.into()),
        };
        Ok(RoomView { room, first: visible.first(head), head, can_send, muted_until, can_moderate, about })
    }

    /// Shows those in a room that the caller writes something. Nothing of it is kept.
    pub async fn typing(&self, who: UserId, room: RoomId) -> Result<()> {
        if matches!(room, RoomId::World(_)) {
            visible(&self.context, who, &room).await?;
            // One person's keys are not worth a frame to everybody.
            return Err(Code::RoomInvalid.into());
        }
        self.speech.may_show(who, room).await?;
        let typing = Typing { kind: "typing", room, user_id: who, expires_in_ms: TYPING_MS };
        self.context.logs.whisper(Topic::Room(room), &typing).await;
        Ok(())
    }
}

/// What somebody is in a room that is his.
pub(super) enum Part {
    Private { peer: UserId, rights: PrivateRights },
    Group { row: Box<GroupRow>, my: Box<MemberRow> },
    World { row: WorldRow, admin: bool },
}

impl Part {
    /// Whether he may do something there, to somebody of a role where it is done to one.
    pub(super) fn may(&self, options: &Options, action: Action, target: Role) -> std::result::Result<(), Code> {
        match self {
            Part::Private { rights, .. } => permission::private_act(rights, options.friends_required, action),
            Part::Group { my, .. } => permission::group_act(my.role, action, Some(target)),
            Part::World { admin, .. } => permission::world_act(*admin),
        }
    }
}

/// What somebody is in a room; a group that has ended is refused as such.
pub(super) async fn part(unit: &mut Unit, who: UserId, room: &RoomId) -> Result<Part> {
    match *room {
        RoomId::Private(..) => {
            let peer = room.peer(who).ok_or(Code::NotFound)?;
            Ok(Part::Private { peer, rights: friend_requests::rights(unit, who, peer).await? })
        }
        RoomId::Group(id) => {
            let (row, my) = groups::acting(unit, who, id).await?;
            Ok(Part::Group { row: Box::new(row), my: Box::new(my) })
        }
        RoomId::World(id) => {
            let row = unit.worlds().get(id).await?.ok_or(Code::NotFound)?;
            Ok(Part::World { row, admin: is_admin(unit, who).await? })
        }
    }
}

/// A unit that locks a room.
pub(super) async fn lock(context: &Context, room: &RoomId) -> Result<Unit> {
    let locks = match *room {
        RoomId::Private(a, b) => vec![Lock::User(a), Lock::User(b)],
        RoomId::Group(id) => vec![Lock::Group(id)],
        RoomId::World(id) => vec![Lock::World(id)],
    };
    let mut unit = context.logs.store.write(&locks).await?;
    unit.holds(*room);
    Ok(unit)
}

/// Leaves an event for the log of a room that this unit locks.
pub(super) async fn note(
    unit: &mut Unit,
    room: &RoomId,
    kind: Kind,
    by: UserId,
    data: &impl serde::Serialize,
    at: Millis,
) -> Result<()> {
    let data = serde_json::to_value(data).map_err(|error| Error::Internal(error.into()))?;
    unit.owe(room, &Task::Event(RoomEvent { kind, by, data }), at).await?;
    Ok(())
}

/// An entry in a room that this unit locks. What is about to be erased counts as erased.
pub(super) async fn standing(context: &Context, unit: &mut Unit, room: &RoomId, seq: Seq) -> Result<Option<Entry>> {
    // What is owed first: another node may finish it meanwhile, and then the entry shows it.
    let owed = unit.outbox().list(room, u16::MAX).await?;
    let entries = context.logs.rooms.read(room, Slice::Only(&[seq]), 1).await?;
    let Some(entry) = entries.first() else { return Ok(None) };
    let mut entry = (**entry).clone();
    if owed.iter().any(|(_, task, _)| matches!(task, Task::Erase { seq: erased, .. } if *erased == seq)) {
        entry.digest = None;
    }
    Ok(Some(entry))
}

/// A person's row of a room, up to date. A room that is not his answers as one that does not exist. Everybody has a
/// world channel, with a row of it or without.
pub(super) async fn row(context: &Context, unit: &mut Unit, who: UserId, room: &RoomId) -> Result<ConversationRow> {
    let found = unit.conversations().get(who, room).await?;
    let mut row = match (found, *room) {
        (Some(row), _) => row,
        (None, RoomId::World(id)) if unit.worlds().get(id).await?.is_some() => {
            ConversationRow::new(*room, Some(Seq(1)))
        }
        (None, _) => return Err(Code::NotFound.into()),
    };
    context.logs.marks.apply(who, &mut row);
    Ok(row)
}

/// What was announced as done and is not in the log yet: it may still take effect.
pub(super) fn late() -> Error {
    Error::Unavailable(RepoError::Busy)
}
