//! Names of things. Ids have no arithmetic and never stand in for one another.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One above the largest integer that every JSON reader keeps exact (RFC 8259, section 6).
pub const ID_END: i64 = 1 << 53;

/// A text that is not the name of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                digits(text).filter(|id| *id > 0).map($name).ok_or(NotAnId)
            }
        }
    )+};
}

id! {
    /// An account. 0 is the system itself, never a person.
    UserId;
    /// A group.
    GroupId;
    /// One log-in of one device.
    SessionId;
    /// A friend request.
    FriendRequestId;
    /// An invitation into a group.
    InvitationId;
    /// A request to join a group.
    JoinRequestId;
    /// A world channel.
    WorldId;
    /// A task that waits in the outbox.
    OutboxId;
    /// A mail that waits.
    MailId;
    /// A row of the audit log.
    AuditId;
}

impl UserId {
    /// Who writes what nobody wrote, such as the greeting.
    pub const SYSTEM: UserId = UserId(0);
}

/// Decimal digits without sign, leading zero or white space, below 2^53.
fn digits(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if !plain {
        return None;
    }
    text.parse().ok().filter(|id| *id < ID_END)
}

impl WorldId {
    /// The one that is always there.
    pub const FIRST: WorldId = WorldId(1);
}

/// Number of an entry in its log: 1, 2, 3 … without a hole; 0 is "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// Before the first entry.
    pub const ZERO: Seq = Seq(0);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seq {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        digits(text).map(Seq).ok_or(NotAnId)
    }
}

/// A room. Its text form never changes: `p:3:17` (smaller id first), `g:42`, `w:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoomId {
    /// Two people; the smaller id first.
    Private(UserId, UserId),
    /// A group.
    Group(GroupId),
    /// A world channel.
    World(WorldId),
}

impl RoomId {
    /// The room of two people. `None` if they are one.
    #[must_use]
    pub fn private(a: UserId, b: UserId) -> Option<RoomId> {
        (a != b).then(|| RoomId::Private(a.min(b), a.max(b)))
    }

    /// The other person of a private room, seen by `user`; `None` if `user` is not in it.
    #[must_use]
    pub fn peer(&self, user: UserId) -> Option<UserId> {
        match *self {
            RoomId::Private(a, b) if a == user => Some(b),
            RoomId::Private(a, b) if b == user => Some(a),
            _ => None,
        }
    }

    /// To which of so many shares of all rooms this one belongs; the same as long as the process runs.
    pub(crate) fn share(&self, shares: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        usize::try_from(hasher.finish() % shares as u64).unwrap_or_default()
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoomId::Private(a, b) => write!(f, "p:{a}:{b}"),
            RoomId::Group(id) => write!(f, "g:{id}"),
            RoomId::World(id) => write!(f, "w:{id}"),
        }
    }
}

impl FromStr for RoomId {
    type Err = NotAnId;

    /// Only the one text form is a room: `p:17:3`, `p:03:17` and `g:0` are none. `p:3:3` parses, so that
    /// writing to oneself can be refused by name.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let mut parts = text.split(':');
        let room = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("p"), Some(a), Some(b), None) => {
                let (a, b) = (a.parse()?, b.parse()?);
                if a > b {
                    return Err(NotAnId);
                }
                RoomId::Private(a, b)
            }
            (Some("g"), Some(id), None, None) => RoomId::Group(id.parse()?),
            (Some("w"), Some(id), None, None) => RoomId::World(id.parse()?),
            _ => return Err(NotAnId),
        };
        Ok(room)
    }
}

impl Serialize for RoomId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_one_text_form() {
        for text in ["p:3:17", "g:42", "w:1", "p:3:3"] {
            assert_eq!(text.parse::<RoomId>().unwrap().to_string(), text);
        }
        for text in
            ["p:17:3", "p:03:17", "p:3", "p:3:17:1", "g:0", "g:-1", "g:9007199254740992", "g:", "", "x:1", "p:+3:17"]
        {
            assert!(text.parse::<RoomId>().is_err(), "{text}");
        }
    }
}
