//! Read marks: how far people have read. They are state and only grow; what is unread is counted, never written.

use serde::Serialize;

use super::Context;
use super::rooms::row;
use super::speech::Speech;
use super::visible::visible;
use crate::bus::Topic;
use crate::error::{Code, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::Reader;
use crate::page::{Cursors, Page};
use crate::repo::{Slice, Unread};

/// Members of a group up to which all of them see who reads.
const SMALL: u32 = 100;

/// How far somebody has read in a room, and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadMark {
    /// The room.
    pub room: RoomId,
    /// The last entry that was read.
    pub seq: Seq,
    /// Messages of others above it.
    pub unread: u64,
}

#[derive(Serialize)]
struct Read {
    #[serde(rename = "type")]
    kind: &'static str,
    room: RoomId,
    user_id: UserId,
    seq: Seq,
}

/// Read marks.
#[derive(Clone)]
pub struct Reads {
    context: Context,
    speech: Speech,
}

impl Reads {
    pub(super) fn new(context: Context, speech: Speech) -> Self {
        Reads { context, speech }
    }

    /// Says that the caller has read up to an entry. A mark never goes back.
    pub async fn set(&self, who: UserId, room: RoomId, seq: Seq) -> Result<ReadMark> {
        let logs = &self.context.logs;
        let before = row(&self.context, &mut self.context.read().await?, who, &room).await?;
        before.from.ok_or(Code::NotFound)?;
        if seq <= before.read {
            // Who writes has read, and that may not be stored yet.
            logs.store_marks().await?;
        } else {
            let found = logs.rooms.read(&room, Slice::Only(&[seq]), 1).await?;
            let to = found.first().ok_or(Code::ReadBeyondEnd)?.mark();
            logs.marks.note(who, room, to);
            logs.store_marks().await?;
            let topic = self.audience(who, room).await?;
            logs.whisper(topic, &Read { kind: "read", room, user_id: who, seq }).await;
        }
        let now = row(&self.context, &mut self.context.read().await?, who, &room).await?;
        let counts = logs.rooms.unread(&[Unread { room, user: who, mark: now.mark }]).await?;
        let unread = counts.first().map(|count| count.messages).unwrap_or_default();
        Ok(ReadMark { room, seq: now.read, unread })
    }

    /// Who is shown that somebody reads: his own devices, and everybody in a small room. Who blocks, or is blocked, is
    /// not; nor is anybody in a group that has ended, because no entry says who has left it since.
    async fn audience(&self, who: UserId, room: RoomId) -> Result<Topic> {
        let all = match room {
            RoomId::Private(..) => match room.peer(who) {
                Some(peer) => self.speech.may_reach(who, peer).await?,
                None => false,
            },
            RoomId::Group(group) => {
                let row = self.context.read().await?.groups().get(group).await?;
                row.is_some_and(|row| row.dissolved_at.is_none() && row.member_count <= SMALL)
            }
            RoomId::World(_) => false,
        };
        Ok(if all { Topic::Room(room) } else { Topic::User(who) })
    }

    /// Who else than its author has read an entry, by id. In the world channel everybody reads for himself.
    pub async fn readers(
        &self,
        who: UserId,
        room: RoomId,
        seq: Seq,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<Reader>> {
        let cursors = Cursors::new(&self.context.key, format!("readers:{who}:{room}:{seq}"));
        let after = cursors.read(cursor)?;
        if seq < visible(&self.context, who, &room).await?.from {
            return Err(Code::NotFound.into());
        }
        if matches!(room, RoomId::World(_)) {
            return Err(Code::RoomInvalid.into());
        }
        let found = self.context.logs.rooms.read(&room, Slice::Only(&[seq]), 1).await?;
        let author = found.first().ok_or(Code::NotFound)?.by;
        // What was noted and is not stored yet counts as well.
        self.context.logs.store_marks().await?;
        let hidden = match room.peer(who) {
            Some(peer) if !self.speech.may_reach(who, peer).await? => Some(peer),
            _ => None,
        };
        let mut unit = self.context.read().await?;
        let mut readers = unit.conversations().readers(&room, seq, after, limit + 3).await?;
        let log = unit.user_log().head(who).await?;
        readers.retain(|reader| reader.user_id != author && Some(reader.user_id) != hidden);
        Ok(cursors.page(readers, limit, log, |reader| reader.user_id.to_string()))
    }
}
