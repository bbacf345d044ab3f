//! Messages: sending, and reading what was sent.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::audit::{Act, Actor, allow, write_down};
use super::rooms::{late, standing};
use super::speech::{Permit, Speech};
use super::visible::{Seen, visible};
use super::{Context, permission, rooms};
use crate::error::{Code, Error, Result};
use crate::id::{OutboxId, RoomId, Seq, UserId};
use crate::model::content::{ClientRef, ContentDigest, Mentions};
use crate::model::entry::Guard;
use crate::model::group::Role;
use crate::model::{Entry, Kind, NewEntry, NewMessage};
use crate::repo::{Appended, RepoError, RoomEvent, Slice, Task, Unit};
use crate::service::permission::Action;
use crate::time::Millis;

/// How often a right may be taken from somebody while one message is decided.
const TRIES: usize = 16;

/// What became of a message.
#[derive(Debug, Clone)]
pub enum Sent {
    /// It stands in the log now.
    New(Arc<Entry>),
    /// It stood there already: the send was repeated.
    Again(Arc<Entry>),
}

/// A part of a room's history, in ascending order, as one person may see it.
#[derive(Debug, Clone)]
pub struct History {
    /// Entries as JSON.
    pub items: Vec<Bytes>,
    /// The lowest number the person may read; zero if there is none.
    pub first: Seq,
    /// The highest.
    pub last: Seq,
    /// Whether there are more in the direction that was asked for.
    pub has_more: bool,
    /// The numbers below `first` that were asked for and are not shown.
    pub gap: Option<Gap>,
}

/// Numbers that are not shown, both ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Gap {
    /// The first.
    pub from: Seq,
    /// The last.
    pub to: Seq,
    /// `cleared` where the reader did it himself, else `before_join`.
    pub why: &'static str,
}

/// Messages.
#[derive(Clone)]
pub struct Messages {
    context: Context,
    speech: Speech,
}

impl Messages {
    pub(super) fn new(context: Context, speech: Speech) -> Self {
        Messages { context, speech }
    }

    /// Sends a message. Answered, it is on durable storage. (Room, sender, reference) makes one message for ever: a
    /// repeat gets the same entry, also when the right to send is gone meanwhile.
    pub async fn send(&self, who: UserId, room: RoomId, message: &NewMessage) -> Result<Sent> {
        let (body, digest) = message.encode()?;
        let body: Arc<RawValue> = Arc::from(body);
        let mentions = message.mentions.as_ref().map(Mentions::ids).unwrap_or_default();
        for _ in 0..TRIES {
            let asked = Instant::now();
            let permit = match self.may_send(who, room, message).await {
                Ok(permit) => permit,
                Err(refusal @ (Error::Refused(_) | Error::RefusedUntil { .. } | Error::Limited { .. })) => {
                    return self.sent_before(who, &room, message, &digest).await?.ok_or(refusal);
                }
                Err(error) => return Err(error),
            };
            let new = NewEntry {
                room,
                by: who,
                client_ref: message.client_ref.clone(),
                kind: Kind::MESSAGE_SENT,
                counted: true,
                fences: false,
                body: body.clone(),
                digest: Some(digest.clone()),
                mentions: mentions.clone(),
                guard: Guard::Fence(permit.fence),
                at: self.context.now(),
            };
            match self.context.logs.append(new, asked).await? {
                Appended::New(entry) => {
                    // Who writes has read.
                    self.context.logs.marks.note(who, room, entry.mark());
                    return Ok(Sent::New(entry));
                }
                Appended::Again(entry) => return Ok(Sent::Again(entry)),
                Appended::Differs(_) => return Err(Code::RefConflict.into()),
                // A right was taken from somebody meanwhile: decide again.
                Appended::Stale(_) => self.speech.forget(who, room),
            }
        }
        Err(Error::Unavailable(RepoError::Busy))
    }

