//! How far people have read.

use jim_core::id::Seq;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, found, named, page_size};
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;

/// How far I have read.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NewReadMark", example)]
struct ReadBody {
    /// The last entry that I have read.
    seq: u32,
}

impl Example for ReadBody {
    fn example() -> Self {
        ReadBody { seq: 18 }
    }
}

/// How far I have read in a room, and what is left.
#[derive(Object)]
#[oai(rename = "ReadMark")]
struct ReadMarkObject {
    room: String,
    seq: i64,
    /// Messages of others that I have not read and that still stand.
    unread: u64,
}

/// How far somebody has read.
#[derive(Object)]
#[oai(rename = "Reader")]
struct ReaderObject {
    user_id: i64,
    seq: i64,
}

/// Who has read an entry, by id.
#[derive(Object)]
struct ReaderList {
    items: Vec<ReaderObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// The operations of this file.
pub struct ReadsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Rooms")]
impl ReadsApi {
    /// Say how far I have read
    ///
    /// A mark never goes back.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `read.beyond_end`.
    #[oai(path = "/rooms/:room/read", method = "put", operation_id = "markRead")]
    async fn set(&self, caller: Auth, room: Path<String>, body: Body<ReadBody>) -> Answer<Json<ReadMarkObject>> {
        let mark = self.0.jim.reads().set(caller.0.user, named(&room.0)?, Seq(body.0.seq.into())).await?;
        found(ReadMarkObject { room: mark.room.to_string(), seq: mark.seq.0, unread: mark.unread })
    }

    /// Who has read an entry
    ///
    /// Its author is left out. Not in the world channel, where everybody reads for himself.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `room.invalid`, `cursor.invalid`.
    #[oai(path = "/rooms/:room/readers", method = "get", operation_id = "listReaders")]
    async fn readers(
        &self,
        caller: Auth,
        room: Path<String>,
        /// The entry.
        seq: Query<u32>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// People on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<ReaderList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let (room, seq) = (named(&room.0)?, Seq(seq.0.into()));
        let page = jim.reads().readers(caller.0.user, room, seq, cursor.0.as_deref(), limit).await?;
        let reader = |reader: jim_core::model::conversation::Reader| ReaderObject {
            user_id: reader.user_id.0,
            seq: reader.seq.0,
        };
        found(ReaderList { items: page.items.into_iter().map(reader).collect(), next: page.next, log: page.log.0 })
    }
}
