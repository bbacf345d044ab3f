//! Friends and the requests that make them.

use serde::Serialize;

use super::{Broken, Limits, UserCard, text};
use crate::id::{FriendRequestId, RoomId, UserId};
use crate::model::limits::Range;
use crate::time::Millis;

/// What a person calls a friend; nobody else sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark(pub(crate) String);

impl Remark {
    /// Parses a remark.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Broken> {
        text::line(text, Range { min: 1, max: limits.remark }).map(Remark)
    }
}

/// A few words with a request or its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note(pub(crate) String);

impl Note {
    /// Parses a note.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Broken> {
        text::prose(text, Range { min: 1, max: limits.note }).map(Note)
    }
}

/// One side of a friendship as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Friendship {
    /// The other.
    pub friend: UserId,
    /// What the owner calls the other.
    pub remark: Option<String>,
    /// Since when.
    pub since: Millis,
}

/// Whether somebody is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// `online` or `offline`.
    pub status: &'static str,
}

/// A friend as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Friend {
    /// The other.
    pub user: UserCard,
    /// What the owner calls the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// The room of the two.
    pub room: RoomId,
    /// Since when.
    pub since: Millis,
    /// Whether the other is there.
    pub presence: Presence,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waits for an answer.
    Pending,
    /// The two became friends.
    Accepted,
    /// It was declined.
    Rejected,
}

/// A friend request as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Its id.
    pub id: FriendRequestId,
    /// Who asks.
    pub from: UserId,
    /// Who is asked.
    pub to: UserId,
    /// A few words.
    pub note: Option<String>,
    /// Where it stands.
    pub status: RequestStatus,
    /// A few words with the answer.
    pub reason: Option<String>,
    /// The one asked must never learn of it: he blocks the one who asks.
    pub muffled: bool,
    /// When it was made.
    pub created_at: Millis,
}

/// A friend request as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FriendRequest {
    /// Its id.
    pub id: FriendRequestId,
    /// Who asks.
    pub from: UserCard,
    /// Who is asked.
    pub to: UserCard,
    /// A few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where it stands.
    pub status: RequestStatus,
    /// A few words with the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Millis,
}

/// Which requests of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Made to the person.
    In,
    /// Made by the person.
    Out,
}