    /// Whether somebody may write this to a room now. Where he may, his turn is taken and the room is opened: what is
    /// refused leaves no trace.
    async fn may_send(&self, who: UserId, room: RoomId, message: &NewMessage) -> Result<Permit> {
        let to_all = message.mentions == Some(Mentions::All);
        let permit = self.speech.may_send(who, room, to_all).await?;
        if let Some(seq) = message.reply_to {
            self.may_answer(who, room, seq).await?;
        }
        if let Some(Mentions::People(people)) = &message.mentions {
            self.are_there(who, room, people).await?;
        }
        // A repeat is answered with what stands in the log already, and leaves the turn to the next message.
        if let (RoomId::World(world), true) = (room, permit.takes_turn)
            && self.context.logs.rooms.find_ref(&room, who, &message.client_ref).await?.is_none()
        {
            self.speech.take_turn(who, world, &message.client_ref).await?;
        }
        if let Some(peer) = permit.opens {
            self.speech.open(who, peer, room).await?;
        }
        Ok(permit)
    }

    /// Only messages that one may read can be answered, taken back or not.
    async fn may_answer(&self, who: UserId, room: RoomId, seq: Seq) -> Result<()> {
        let visible = match visible(&self.context, who, &room).await {
            Err(Error::Refused(_)) => return Err(Code::ReplyInvalid.into()),
            visible => visible?,
        };
        let found = self.context.logs.rooms.read(&room, Slice::Only(&[seq]), 1).await?;
        let answers = found.first().is_some_and(|entry| entry.kind == Kind::MESSAGE_SENT && seq >= visible.from);
        if answers { Ok(()) } else { Err(Code::ReplyInvalid.into()) }
    }

    /// Whether everybody who is mentioned is in the room.
    async fn are_there(&self, who: UserId, room: RoomId, people: &[UserId]) -> Result<()> {
        let mut unit = self.context.read().await?;
        let there = match room {
            RoomId::Private(..) => people.iter().all(|user| *user == who || room.peer(who) == Some(*user)),
            RoomId::World(_) => unit.users().list(people).await?.len() == people.len(),
            RoomId::Group(group) => unit.members().list_by_id(group, people).await?.len() == people.len(),
        };
        if there { Ok(()) } else { Err(Code::MentionInvalid.into()) }
    }

    async fn sent_before(
        &self,
        who: UserId,
        room: &RoomId,
        message: &NewMessage,
        digest: &ContentDigest,
    ) -> Result<Option<Sent>> {
        match self.context.logs.rooms.find_ref(room, who, &message.client_ref).await? {
            Some(entry) if entry.repeats(Some(digest)) => Ok(Some(Sent::Again(entry))),
            Some(_) => Err(Code::RefConflict.into()),
            None => Ok(None),
        }
    }

    /// A part of the history; the newest without a position.
    pub async fn history(&self, who: UserId, room: RoomId, position: Option<Slice<'_>>, limit: u16) -> Result<History> {
        let visible = visible(&self.context, who, &room).await?;
        let head = self.context.logs.rooms.head(&room).await?.seq;
        let slice = match position {
            Some(Slice::After(seq)) if seq > head => return Err(Code::LogAhead.into()),
            Some(slice) => slice,
            None => Slice::Before(head.next()),
        };
        let (gap, slice) = match slice {
            Slice::After(seq) => {
                let (gap, after) = visible.skip(seq);
                (gap, Slice::After(after))
            }
            slice => (None, slice),
        };
        let mut entries = self.context.logs.rooms.read(&room, slice, limit + 1).await?;
        let seen = Seen::of(&self.context, who, &room, &entries).await?;
        entries.retain(|entry| entry.seq >= visible.from);
        // Entries that came after the head was read count too, also the one that only shows that there is more.
        let last = entries.last().map_or(head, |entry| head.max(entry.seq));
        let has_more = entries.len() > usize::from(limit);
        if has_more {
            match slice {
                Slice::After(_) => entries.truncate(limit.into()),
                _ => drop(entries.remove(0)),
            }
        }
        Ok(History { items: seen.show_all(&entries), first: visible.first(last), last, has_more, gap })
    }

    /// One entry as JSON.
    pub async fn get(&self, who: UserId, room: RoomId, seq: Seq) -> Result<Bytes> {
        let entries = self.context.logs.rooms.read(&room, Slice::Only(&[seq]), 1).await?;
        let seen = Seen::of(&self.context, who, &room, &entries).await?;
        entries.first().and_then(|entry| seen.show(entry)).ok_or(Code::NotFound.into())
    }

