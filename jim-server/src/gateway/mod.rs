//! What only pushes, the WebSocket and the stream of events: a listener of the hub, mapped to frames and close codes. No
//! rule lives here.

mod connection;
pub(crate) mod events;
mod handshake;

use std::sync::Arc;
use std::time::Duration;

use jim_core::Jim;
use jim_core::hub::Close;
use jim_core::service::Caller;
use poem::http::{HeaderMap, StatusCode, header};
use poem::{Endpoint, Request, Response};
use tokio_util::task::TaskTracker;

use crate::problem::ApiError;
use crate::problem::table::http;
use crate::visit::Visit;
use handshake::{Credential, Handshake, bearer};

/// Where sockets are opened.
pub(crate) const PATH: &str = "/api/v1/ws";

/// What the gateway is told by configuration.
#[derive(Debug, Clone)]
pub(crate) struct GatewayOptions {
    /// Web pages that may open a socket, besides those of the server's own host.
    pub(crate) allowed_origins: Vec<String>,
    /// The rhythm of heartbeats.
    pub(crate) heartbeat: Duration,
    /// The largest frame that a client may send, in bytes.
    pub(crate) frame_bytes: usize,
}

/// `GET /api/v1/ws`.
pub(crate) struct Gateway {
    jim: Jim,
    options: Arc<GatewayOptions>,
    sockets: TaskTracker,
}

impl Gateway {
    /// Sockets are counted by the tracker, so that a drain can wait for them.
    pub(crate) fn new(jim: Jim, options: GatewayOptions, sockets: TaskTracker) -> Self {
        Gateway { jim, options: Arc::new(options), sockets }
    }

    async fn open(&self, request: &Request) -> Result<Response, ApiError> {
        let shake = Handshake::read(request.headers())?;
        self.check_origin(request.headers())?;
        let caller = self.authenticate(&shake).await?;
        if let Some(visit) = Visit::of(request) {
            visit.set_user(caller.user);
        }
        let upgrade = request.take_upgrade().map_err(|_| ApiError::new(http::MALFORMED))?;
        let (jim, options) = (self.jim.clone(), self.options.clone());
        self.sockets.spawn(async move {
            // A client that went away between its request and our answer.
            let Ok(io) = upgrade.await else { return };
            let ended = match jim.hub().attach(caller.user, caller.session).await {
                Ok(Ok(listener)) => connection::serve(io, listener, &options).await,
                Ok(Err(why)) => connection::refuse(io, why).await,
                Err(error) => {
                    tracing::warn!(error.cause = ?error, "a socket was not attached");
                    connection::refuse(io, Close::Restart).await
                }
            };
            tracing::debug!(user_id = caller.user.0, session_id = caller.session.0, reason = ?ended, "socket closed");
        });
        let mut response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, shake.accept);
        if shake.speaks_jim {
            response = response.header(header::SEC_WEBSOCKET_PROTOCOL, handshake::PROTOCOL);
        }
        Ok(response.finish())
    }

    async fn authenticate(&self, shake: &Handshake) -> Result<Caller, ApiError> {
        let caller = match &shake.credential {
            Some(Credential::Ticket(ticket)) => self.jim.sessions().take_ticket(ticket).await?,
            Some(Credential::Bearer(token)) => self.jim.sessions().authenticate(token).await?,
            None => return Err(jim_core::Code::AuthRequired.into()),
        };
        Ok(caller)
    }

    /// A browser always says which page opens the socket; a native client does not, and needs no permission
    /// (RFC 6455, section 10.2).
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let page = origin.split_once("://").map(|(_, host)| host);
        let same = page.is_some() && page == own;
        if same || self.options.allowed_origins.iter().any(|allowed| allowed == origin) {
            Ok(())
        } else {
            Err(ApiError::new(http::ORIGIN_REFUSED))
        }
    }
}

impl Endpoint for Gateway {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        Ok(self.open(&request).await?)
    }
}
