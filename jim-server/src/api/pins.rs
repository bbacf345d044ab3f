//! Messages that a room keeps in sight.

use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Done, Raw, named};
use super::conversations::entry;
use super::messages::EntryObject;
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::problem::ApiError;
use crate::time::Time;

/// A message that a room keeps in sight.
#[derive(Object)]
#[oai(rename = "Pin")]
struct PinObject {
    seq: i64,
    /// Who pinned it.
    by: i64,
    at: Time,
    entry: EntryObject,
}

/// Pins of a room, the newest first.
#[derive(Object)]
struct PinList {
    items: Vec<PinObject>,
    /// Always null: a room has few pins.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

#[derive(Serialize)]
struct Shape {
    seq: i64,
    by: i64,
    at: jim_core::time::Millis,
    entry: Box<RawValue>,
}

#[derive(Serialize)]
struct List {
    items: Vec<Shape>,
    next: Option<String>,
    log: i64,
}

/// The operations of this file.
pub struct PinsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Rooms")]
impl PinsApi {
    /// Pins of a room
    ///
    /// The newest first.
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/rooms/:room/pins", method = "get", operation_id = "listPins")]
    async fn list(&self, caller: Auth, room: Path<String>) -> Answer<Raw<PinList>> {
        let (pins, log) = self.0.jim.pins().list(caller.0.user, named(&room.0)?).await?;
        let shape = |pin: &jim_core::service::Pin| {
            let entry = entry(&pin.entry)?;
            Ok(Shape { seq: pin.row.seq.0, by: pin.row.by.0, at: pin.row.at, entry })
        };
        let items = pins.iter().map(shape).collect::<Result<_, ApiError>>()?;
        Raw::of(&List { items, next: None, log: log.0 })
    }

    /// Pin a message
    ///
    /// Both people of a private room while they may write there, the owner and admins of a group, administrators in the
    /// world channel. Counted among the messages that one sends.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`, `friend.not_friend`, `friend.blocked`,
    /// `user.unavailable`, `group.role_required`, `group.dissolved`, `pin.full`, `pin.not_message`, `rate.limited`.
    #[oai(path = "/rooms/:room/pins/:seq", method = "put", operation_id = "pinMessage")]
    async fn add(&self, caller: Auth, room: Path<String>, seq: Path<String>) -> Answer<Done> {
        let Shared { jim, throttles } = &*self.0;
        throttles.send.check_at_once(caller.0.user)?;
        jim.pins().add(caller.0.user, named(&room.0)?, named(&seq.0)?).await?;
        Ok(Done::Done)
    }

    /// Unpin a message
    ///
    /// Allowed and counted as pinning is.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`, `friend.not_friend`, `friend.blocked`,
    /// `user.unavailable`, `group.role_required`, `group.dissolved`, `rate.limited`.
    #[oai(path = "/rooms/:room/pins/:seq", method = "delete", operation_id = "unpinMessage")]
    async fn remove(&self, caller: Auth, room: Path<String>, seq: Path<String>) -> Answer<Done> {
        let Shared { jim, throttles } = &*self.0;
        throttles.send.check_at_once(caller.0.user)?;
        jim.pins().remove(caller.0.user, named(&room.0)?, named(&seq.0)?).await?;
        Ok(Done::Done)
    }
}
