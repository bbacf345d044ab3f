//! The HTTP surface: one file per tag. A handler reads the request, asks one service, and answers; it holds no rule.

mod answer;
mod auth;
mod blocks;
mod friend_requests;
mod friends;
mod log;
mod me;
mod meta;
mod messages;
mod rooms;
mod sessions;
mod tickets;
mod users;

use std::sync::Arc;

use jim_core::Jim;
use jim_core::service::Caller;
use poem::Request;
use poem_openapi::auth::Bearer;
use poem_openapi::{OpenApi, SecurityScheme, Tags};

use crate::limit::Throttles;
use crate::problem::ApiError;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) jim: Jim,
    pub(crate) throttles: Arc<Throttles>,
}

#[derive(Tags)]
enum Tag {
    /// Registration, log-in and tokens.
    Auth,
    /// One's own account.
    Me,
    /// One's sessions.
    Sessions,
    /// Other people.
    Users,
    /// Friends and requests.
    Friends,
    /// Blocks.
    Blocks,
    /// Rooms and their entries.
    Rooms,
    /// What happened to one's account.
    Log,
    /// The socket.
    Push,
    /// What this server is and allows.
    Meta,
}

/// An access token in `Authorization`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", checker = "authenticate")]
pub(crate) struct Auth(pub(crate) Caller);

async fn authenticate(request: &Request, bearer: Bearer) -> poem::Result<Caller> {
    let missing = || ApiError::from(jim_core::Code::AuthRequired);
    let api = request.data::<Api>().ok_or_else(missing)?;
    let caller = api.jim.sessions().authenticate(&bearer.token).await.map_err(ApiError::from)?;
    crate::telemetry::note_user(request, caller.user);
    Ok(caller)
}

/// Every operation.
pub(crate) fn operations(api: &Api) -> impl OpenApi + use<> {
    (
        (meta::MetaApi(api.clone()), auth::AuthApi(api.clone()), me::MeApi(api.clone()), sessions::SessionsApi(api.clone())),
        (users::UsersApi(api.clone()), friends::FriendsApi(api.clone()), friend_requests::FriendRequestsApi(api.clone())),
        (blocks::BlocksApi(api.clone()), rooms::RoomsApi(api.clone()), messages::MessagesApi(api.clone())),
        (log::LogApi(api.clone()), tickets::TicketsApi(api.clone())),
    )
}
