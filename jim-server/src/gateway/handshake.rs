//! The opening handshake (RFC 6455, section 4.2).

use poem::http::{HeaderMap, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::problem::ApiError;
use crate::problem::table::http;

/// The protocol that a socket speaks.
pub(super) const PROTOCOL: &str = "jim.v1";

/// How a client says who it is.
pub(super) enum Credential {
    /// A one-time ticket, offered as a protocol: a browser cannot set headers.
    Ticket(String),
    /// An access token.
    Bearer(String),
}

/// What a client asks for.
pub(super) struct Handshake {
    /// The answer to its key.
    pub(super) accept: String,
    /// Whether it offers our protocol, and must be told that it is spoken.
    pub(super) speaks_jim: bool,
    /// Who it says it is.
    pub(super) credential: Option<Credential>,
}

impl Handshake {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let has = |name, word: &str| tokens(headers, name).any(|token| token.eq_ignore_ascii_case(word));
        let version = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
        let Some(key) =
            key.filter(|_| has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket") && version)
        else {
            return Err(ApiError::new(http::MALFORMED));
        };
        let protocols = || tokens(headers, header::SEC_WEBSOCKET_PROTOCOL);
        let speaks_jim = protocols().any(|protocol| protocol == PROTOCOL);
        let token = headers.get(header::AUTHORIZATION);
        let mut tickets = protocols().filter_map(|protocol| protocol.strip_prefix("ticket."));
        let credential = match (tickets.next(), token) {
            (None, _) => bearer(headers).map(Credential::Bearer),
            // One way to say who one is, and a protocol to be chosen: browsers hang up when none of theirs is.
            (Some(ticket), None) if speaks_jim && tickets.next().is_none() => Some(Credential::Ticket(ticket.into())),
            (Some(_), _) => return Err(ApiError::new(http::MALFORMED)),
        };
        Ok(Handshake { accept: derive_accept_key(key.as_bytes()), speaks_jim, credential })
    }
}

/// The access token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<String> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned)
}

fn tokens(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
