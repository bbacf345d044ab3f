//! What the bus carries: a head that hubs decide by, and the JSON that sockets get, encoded once by the publisher.

use std::fmt;
use std::str::FromStr;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::id::{NotAnId, RoomId, Seq, UserId};
use crate::model::entry::{Entry, Kind, LogId, UserEntry};
use crate::time::Millis;

const VERSION: u8 = 1;

impl fmt::Display for LogId {
    /// The name on the bus: the room, or `u:3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogId::Room(room) => room.fmt(f),
            LogId::User(user) => write!(f, "u:{user}"),
        }
    }
}

impl FromStr for LogId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match text.strip_prefix("u:") {
            Some(user) => user.parse().map(LogId::User),
            None => text.parse().map(LogId::Room),
        }
    }
}

/// What a hub must know of an entry to order it and to hide it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The log.
    pub log: LogId,
    /// The number.
    pub seq: Seq,
    /// Number of the last entry that took a right away.
    pub fence: Seq,
    /// When.
    pub at: Millis,
    /// Who; [`UserId::SYSTEM`] if nobody.
    pub by: UserId,
    /// What happened.
    pub kind: Kind,
    /// Who is in the room no more from this entry on.
    pub leaver: Option<UserId>,
    /// The room that the log's owner is in no more: what came before in it goes before.
    pub left: Option<RoomId>,
    /// It took so long to be stored that a block may have been answered since it was decided: who passes it on looks
    /// whether one was.
    pub late: bool,
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    log: std::borrow::Cow<'a, str>,
    seq: Seq,
    fence: Seq,
    at: i64,
    by: UserId,
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaver: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<RoomId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

/// An event on its way to sockets.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Absent for an event without a number.
    pub header: Option<Header>,
    /// What a socket gets.
    pub json: Bytes,
}

impl Frame {
    /// An entry of a room.
    #[must_use]
    pub fn room(entry: &Entry) -> Self {
        let header = Header {
            log: LogId::Room(entry.room),
            seq: entry.seq,
            fence: entry.fence,
            at: entry.at,
            by: entry.by,
            kind: entry.kind.clone(),
            leaver: entry.leaver(),
            left: None,
            late: false,
        };
        Frame { header: Some(header), json: entry.json() }
    }

    /// An entry of a user log.
    #[must_use]
    pub fn user(entry: &UserEntry) -> Self {
        let header = Header {
            log: LogId::User(entry.user),
            seq: entry.seq,
            fence: Seq::ZERO,
            at: entry.at,
            by: UserId::SYSTEM,
            kind: entry.kind.clone(),
            leaver: None,
            left: entry.left(),
            late: false,
        };
        Frame { header: Some(header), json: entry.json() }
    }

    /// Whether it is [`Header::late`].
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.late)
    }

    /// An event without a number.
    #[must_use]
    pub fn ephemeral(json: Bytes) -> Self {
        Frame { header: None, json }
    }

    /// As the bus carries it: version, length of the head, head, JSON.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let head = self.header.as_ref().map(|header| {
            let wire = Wire {
                log: header.log.to_string().into(),
                seq: header.seq,
                fence: header.fence,
                at: header.at.0,
                by: header.by,
                kind: header.kind.clone(),
                leaver: header.leaver,
                left: header.left,
                late: header.late,
            };
            // Numbers and strings cannot fail to encode.
            serde_json::to_vec(&wire).unwrap_or_default()
        });
        let head = head.unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(3 + head.len() + self.json.len());
        bytes.put_u8(VERSION);
        // A head has some hundred bytes at the most.
        bytes.put_u16(u16::try_from(head.len()).unwrap_or_default());
        bytes.put_slice(&head);
        bytes.put_slice(&self.json);
        bytes.freeze()
    }

    /// Reads what the bus brought; `None` for what no release of ours wrote.
    #[must_use]
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let (&[version, high, low], _) = bytes.split_first_chunk::<3>()?;
        let end = 3 + usize::from(u16::from_be_bytes([high, low]));
        if version != VERSION || bytes.len() < end {
            return None;
        }
        let json = bytes.slice(end..);
        if end == 3 {
            return Some(Frame { header: None, json });
        }
        let wire: Wire<'_> = serde_json::from_slice(&bytes[3..end]).ok()?;
        let header = Header {
            log: wire.log.parse().ok()?,
            seq: wire.seq,
            fence: wire.fence,
            at: Millis(wire.at),
            by: wire.by,
            kind: wire.kind,
            leaver: wire.leaver,
            left: wire.left,
            late: wire.late,
        };
        Some(Frame { header: Some(header), json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupId;

    #[test]
    fn a_frame_survives_the_bus() {
        let header = Header {
            log: "p:3:17".parse().unwrap(),
            seq: Seq(5),
            fence: Seq(2),
            at: Millis(1_700_000_000_123),
            by: UserId(3),
            kind: Kind::MESSAGE_SENT,
            leaver: Some(UserId(17)),
            left: Some(RoomId::Group(GroupId(4))),
            late: true,
        };
        let frame = Frame { header: Some(header), json: Bytes::from_static(b"{\"a\":1}") };
        let back = Frame::decode(&frame.encode()).unwrap();
        assert_eq!((back.header, back.json), (frame.header, frame.json));
        let whisper = Frame::decode(&Frame::ephemeral(Bytes::from_static(b"{}")).encode()).unwrap();
        assert_eq!((whisper.header, whisper.json), (None, Bytes::from_static(b"{}")));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [&b""[..], b"\x01", b"\x01\x00", b"\x02\x00\x00{}", b"\x01\xff\xff{}", b"\x01\x00\x02{}x"] {
            assert!(Frame::decode(&Bytes::copy_from_slice(bytes)).is_none(), "{bytes:?}");
        }
    }
}
