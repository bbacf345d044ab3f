use async_trait::async_trait;

use super::Res;
use crate::id::{SessionId, UserId};
use crate::model::session::Session;
use crate::secret::TokenHash;
use crate::time::Millis;

/// The tokens that open and renew a session. A pair is replaced by the next; the one before is kept for the answer
/// that got lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTokens {
    /// Opens the API.
    pub access: TokenHash,
    /// Until when.
    pub access_until: Millis,
    /// Buys the next pair.
    pub refresh: TokenHash,
    /// Until when.
    pub refresh_until: Millis,
    /// The access token before, good until its time or until a token of this pair was used.
    pub prev_access: Option<(TokenHash, Millis)>,
    /// The refresh token that bought this pair.
    pub old_refresh: Option<TokenHash>,
    /// Whether a token of this pair was used.
    pub used: bool,
}

/// A log-in to be stored.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Whose.
    pub user: UserId,
    /// What the device calls itself.
    pub device: Option<String>,
    /// Where it logs in from.
    pub ip: String,
    /// Its tokens.
    pub tokens: SessionTokens,
    /// When.
    pub at: Millis,
}

/// A log-in as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// What its owner sees.
    pub session: Session,
    /// Its tokens.
    pub tokens: SessionTokens,
    /// When it ended.
    pub ended_at: Option<Millis>,
}

/// A one-time right to open a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Hash of the ticket.
    pub hash: TokenHash,
    /// For which session.
    pub session: SessionId,
    /// Until when.
    pub until: Millis,
}

/// Log-ins.
#[async_trait]
pub trait SessionRepo: Send {
    /// Stores a log-in.
    async fn add(&mut self, session: &NewSession) -> Res<SessionId>;
    /// One log-in, ended or not.
    async fn get(&mut self, id: SessionId) -> Res<Option<StoredSession>>;
    /// The log-in whose current or previous access token this is, ended or not.
    async fn find_by_access(&mut self, hash: &TokenHash) -> Res<Option<StoredSession>>;
    /// The log-in whose current or old refresh token this is, ended or not.
    async fn find_by_refresh(&mut self, hash: &TokenHash) -> Res<Option<StoredSession>>;
    /// The log-ins of a person that have not ended and can still be renewed at `now`, newest first.
    async fn list(&mut self, user: UserId, now: Millis) -> Res<Vec<Session>>;
    /// Replaces the tokens.
    async fn set_tokens(&mut self, id: SessionId, tokens: &SessionTokens) -> Res<()>;
    /// Remembers that a token of the current pair was used.
    async fn set_used(&mut self, id: SessionId) -> Res<()>;
    /// Remembers when log-ins were last used.
    async fn set_seen(&mut self, seen: &[(SessionId, Millis)]) -> Res<()>;
    /// Ends a log-in; `false` if it had ended.
    async fn end(&mut self, id: SessionId, at: Millis) -> Res<bool>;
    /// Log-ins that ended at or after a time.
    async fn ended_since(&mut self, at: Millis) -> Res<Vec<SessionId>>;
    /// Stores a ticket.
    async fn add_ticket(&mut self, ticket: &Ticket) -> Res<()>;
    /// Removes the tickets whose time is over.
    async fn forget_tickets(&mut self, now: Millis) -> Res<()>;
    /// Forgets the addresses and names of devices of all log-ins of a person.
    async fn forget(&mut self, user: UserId) -> Res<()>;
    /// A ticket that was not taken.
    async fn get_ticket(&mut self, hash: &TokenHash) -> Res<Option<Ticket>>;
    /// Takes a ticket: of many takers exactly one gets it.
    async fn take_ticket(&mut self, hash: &TokenHash) -> Res<Option<Ticket>>;
}
