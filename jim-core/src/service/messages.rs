//! Messages: sending, and reading what was sent.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::gather::RightsReader;
use super::group_rights::GroupRightsReader;
use super::rooms::{Visible, visible};
use super::{Context, event, permission};
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::ContentDigest;
use crate::model::entry::Guard;
use crate::model::{Entry, Kind, NewEntry, NewMessage};
use crate::repo::{Appended, RepoError, Slice};

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
    pub gap: Option<(Seq, Seq)>,
}

/// Messages.
#[derive(Clone)]
pub struct Messages {
    context: Context,
    rights: RightsReader,
    groups: GroupRightsReader,
}

#[derive(serde::Serialize)]
struct Opened {
    room: RoomId,
}

impl Messages {
    pub(super) fn new(context: Context, rights: RightsReader) -> Self {
        Messages { groups: GroupRightsReader::new(context.clone()), context, rights }
    }

    /// Sends a message. Answered, it is on durable storage. (Room, sender, reference) makes one message for ever: a
    /// repeat gets the same entry, also when the right to send is gone meanwhile.
    pub async fn send(&self, who: UserId, room: RoomId, message: &NewMessage) -> Result<Sent> {
        let (body, digest) = message.encode()?;
        let body: Arc<RawValue> = Arc::from(body);
        for _ in 0..TRIES {
            let guard = match self.may_send(who, room).await {
                Ok(fence) => Guard::Fence(fence),
                Err(refusal @ (Error::Refused(_) | Error::RefusedUntil { .. })) => {
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
                guard,
                at: self.context.now(),
            };
            match self.context.logs.append(new).await? {
                Appended::New(entry) => return Ok(Sent::New(entry)),
                Appended::Again(entry) => return Ok(Sent::Again(entry)),
                Appended::Differs(_) => return Err(Code::RefConflict.into()),
                // A right was taken from somebody meanwhile: decide again.
                Appended::Stale(_) => {
                    if let RoomId::Group(group) = room {
                        self.groups.forget(who, group);
                    }
                }
            }
        }
        Err(Error::Unavailable(RepoError::Busy))
    }

    /// The fence on which somebody may write to a room, or why he may not.
    async fn may_send(&self, who: UserId, room: RoomId) -> Result<Seq> {
        let peer = match room {
            RoomId::Private(a, b) if a == b && a == who => return Err(Code::RoomInvalid.into()),
            RoomId::Private(..) => room.peer(who).ok_or(Code::NotFound)?,
            RoomId::Group(group) => return self.groups.may_send(who, group).await,
            RoomId::World(_) => return Err(Code::NotFound.into()),
        };
        let rights = self.rights.read(who, peer).await?;
        permission::private_send(&rights, self.context.options.friends_required)?;
        if !rights.open {
            self.open(who, peer, &room).await?;
        }
        // A private room takes nobody's right away, so that a block does not show in a log that both read.
        Ok(Seq::ZERO)
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

    /// Opens a private room before its first entry: a reader always has his row.
    async fn open(&self, who: UserId, peer: UserId, room: &RoomId) -> Result<()> {
        let mut unit = self.context.write(&[who, peer]).await?;
        let now = self.context.now();
        for person in [who, peer] {
            if unit.conversations().ensure(person, room, Some(Seq(1))).await? {
                unit.tell(person, event(Kind::CONVERSATION_OPENED, &Opened { room: *room })?, now).await?;
            }
        }
        self.context.logs.finish(unit).await
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
        let below = Seq(visible.from.0 - 1);
        let mut gap = None;
        let slice = match slice {
            Slice::After(seq) if seq < below => {
                gap = Some((seq.next(), below));
                Slice::After(below)
            }
            slice => slice,
        };
        let mut entries = self.context.logs.rooms.read(&room, slice, limit + 1).await?;
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
        let items = entries.iter().map(|entry| visible.show(entry)).collect();
        Ok(History { items, first: visible.first(last), last, has_more, gap })
    }

    /// One entry as JSON.
    pub async fn get(&self, who: UserId, room: RoomId, seq: Seq) -> Result<Bytes> {
        let visible = visible(&self.context, who, &room).await?;
        if seq < visible.from {
            return Err(Code::NotFound.into());
        }
        let entries = self.context.logs.rooms.read(&room, Slice::Only(&[seq]), 1).await?;
        entries.first().map(|entry| visible.show(entry)).ok_or(Code::NotFound.into())
    }
}

impl Visible {
    fn show(&self, entry: &Entry) -> Bytes {
        match self.cut {
            Some((by, above)) if entry.by == by && entry.seq > above => entry.hidden_json(),
            _ => entry.json(),
        }
    }
}
