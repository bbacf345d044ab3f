//! What people write.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Broken, Limits, text};
use crate::error::{Error, Result};
use crate::id::{ID_END, OutboxId, Seq, UserId};
use crate::model::limits::Range;

/// The sender's own name for a message: with room and sender it stands for one message for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ClientRef(pub(crate) String);

impl ClientRef {
    /// Parses 1 to 64 of `[A-Za-z0-9._:-]`.
    pub fn parse(text: &str, limits: &Limits) -> std::result::Result<Self, Broken> {
        text::length(text, limits.client_ref)?;
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b)) {
            return Err(Broken::new("invalid", "letters, digits and ._:- only"));
        }
        Ok(ClientRef(text.into()))
    }

    /// The reference of an entry that the outbox appends.
    #[must_use]
    pub fn outbox(id: OutboxId) -> Self {
        ClientRef(format!("ob:{id}"))
    }

    /// The reference of an entry that the outbox appends for a person; no person can use it himself.
    #[must_use]
    pub fn event(id: OutboxId) -> Self {
        ClientRef(format!("ob/{id}"))
    }

    /// The reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// Plain text, kept to the byte.
    Text {
        /// The text.
        text: String,
    },
    /// One emoji or sticker by its code.
    Emoji {
        /// Its code.
        code: String,
    },
    /// What nobody wrote, such as the greeting.
    System {
        /// The text.
        text: String,
    },
}

impl Content {
    /// A text of at least one character.
    pub fn text(text: &str, limits: &Limits) -> std::result::Result<Self, Broken> {
        text::prose(text, Range { min: 1, max: limits.text }).map(|text| Content::Text { text })
    }

    /// An emoji or sticker code of 1 to 64 characters.
    pub fn emoji(code: &str) -> std::result::Result<Self, Broken> {
        text::line(code, Range { min: 1, max: 64 }).map(|code| Content::Emoji { code })
    }
}

/// A message that somebody sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewMessage {
    /// The sender's own name for it.
    pub client_ref: ClientRef,
    /// What it says.
    pub content: Content,
    /// The message of the same room that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    /// Whom it mentions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
}

/// Whom a message mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mentions {
    /// Everybody in the room.
    All,
    /// These people, each once.
    People(Vec<UserId>),
}

impl Mentions {
    /// Parses a list of people, of which twins count once. An empty list mentions nobody.
    pub fn people(ids: &[i64], limits: &Limits) -> std::result::Result<Option<Self>, Broken> {
        if ids.len() > limits.mentions as usize {
            return Err(Broken::new("too_long", format!("at most {}", limits.mentions)));
        }
        let mut people = Vec::with_capacity(ids.len());
        for id in ids {
            if !(1..ID_END).contains(id) {
                return Err(Broken::new("invalid", "ids of people"));
            }
            if !people.contains(&UserId(*id)) {
                people.push(UserId(*id));
            }
        }
        Ok(Some(people).filter(|people| !people.is_empty()).map(Mentions::People))
    }

    /// Their ids; [`UserId::SYSTEM`] stands for everybody.
    #[must_use]
    pub fn ids(&self) -> Vec<UserId> {
        match self {
            Mentions::All => vec![UserId::SYSTEM],
            Mentions::People(people) => people.clone(),
        }
    }
}

impl Serialize for Mentions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Mentions::All => serializer.serialize_str("all"),
            Mentions::People(people) => people.serialize(serializer),
        }
    }
}

/// A hash of what a message says, to tell a repeat from a conflict. It outlives nothing: erasure removes it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentDigest(pub String);

impl NewMessage {
    /// A message that answers none and mentions nobody.
    #[must_use]
    pub fn new(client_ref: ClientRef, content: Content) -> Self {
        NewMessage { client_ref, content, reply_to: None, mentions: None }
    }

    /// The message as JSON, and its digest.
    pub(crate) fn encode(&self) -> Result<(Box<serde_json::value::RawValue>, ContentDigest)> {
        let body = serde_json::value::to_raw_value(self).map_err(|error| Error::Internal(error.into()))?;
        let digest = ContentDigest(URL_SAFE_NO_PAD.encode(&Sha256::digest(body.get())[..16]));
        Ok((body, digest))
    }
}
