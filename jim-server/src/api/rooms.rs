//! Rooms.

use jim_core::model::conversation::About;
use jim_core::service::RoomView;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, Done, found, named};
use super::groups::GroupObject;
use super::users::UserObject;
use super::worlds::WorldObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::time::Time;

/// What I may do in a room.
#[derive(Object)]
struct RoomRights {
    /// My role in a group.
    #[oai(skip_serializing_if_is_none)]
    role: Option<String>,
    can_send: bool,
    can_moderate: bool,
    /// Until when I am muted in a group or a world channel.
    #[oai(skip_serializing_if_is_none)]
    muted_until: Option<Time>,
}

/// A room.
#[derive(Object)]
#[oai(rename = "Room")]
struct RoomObject {
    room: String,
    /// `private`, `group` or `world`.
    kind: String,
    /// The lowest number I may read; 0 if there is none.
    first: i64,
    /// The last number.
    head: i64,
    my: RoomRights,
    /// The other person of a private room.
    #[oai(skip_serializing_if_is_none)]
    peer: Option<UserObject>,
    /// The group.
    #[oai(skip_serializing_if_is_none)]
    group: Option<GroupObject>,
    /// The world channel.
    #[oai(skip_serializing_if_is_none)]
    world: Option<WorldObject>,
}

impl From<RoomView> for RoomObject {
    fn from(view: RoomView) -> Self {
        let (kind, peer, group, world) = match view.about {
            About::Private(peer) => ("private", Some(peer), None, None),
            About::Group(group) => ("group", None, Some(*group), None),
            About::World(world) => ("world", None, None, Some(world)),
        };
        RoomObject {
            room: view.room.to_string(),
            kind: kind.into(),
            first: view.first.0,
            head: view.head.0,
            my: RoomRights {
                role: group.as_ref().map(|group| group.my.role.as_str().into()),
                can_send: view.can_send,
                can_moderate: view.can_moderate,
                muted_until: view.muted_until.map(Into::into),
            },
            peer: peer.map(Into::into),
            group: group.map(Into::into),
            world: world.map(Into::into),
        }
    }
}

/// The operations of this file.
pub struct RoomsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Rooms")]
impl RoomsApi {
    /// A room
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`.
    #[oai(path = "/rooms/:room", method = "get", operation_id = "getRoom")]
    async fn get(&self, caller: Auth, room: Path<String>) -> Answer<Json<RoomObject>> {
        found(self.0.jim.rooms().get(caller.0.user, named(&room.0)?).await?)
    }

    /// Show that I write something
    ///
    /// Those in the room who are there now see it for some seconds; nothing of it is kept. Not in the world channel.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `room.invalid`, `friend.not_friend`, `friend.blocked`,
    /// `user.unavailable`, `group.dissolved`, `group.muted`, `group.member_muted`, `rate.limited`.
    #[oai(path = "/rooms/:room/typing", method = "post", operation_id = "showTyping")]
    async fn typing(&self, caller: Auth, room: Path<String>) -> Answer<Done> {
        self.0.throttles.send.check_at_once(caller.0.user)?;
        self.0.jim.rooms().typing(caller.0.user, named(&room.0)?).await?;
        Ok(Done::Done)
    }
}
