//! Ways into groups: by oneself, by a request that an admin decides, and by invitation.

use jim_core::model::friend::{Note, RequestStatus};
use jim_core::model::joining::{Invitation, JoinRequest};
use jim_core::model::{All as _, At as _};
use jim_core::service::Joined;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, found, named, page_size};
use super::groups::GroupObject;
use super::users::UserObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// How to ask.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "Join", example)]
struct JoinBody {
    /// 1 to 200 characters, for those who decide.
    note: Option<String>,
}

impl Example for JoinBody {
    fn example() -> Self {
        JoinBody { note: Some("We met in the library.".into()) }
    }
}

/// In.
#[derive(Object)]
#[oai(rename = "Joined")]
struct JoinedObject {
    /// `joined`.
    status: String,
    group: GroupObject,
}

/// An admin decides.
#[derive(Object)]
#[oai(rename = "JoinPending")]
struct PendingObject {
    /// `pending`.
    status: String,
    request_id: i64,
}

#[derive(ApiResponse)]
#[expect(clippy::large_enum_variant, reason = "lives for one answer")]
enum JoinAnswer {
    /// I am a member now.
    #[oai(status = 200)]
    Joined(Json<JoinedObject>),
    /// An admin decides; I shall be told by `join.decided`.
    #[oai(status = 202)]
    Pending(Json<PendingObject>),
}

/// A request to join.
#[derive(Object)]
#[oai(rename = "JoinRequest")]
struct RequestObject {
    id: i64,
    group_id: i64,
    user: UserObject,
    #[oai(skip_serializing_if_is_none)]
    note: Option<String>,
    /// `pending`, `accepted` or `rejected`.
    status: String,
    created_at: Time,
}

impl From<JoinRequest> for RequestObject {
    fn from(request: JoinRequest) -> Self {
        let status = match request.status {
            RequestStatus::Pending => "pending",
            RequestStatus::Accepted => "accepted",
            RequestStatus::Rejected => "rejected",
        };
        RequestObject {
            id: request.id.0,
            group_id: request.group_id.0,
            user: request.user.into(),
            note: request.note,
            status: status.into(),
            created_at: request.created_at.into(),
        }
    }
}

/// Requests to join, newest first.
#[derive(Object)]
#[oai(rename = "JoinRequestList")]
struct Requests {
    items: Vec<RequestObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// What one learns of a group before one is in it.
#[derive(Object)]
struct GroupCard {
    id: i64,
    name: String,
}

/// An invitation into a group.
#[derive(Object)]
#[oai(rename = "GroupInvitation")]
struct InvitationObject {
    id: i64,
    group: GroupCard,
    by: UserObject,
    created_at: Time,
}

impl From<Invitation> for InvitationObject {
    fn from(invitation: Invitation) -> Self {
        InvitationObject {
            id: invitation.id.0,
            group: GroupCard { id: invitation.group.id.0, name: invitation.group.name },
            by: invitation.by.into(),
            created_at: invitation.created_at.into(),
        }
    }
}

/// Invitations, newest first.
#[derive(Object)]
#[oai(rename = "GroupInvitationList")]
struct Invitations {
    items: Vec<InvitationObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// The operations of this file.
pub struct JoiningApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Groups")]
impl JoiningApi {
    /// Join a group
    ///
    /// At once where it is open; else an admin decides, and asking again is the same request. To strangers a group that
    /// only invites does not exist.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.already_member`, `group.blacklisted`,
    /// `group.full`, `group.too_many`, `group.waiting_full`.
    #[oai(path = "/groups/:id/join", method = "post", operation_id = "joinGroup")]
    async fn join(&self, caller: Auth, id: Path<String>, body: Body<JoinBody>) -> Answer<JoinAnswer> {
        let jim = &self.0.jim;
        let note = body.0.note.map(|note| Note::parse(&note, &jim.options().limits)).transpose();
        let (note,) = (note.at("note"),).all()?;
        Ok(match jim.joining().join(caller.0.user, named(&id.0)?, note).await? {
            Joined::Member(group) => {
                JoinAnswer::Joined(Json(JoinedObject { status: "joined".into(), group: (*group).into() }))
            }
            Joined::Pending(id) => {
                JoinAnswer::Pending(Json(PendingObject { status: "pending".into(), request_id: id.0 }))
            }
        })
    }

    /// Who asks to join
    ///
    /// Decided ones too.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`, `cursor.invalid`.
    #[oai(path = "/groups/:id/join-requests", method = "get", operation_id = "listJoinRequests")]
    async fn requests(
        &self,
        caller: Auth,
        id: Path<String>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<Requests>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let page = jim.joining().requests(caller.0.user, named(&id.0)?, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(Requests { items, next: page.next, log: page.log.0 })
    }

    /// Let somebody in
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`, `group.blacklisted`,
    /// `group.full`, `group.too_many`, `join_request.decided`, `user.unavailable`.
    #[oai(path = "/groups/:id/join-requests/:request_id/approve", method = "post", operation_id = "approveJoinRequest")]
    async fn approve(&self, caller: Auth, id: Path<String>, request_id: Path<String>) -> Answer<Json<RequestObject>> {
        found(self.0.jim.joining().decide(caller.0.user, named(&id.0)?, named(&request_id.0)?, true).await?)
    }

    /// Turn somebody away
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`, `join_request.decided`.
    #[oai(path = "/groups/:id/join-requests/:request_id/reject", method = "post", operation_id = "rejectJoinRequest")]
    async fn reject(&self, caller: Auth, id: Path<String>, request_id: Path<String>) -> Answer<Json<RequestObject>> {
        found(self.0.jim.joining().decide(caller.0.user, named(&id.0)?, named(&request_id.0)?, false).await?)
    }

    /// My invitations into groups
    ///
    /// Codes: `auth.required`, `cursor.invalid`.
    #[oai(path = "/group-invitations", method = "get", operation_id = "listGroupInvitations")]
    async fn invitations(
        &self,
        caller: Auth,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<Invitations>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let page = jim.joining().invitations(caller.0.user, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(Invitations { items, next: page.next, log: page.log.0 })
    }

    /// Follow an invitation
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.blacklisted`, `group.full`, `group.too_many`.
    #[oai(path = "/group-invitations/:id/accept", method = "post", operation_id = "acceptGroupInvitation")]
    async fn accept(&self, caller: Auth, id: Path<String>) -> Answer<Json<InvitationObject>> {
        found(self.0.jim.joining().accept(caller.0.user, named(&id.0)?).await?)
    }

    /// Decline an invitation
    ///
    /// Nobody is told.
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/group-invitations/:id/reject", method = "post", operation_id = "rejectGroupInvitation")]
    async fn decline(&self, caller: Auth, id: Path<String>) -> Answer<Json<InvitationObject>> {
        found(self.0.jim.joining().reject(caller.0.user, named(&id.0)?).await?)
    }
}
