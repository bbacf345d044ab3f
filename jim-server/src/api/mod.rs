//! The REST API: one file per tag, requests and answers beside their handlers. A handler reads the request, asks one
//! service, and answers; it holds no rule.

mod admin_groups;
mod admin_users;
mod answer;
mod audit;
mod auth;
mod blocks;
mod captchas;
mod conversations;
mod digests;
mod emails;
mod externals;
mod friend_requests;
mod friends;
mod groups;
pub mod health;
mod joining;
mod log;
mod me;
mod members;
mod messages;
pub mod meta;
mod metrics;
mod pins;
mod reads;
mod recovery;
mod registration;
mod rooms;
mod sessions;
mod statuses;
mod sync;
mod tickets;
mod totp;
mod users;
mod worlds;

use std::sync::Arc;

use jim_core::Jim;
use jim_core::service::{Actor, Caller};
use poem::Request;
use poem_openapi::auth::Bearer;
use poem_openapi::{SecurityScheme, Tags};

pub use self::admin_groups::AdminGroupsApi;
pub use self::admin_users::AdminUsersApi;
pub use self::audit::AuditApi;
pub use self::auth::AuthApi;
pub use self::blocks::BlocksApi;
pub use self::captchas::CaptchasApi;
pub use self::conversations::ConversationsApi;
pub use self::digests::DigestsApi;
pub use self::emails::EmailsApi;
pub use self::externals::ExternalsApi;
pub use self::friend_requests::FriendRequestsApi;
pub use self::friends::FriendsApi;
pub use self::groups::GroupsApi;
pub use self::health::HealthApi;
pub use self::joining::JoiningApi;
pub use self::log::LogApi;
pub use self::me::MeApi;
pub use self::members::MembersApi;
pub use self::messages::MessagesApi;
pub use self::meta::MetaApi;
pub use self::metrics::MetricsApi;
pub use self::pins::PinsApi;
pub use self::reads::ReadsApi;
pub use self::recovery::RecoveryApi;
pub use self::registration::RegistrationApi;
pub use self::rooms::RoomsApi;
pub use self::sessions::SessionsApi;
pub use self::statuses::StatusesApi;
pub use self::sync::SyncApi;
pub use self::tickets::TicketsApi;
pub use self::totp::TotpApi;
pub use self::users::UsersApi;
pub use self::worlds::WorldsApi;
use crate::limit::Throttles;
use crate::problem::ApiError;
use crate::visit::Visit;

/// What handlers share. A cheap clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// What is behind an [`Api`].
pub struct Shared {
    pub(crate) jim: Jim,
    pub(crate) throttles: Throttles,
}

impl Api {
    /// Operations over a backend.
    #[must_use]
    pub fn new(jim: Jim, throttles: Throttles) -> Self {
        Api(Arc::new(Shared { jim, throttles }))
    }
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// All of the API.
pub type Surface = (
    MetaApi,
    HealthApi,
    MetricsApi,
    (CaptchasApi, AuthApi, ExternalsApi, RecoveryApi),
    (MeApi, StatusesApi, EmailsApi, TotpApi),
    SessionsApi,
    UsersApi,
    FriendsApi,
    FriendRequestsApi,
    BlocksApi,
    // A tuple has sixteen places at the most.
    (GroupsApi, MembersApi, JoiningApi),
    (RoomsApi, ReadsApi, PinsApi, DigestsApi, ConversationsApi, WorldsApi),
    MessagesApi,
    (LogApi, SyncApi),
    TicketsApi,
    (AdminUsersApi, AdminGroupsApi, RegistrationApi, AuditApi),
);

/// Puts all of the API together.
#[must_use]
pub fn surface(api: &Api, meta: MetaApi, health: HealthApi) -> Surface {
    (
        meta,
        health,
        MetricsApi(api.clone()),
        (CaptchasApi(api.clone()), AuthApi(api.clone()), ExternalsApi(api.clone()), RecoveryApi(api.clone())),
        (MeApi(api.clone()), StatusesApi(api.clone()), EmailsApi(api.clone()), TotpApi(api.clone())),
        SessionsApi(api.clone()),
        UsersApi(api.clone()),
        FriendsApi(api.clone()),
        FriendRequestsApi(api.clone()),
        BlocksApi(api.clone()),
        (GroupsApi(api.clone()), MembersApi(api.clone()), JoiningApi(api.clone())),
        (
            RoomsApi(api.clone()),
            ReadsApi(api.clone()),
            PinsApi(api.clone()),
            DigestsApi(api.clone()),
            ConversationsApi(api.clone()),
            WorldsApi(api.clone()),
        ),
        MessagesApi(api.clone()),
        (LogApi(api.clone()), SyncApi(api.clone())),
        TicketsApi(api.clone()),
        (AdminUsersApi(api.clone()), AdminGroupsApi(api.clone()), RegistrationApi(api.clone()), AuditApi(api.clone())),
    )
}

/// What operations are grouped by.
#[derive(Debug, Clone, Copy, Tags)]
pub enum Tag {
    /// What this server is and allows.
    Meta,
    /// Registration, log-in and tokens.
    Auth,
    /// One's own account.
    Me,
    /// One's sessions.
    Sessions,
    /// Other people.
    Users,
    /// Friends and the requests that make them.
    Friends,
    /// Blocks.
    Blocks,
    /// Groups and their members.
    Groups,
    /// Rooms and their entries.
    Rooms,
    /// One's chat list.
    Conversations,
    /// The world channel.
    Worlds,
    /// What happened to one's account.
    Log,
    /// The socket.
    Push,
    /// For administrators.
    Administration,
    /// For those who run the server; not under the API's base.
    Operation,
}

/// An access token in `Authorization`.
#[derive(SecurityScheme)]
#[oai(rename = "access_token", ty = "bearer", checker = "authenticate")]
pub struct Auth(pub(crate) Caller);

impl Auth {
    /// The caller, as one who acts from where the request comes.
    fn actor(&self, request: &Request) -> Actor {
        Actor::new(self.0.user, answer::ip(request))
    }
}

async fn authenticate(request: &Request, bearer: Bearer) -> poem::Result<Caller> {
    let api = request.data::<Api>().ok_or_else(|| ApiError::server("a route is without its API"))?;
    let caller = api.jim.sessions().authenticate(&bearer.token).await.map_err(ApiError::from)?;
    if let Some(visit) = Visit::of(request) {
        visit.set_user(caller.user);
    }
    Ok(caller)
}
