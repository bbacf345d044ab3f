//! Entries as documents. Bodies are text: they are answered as they were stored, to the byte.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::broken;
use crate::id::{Seq, UserId};
use crate::model::content::{ClientRef, ContentDigest};
use crate::model::entry::{Entry, Head, Kind, NewEntry};
use crate::repo::{RepoError, Res};
use crate::time::Millis;

/// An entry as it is stored. What is absent takes no room; `erased` is set when the body was taken away.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EntryDoc {
    room: String,
    seq: i64,
    ord: i64,
    fence: i64,
    at: i64,
    by: i64,
    #[serde(rename = "ref")]
    client_ref: String,
    kind: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    counted: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl EntryDoc {
    pub(super) fn of(new: &NewEntry, entry: &Entry) -> Self {
        let mentions = new.mentions.iter().map(|user| user.0).collect();
        EntryDoc { counted: new.counted, mentions, ..EntryDoc::restored(entry) }
    }

    /// An entry that comes from elsewhere: what is not said of it follows from it.
    pub(super) fn restored(entry: &Entry) -> Self {
        EntryDoc {
            room: entry.room.to_string(),
            seq: entry.seq.0,
            ord: entry.ord,
            fence: entry.fence.0,
            at: entry.at.0,
            by: entry.by.0,
            client_ref: entry.client_ref.as_str().into(),
            kind: entry.kind.as_str().into(),
            counted: entry.was_message(),
            mentions: entry.mentions().into_iter().map(|user| user.0).collect(),
            erased: entry.was_erased(),
            digest: entry.digest.as_ref().map(|digest| digest.0.clone()),
            body: entry.body.as_ref().map(|body| body.get().into()),
        }
    }
}

impl EntryDoc {
    pub(super) fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    /// What beside an entry does not fit it.
    pub(super) fn astray(&self, entry: &Entry) -> Option<&'static str> {
        let fresh = EntryDoc::restored(entry);
        match entry.is_message() {
            true if self.mentions != fresh.mentions => Some("those whom it mentions are not those who count it"),
            _ if self.erased != fresh.erased => Some("whether it was taken back is not listed as it is"),
            _ if self.counted != fresh.counted => Some("whether it counts as unread is not as it should be"),
            _ => None,
        }
    }
}

impl TryFrom<EntryDoc> for Arc<Entry> {
    type Error = RepoError;

    fn try_from(doc: EntryDoc) -> Res<Self> {
        let body = doc.body.map(RawValue::from_string).transpose().map_err(|_| broken("a body is no JSON"))?;
        Ok(Arc::new(Entry {
            room: doc.room.parse().map_err(|_| broken("a room has no such name"))?,
            seq: Seq(doc.seq),
            ord: doc.ord,
            fence: Seq(doc.fence),
            at: Millis(doc.at),
            by: UserId(doc.by),
            client_ref: ClientRef(doc.client_ref),
            kind: Kind::named(doc.kind),
            digest: doc.digest.map(ContentDigest),
            body: body.map(Arc::from),
            json: OnceLock::new(),
        }))
    }
}

/// What is read of the last entry of a room.
#[derive(Debug, Deserialize)]
pub(super) struct HeadDoc {
    #[serde(rename = "_id")]
    room: String,
    seq: i64,
    ord: i64,
    fence: i64,
    at: i64,
}

impl TryFrom<HeadDoc> for Head {
    type Error = RepoError;

    fn try_from(doc: HeadDoc) -> Res<Self> {
        let room = doc.room.parse().map_err(|_| broken("a room has no such name"))?;
        Ok(Head { room, seq: Seq(doc.seq), ord: doc.ord, fence: Seq(doc.fence), at: Millis(doc.at) })
    }
}
