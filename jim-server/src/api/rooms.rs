//! Rooms.

use jim_core::service::RoomView;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, found, named};
use super::users::UserObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;

/// What I may do in a room.
#[derive(Object)]
struct RoomRights {
    can_send: bool,
    can_moderate: bool,
}

/// A room.
#[derive(Object)]
#[oai(rename = "Room")]
struct RoomObject {
    room: String,
    /// `private`.
    kind: String,
    /// The lowest number I may read; 0 if there is none.
    first: i64,
    /// The last number.
    head: i64,
    my: RoomRights,
    /// The other person.
    peer: UserObject,
}

impl From<RoomView> for RoomObject {
    fn from(view: RoomView) -> Self {
        RoomObject {
            room: view.room.to_string(),
            kind: "private".into(),
            first: view.first.0,
            head: view.head.0,
            my: RoomRights { can_send: view.can_send, can_moderate: false },
            peer: view.peer.into(),
        }
    }
}

/// The operations of this file.
pub struct RoomsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Rooms")]
impl RoomsApi {
    /// A room
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/rooms/:room", method = "get", operation_id = "getRoom")]
    async fn get(&self, caller: Auth, room: Path<String>) -> Answer<Json<RoomObject>> {
        found(self.0.jim.rooms().get(caller.0.user, named(&room.0)?).await?)
    }
}