    /// Takes a message back: no read shows its text when this is answered, and a stub stands in its place. From the
    /// files it is gone with the next upkeep. Answers with the entry that says so.
    pub async fn retract(&self, actor: impl Into<Actor>, room: RoomId, seq: Seq) -> Result<Arc<Entry>> {
        let actor = &actor.into();
        let who = actor.id();
        let (context, logs) = (&self.context, &self.context.logs);
        if seq < visible(context, who, &room).await?.from {
            return Err(Code::NotFound.into());
        }
        let mut unit = rooms::lock(context, &room).await?;
        let part = rooms::part(&mut unit, who, &room).await?;
        let entry = standing(context, &mut unit, &room, seq).await?.ok_or(Code::NotFound)?;
        if !entry.was_message() {
            return Err(Code::NotRetractable.into());
        }
        let now = context.now();
        let in_time = now.0 - entry.at.0 <= i64::from(context.options.limits.retract_seconds) * 1000;
        // Who asks again, not having heard the answer, is told that it was done and not that it is too late.
        let in_time = in_time || !entry.is_message();
        let author = match room {
            RoomId::Group(group) => unit.members().get(group, entry.by).await?.map_or(Role::Member, |one| one.role),
            _ => Role::Member,
        };
        let moderates = part.may(&context.options, Action::Retract, author).is_ok();
        permission::retract(entry.by == who, in_time, moderates)?;
        if !entry.is_message() {
            // Whoever took it back may have crashed before his log said so.
            drop(unit);
            logs.drain(&room).await?;
            return Err(Code::MessageRetracted.into());
        }
        let id = take_back(&mut unit, &entry, who, now).await?;
        if matches!(room, RoomId::World(_)) && entry.by != who {
            write_down(&mut unit, actor, act(&entry), now).await?;
        }
        self.told(unit, &room, who, id).await
    }

    /// Takes back what anybody wrote in any room that has not ended, at any time; for administrators.
    pub async fn moderate(&self, actor: &Actor, room: RoomId, seq: Seq) -> Result<Arc<Entry>> {
        let (context, logs) = (&self.context, &self.context.logs);
        allow(&mut context.read().await?, actor).await?;
        // Not every name of a room is one that can be locked.
        logs.rooms.read(&room, Slice::Only(&[seq]), 1).await?.first().ok_or(Code::NotFound)?;
        let mut unit = rooms::lock(context, &room).await?;
        allow(&mut unit, actor).await?;
        if let RoomId::Group(group) = room {
            let ended = unit.groups().get(group).await?.is_none_or(|group| group.dissolved_at.is_some());
            if ended {
                return Err(Code::GroupDissolved.into());
            }
        }
        let entry = standing(context, &mut unit, &room, seq).await?.ok_or(Code::NotFound)?;
        if !entry.was_message() {
            return Err(Code::NotRetractable.into());
        }
        if !entry.is_message() {
            drop(unit);
            logs.drain(&room).await?;
            return Err(Code::MessageRetracted.into());
        }
        let now = context.now();
        let id = take_back(&mut unit, &entry, actor.id(), now).await?;
        write_down(&mut unit, actor, act(&entry), now).await?;
        self.told(unit, &room, actor.id(), id).await
    }

    /// The entry that says that a message was taken back.
    async fn told(&self, unit: Unit, room: &RoomId, by: UserId, id: OutboxId) -> Result<Arc<Entry>> {
        let logs = &self.context.logs;
        logs.finish(unit).await?;
        logs.rooms.find_ref(room, by, &ClientRef::event(id)).await?.ok_or_else(late)
    }
}

/// Takes back a message that stands, in a unit that locks its room.
pub(super) async fn take_back(unit: &mut Unit, entry: &Entry, by: UserId, now: Millis) -> Result<OutboxId> {
    let (room, seq) = (entry.room, entry.seq);
    unit.pins().remove(&room, seq).await?;
    let event = RoomEvent { kind: Kind::MESSAGE_RETRACTED, by, data: serde_json::json!({ "seq": seq }) };
    let task = Task::Erase { seq, stub: entry.retracted(by, now), event };
    Ok(unit.owe(&room, &task, now).await?)
}

/// What the audit log says of a message that an administrator takes back; not what it said.
fn act(entry: &Entry) -> Act {
    let before = serde_json::json!({ "by": entry.by });
    let target = format!("entry/{}/{}", entry.room, entry.seq);
    Act { action: "message.retracted", target, before, after: serde_json::Value::Null }
}
