//! Friends and the requests that make them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::user::Change;
use super::{Broken, Limits, Presence, UserCard, text};
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

/// A word by which a person sorts friends; nobody else sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(pub(crate) String);

impl Label {
    /// How long a label may be.
    const LENGTH: Range = Range { min: 1, max: 32 };

    /// Parses a label of 1 to 32 characters.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        text::line(text, Label::LENGTH).map(Label)
    }
}

/// The labels of one friend, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(pub(crate) Vec<String>);

impl Labels {
    /// How many labels a friend may have.
    pub const MOST: usize = 10;

    /// Parses labels; twins count once.
    pub fn parse(texts: &[String]) -> Result<Self, Broken> {
        let labels: BTreeSet<Label> = texts.iter().map(|text| Label::parse(text)).collect::<Result<_, _>>()?;
        if labels.len() > Labels::MOST {
            return Err(Broken::new("too_many", format!("at most {}", Labels::MOST)));
        }
        Ok(Labels(labels.into_iter().map(|label| label.0).collect()))
    }
}

/// What a person changes of how he keeps a friend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FriendChange {
    /// What he calls the friend.
    pub remark: Change<Remark>,
    /// By what he sorts the friend.
    pub labels: Change<Labels>,
    /// Whether the friend has a star; `None` keeps it.
    pub starred: Option<bool>,
}

/// Which of a person's friends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FriendFilter {
    /// Those who have this label.
    pub label: Option<Label>,
    /// Those who have a star.
    pub starred: bool,
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
    /// By what the owner sorts the other, each once and in order.
    pub labels: Vec<String>,
    /// Whether the owner has given the other a star.
    pub starred: bool,
    /// Since when.
    pub since: Millis,
}

impl Friendship {
    /// A new one.
    #[must_use]
    pub fn new(friend: UserId, since: Millis) -> Self {
        Friendship { friend, remark: None, labels: Vec::new(), starred: false, since }
    }
}

/// A friend as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Friend {
    /// The other.
    pub user: UserCard,
    /// What the owner calls the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// By what the owner sorts the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether the owner has given the other a star.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub starred: bool,
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
