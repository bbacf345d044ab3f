//! Friend requests.

use jim_core::Error;
use jim_core::id::{ID_END, UserId};
use jim_core::model::friend::{Direction, Note, RequestStatus};
use jim_core::model::{All as _, At as _, FriendRequest, Limits};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Created, Done, created, found, named, page_size};
use super::friends::FriendObject;
use super::users::UserObject;
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

#[derive(Enum)]
#[oai(rename = "RequestStatus", rename_all = "snake_case")]
enum StatusObject {
    Pending,
    Accepted,
    Rejected,
}

/// A friend request.
#[derive(Object)]
#[oai(rename = "FriendRequest")]
struct RequestObject {
    id: i64,
    from: UserObject,
    to: UserObject,
    #[oai(skip_serializing_if_is_none)]
    note: Option<String>,
    status: StatusObject,
    /// A few words with a rejection.
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    created_at: Time,
}

impl From<FriendRequest> for RequestObject {
    fn from(request: FriendRequest) -> Self {
        RequestObject {
            id: request.id.0,
            from: request.from.into(),
            to: request.to.into(),
            note: request.note,
            status: match request.status {
                RequestStatus::Pending => StatusObject::Pending,
                RequestStatus::Accepted => StatusObject::Accepted,
                RequestStatus::Rejected => StatusObject::Rejected,
            },
            reason: request.reason,
            created_at: request.created_at.into(),
        }
    }
}

/// Friend requests, newest first.
#[derive(Object)]
struct RequestList {
    items: Vec<RequestObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// Whom to ask.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NewFriendRequest", example)]
struct RequestBody {
    user_id: i64,
    /// 1 to 200 characters.
    note: Option<String>,
}

impl poem_openapi::types::Example for RequestBody {
    fn example() -> Self {
        RequestBody { user_id: 2, note: Some("We met in the library.".into()) }
    }
}

/// How to accept.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "Accept", example)]
struct AcceptBody {
    /// The first entry of the room, 1 to 200 characters; the server's own if absent.
    greeting: Option<String>,
}

impl poem_openapi::types::Example for AcceptBody {
    fn example() -> Self {
        AcceptBody { greeting: Some("Hi!".into()) }
    }
}

/// How to decline.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "Reject", example)]
struct RejectBody {
    /// 1 to 200 characters.
    reason: Option<String>,
}

impl poem_openapi::types::Example for RejectBody {
    fn example() -> Self {
        RejectBody { reason: Some("Do we know each other?".into()) }
    }
}

#[derive(Enum)]
#[oai(rename = "Direction", rename_all = "snake_case")]
enum DirectionObject {
    In,
    Out,
}

fn note(field: &str, text: Option<&String>, limits: &Limits) -> Result<Option<Note>, Error> {
    let (note,) = (text.map(|text| Note::parse(text, limits)).transpose().at(field),).all()?;
    Ok(note)
}

/// The operations of this file.
pub struct FriendRequestsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Friends")]
impl FriendRequestsApi {
    /// Ask somebody to be friends
    ///
    /// If the other has asked already, the two are friends at once and the answer says `accepted`.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `friend.self`, `friend.exists`, `friend.blocked`, `friend.refused`,
    /// `friend.full`, `user.unavailable`, `friend_request.duplicate`, `rate.limited`.
    #[oai(path = "/friend-requests", method = "post", operation_id = "requestFriend")]
    async fn request(&self, caller: Auth, body: Body<RequestBody>) -> Answer<Created<RequestObject>> {
        let Shared { jim, throttles } = &*self.0;
        throttles.friend_request.check(caller.0.user).await?;
        let body = body.0;
        if !(1..ID_END).contains(&body.user_id) {
            return Err(jim_core::Code::NotFound.into());
        }
        let note = note("note", body.note.as_ref(), &jim.options().limits)?;
        created(jim.friend_requests().request(caller.0.user, UserId(body.user_id), note).await?.0)
    }

    /// My friend requests
    ///
    /// Codes: `auth.required`, `cursor.invalid`.
    #[oai(path = "/friend-requests", method = "get", operation_id = "listFriendRequests")]
    async fn list(
        &self,
        caller: Auth,
        /// Those made to me or by me; to me if absent.
        direction: Query<Option<DirectionObject>>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<RequestList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let direction = match direction.0 {
            Some(DirectionObject::Out) => Direction::Out,
            _ => Direction::In,
        };
        let page = jim.friend_requests().list(caller.0.user, direction, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(RequestList { items, next: page.next, log: page.log.0 })
    }

    /// Accept a request
    ///
    /// Answers the new friend. The first entry of the room is the greeting.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `friend_request.decided`, `friend.exists`, `friend.blocked`,
    /// `friend.refused`, `friend.full`, `user.unavailable`.
    #[oai(path = "/friend-requests/:id/accept", method = "post", operation_id = "acceptFriendRequest")]
    async fn accept(&self, caller: Auth, id: Path<String>, body: Body<AcceptBody>) -> Answer<Json<FriendObject>> {
        let jim = &self.0.jim;
        let greeting = note("greeting", body.0.greeting.as_ref(), &jim.options().limits)?;
        found(jim.friend_requests().accept(caller.0.user, named(&id.0)?, greeting).await?)
    }

    /// Reject a request
    ///
    /// Codes: `auth.required`, `resource.not_found`, `friend_request.decided`.
    #[oai(path = "/friend-requests/:id/reject", method = "post", operation_id = "rejectFriendRequest")]
    async fn reject(&self, caller: Auth, id: Path<String>, body: Body<RejectBody>) -> Answer<Json<RequestObject>> {
        let jim = &self.0.jim;
        let reason = note("reason", body.0.reason.as_ref(), &jim.options().limits)?;
        found(jim.friend_requests().reject(caller.0.user, named(&id.0)?, reason).await?)
    }

    /// Take back a request
    ///
    /// Codes: `auth.required`, `friend_request.decided`.
    #[oai(path = "/friend-requests/:id", method = "delete", operation_id = "cancelFriendRequest")]
    async fn cancel(&self, caller: Auth, id: Path<String>) -> Answer<Done> {
        self.0.jim.friend_requests().cancel(caller.0.user, named(&id.0)?).await?;
        Ok(Done::Done)
    }
}
