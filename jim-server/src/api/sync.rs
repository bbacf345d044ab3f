//! Catching up in one call.

use std::collections::BTreeMap;

use jim_core::Error;
use jim_core::id::{RoomId, Seq};
use jim_core::service::{Gap as SkippedNumbers, Newer};
use poem_openapi::types::{Any, Example};
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::{Answer, Raw, page_size};
use super::conversations::entry;
use super::messages::HistoryObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::problem::ApiError;

/// Where my copy stands.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "Sync", example)]
struct SyncBody {
    /// The last number of my own log that I have; 0 if absent.
    #[oai(default)]
    log: u32,
    /// The last number of each room that I have, by room, at most 1000; none if absent.
    #[oai(default)]
    rooms: BTreeMap<String, u32>,
    /// Entries of my own log and of each room at the most, 1 to 100; 50 if absent.
    limit: Option<u32>,
}

impl Example for SyncBody {
    fn example() -> Self {
        SyncBody { log: 7, rooms: [("g:42".to_owned(), 17)].into(), limit: Some(50) }
    }
}

/// What is newer.
#[derive(Object)]
#[oai(rename = "Synced")]
struct SyncedObject {
    /// Changes when a backup is restored: drop what you keep.
    epoch: String,
    /// My own log above its number.
    log: HistoryObject,
    /// Each room that was named: `{items, head, read, more, gap?}`, or `{gone: true}` where it is not mine.
    rooms: Any<serde_json::Value>,
    /// My rooms that were not named.
    joined: Vec<String>,
}

#[derive(Serialize)]
struct Shape<'a> {
    epoch: &'a str,
    log: LogShape,
    rooms: BTreeMap<RoomId, RoomShape>,
    joined: Vec<RoomId>,
}

#[derive(Serialize)]
struct LogShape {
    items: Vec<Box<RawValue>>,
    first: i64,
    last: i64,
    has_more: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RoomShape {
    Gone {
        gone: bool,
    },
    Newer {
        items: Vec<Box<RawValue>>,
        head: i64,
        read: i64,
        more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        gap: Option<SkippedNumbers>,
    },
}

fn encoded(items: &[bytes::Bytes]) -> Result<Vec<Box<RawValue>>, ApiError> {
    items.iter().map(|json| entry(json)).collect()
}

fn room(newer: Option<Newer>) -> Result<RoomShape, ApiError> {
    let Some(Newer { items, head, read, more, gap }) = newer else { return Ok(RoomShape::Gone { gone: true }) };
    Ok(RoomShape::Newer { items: encoded(&items)?, head: head.0, read: read.0, more, gap })
}

/// The operations of this file.
pub struct SyncApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Log")]
impl SyncApi {
    /// Catch up
    ///
    /// What is newer in my own log and in each room, in one answer. A room that is not mine never fails the call. At
    /// most 1000 entries of all rooms come together; rooms beyond that say that there are more.
    ///
    /// Codes: `auth.required`, `log.ahead`.
    #[oai(path = "/sync", method = "post", operation_id = "sync")]
    async fn sync(&self, caller: Auth, body: Body<SyncBody>) -> Answer<Raw<SyncedObject>> {
        let jim = &self.0.jim;
        let SyncBody { log, rooms, limit } = body.0;
        let limit = page_size(limit, &jim.options().limits)?;
        let mut wanted = BTreeMap::new();
        for (name, seq) in rooms {
            let room: RoomId = name.parse().map_err(|_| Error::field("rooms", "invalid", "names of rooms"))?;
            wanted.insert(room, Seq(seq.into()));
        }
        let synced = jim.sync().since(caller.0.user, Seq(log.into()), &wanted, limit).await?;
        let log = LogShape {
            items: encoded(&synced.log.items)?,
            first: synced.log.first.0,
            last: synced.log.last.0,
            has_more: synced.log.has_more,
        };
        let rooms = synced.rooms.into_iter().map(|(name, newer)| Ok((name, room(newer)?)));
        let rooms = rooms.collect::<Result<_, ApiError>>()?;
        Raw::of(&Shape { epoch: jim.epoch(), log, rooms, joined: synced.joined })
    }
}
