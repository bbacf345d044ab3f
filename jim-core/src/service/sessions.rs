//! Sessions: opaque tokens, of which only hashes are stored; a refresh token is good once, and once more while nobody
//! has used what it bought, because an answer can get lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::{Context, event};
use crate::error::{Code, Error, Result};
use crate::id::{AuditId, Seq, SessionId, UserId};
use crate::model::Kind;
use crate::model::audit::AuditFilter;
use crate::model::session::{Session, Source};
use crate::model::user::UserState;
use crate::repo::{NewSession, SessionTokens, StoredSession, Ticket, Unit};
use crate::secret::{Token, TokenHash, TokenKind};
use crate::time::Millis;

/// How long a session is taken for alive without asking the store.
const FRESH: Duration = Duration::from_secs(1);
/// For how long ended sessions are remembered; longer than anything stale can live.
const REMEMBER: Duration = Duration::from_secs(10);
/// The finest step in which `last_seen_at` is stored.
const SEEN_STEP: Duration = Duration::from_mins(1);

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: UserId,
    /// The log-in.
    pub session: SessionId,
}

/// A session with the tokens that only its owner ever sees.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Its id.
    pub id: SessionId,
    /// Opens the API.
    pub access: Token,
    /// Buys the next pair.
    pub refresh: Token,
    /// Until when the access token is good.
    pub access_until: Millis,
}

impl OpenSession {
    /// Begins a session in a unit.
    pub(super) async fn begin(context: &Context, unit: &mut Unit, user: UserId, source: &Source) -> Result<Self> {
        let access = Token::new(TokenKind::Access, context.random.bits());
        let refresh = Token::new(TokenKind::Refresh, context.random.bits());
        let now = context.now();
        let access_until = now.plus(context.options.access_for);
        let tokens = SessionTokens {
            access: access.hash(),
            access_until,
            refresh: refresh.hash(),
            refresh_until: now.plus(context.options.refresh_for),
            prev_access: None,
            old_refresh: None,
            used: false,
        };
        let device = source.device.as_ref().map(|device| device.0.clone());
        let new = NewSession { user, device, ip: source.ip.to_string(), tokens, at: now };
        let id = unit.sessions().add(&new).await?;
        Ok(OpenSession { id, access, refresh, access_until })
    }
}

#[derive(Clone)]
struct Alive {
    caller: Caller,
    until: Millis,
}

#[derive(serde::Serialize)]
struct Revoked {
    id: SessionId,
}

/// Sessions.
#[derive(Clone)]
pub struct Sessions {
    context: Context,
    alive: Cache<TokenHash, Alive>,
    seen: Arc<Mutex<HashMap<SessionId, Millis>>>,
    /// When it was last learned which sessions had ended.
    learned: Arc<Mutex<Option<Millis>>>,
    /// The newest act of an administrator then.
    act: Arc<Mutex<Option<AuditId>>>,
}

impl Sessions {
    pub(crate) fn new(context: Context) -> Self {
        let alive = Cache::builder().max_capacity(100_000).time_to_live(FRESH).build();
        Sessions { context, alive, seen: Arc::default(), learned: Arc::default(), act: Arc::default() }
    }

    /// Who an access token stands for. An ended session is refused at once on this node, and within a second
    /// elsewhere.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let token = Token::parse(TokenKind::Access, token).ok_or(Code::AuthRequired)?;
        let hash = token.hash();
        let alive = match self.alive.get(&hash) {
            Some(alive) => alive,
            None => self.look_up(hash).await?,
        };
        if self.context.now() >= alive.until || self.is_ended(alive.caller.session) {
            return Err(Code::AuthRequired.into());
        }
        Ok(alive.caller)
    }

    async fn look_up(&self, hash: TokenHash) -> Result<Alive> {
        let found = self.context.logs.store.session_by_access(&hash).await?;
        let (stored, owner) = found.ok_or(Code::AuthRequired)?;
        check(&stored, owner)?;
        let current = stored.tokens.access == hash;
        let until = match &stored.tokens.prev_access {
            _ if current => stored.tokens.access_until,
            Some((_, until)) if !stored.tokens.used => *until,
            _ => return Err(Code::AuthRequired.into()),
        };
        if current && !stored.tokens.used && stored.tokens.old_refresh.is_some() {
            let mut unit = self.context.write(&[stored.session.user]).await?;
            unit.sessions().set_used(stored.session.id).await?;
            self.context.logs.finish(unit).await?;
        }
        self.note_seen(&stored.session);
        let alive = Alive { caller: Caller { user: stored.session.user, session: stored.session.id }, until };
        self.alive.insert(hash, alive.clone());
        Ok(alive)
    }

    async fn check(&self, unit: &mut Unit, stored: &StoredSession) -> Result<()> {
        let owner = unit.users().get(stored.session.user).await?;
        check(stored, owner.map(|user| user.state))
    }

    fn is_ended(&self, session: SessionId) -> bool {
        self.context.ended.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    fn note_seen(&self, session: &Session) {
        let now = self.context.now();
        if session.seen_at.plus(SEEN_STEP) <= now {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(session.id, now);
        }
    }

    /// Buys the next pair of tokens. Equal calls get equal answers while nobody has used one of the new tokens. A token
    /// that comes back after its successor was used ends the session; one that is older still is refused.
    pub async fn refresh(&self, token: &str) -> Result<OpenSession> {
        let token = Token::parse(TokenKind::Refresh, token).ok_or(Code::RefreshInvalid)?;
        let hash = token.hash();
        let found = self.context.read().await?.sessions().find_by_refresh(&hash).await?;
        let owner = found.ok_or(Code::RefreshInvalid)?.session.user;
        let mut unit = self.context.write(&[owner]).await?;
        let stored = unit.sessions().find_by_refresh(&hash).await?.ok_or(Code::RefreshInvalid)?;
        match self.check(&mut unit, &stored).await {
            Err(Error::Refused(_)) => return Err(Code::RefreshInvalid.into()),
            checked => checked?,
        }
        let now = self.context.now();
        let tokens = stored.tokens;
        let id = stored.session.id;
        let key = &self.context.key;
        let access = Token::new(TokenKind::Access, key.sign(&["access", token.expose()]));
        let refresh = Token::new(TokenKind::Refresh, key.sign(&["refresh", token.expose()]));
        if tokens.refresh != hash {
            if tokens.used {
                unit.sessions().end(id, now).await?;
                unit.tell(owner, event(Kind::SESSION_REVOKED, &Revoked { id })?, now).await?;
                self.context.logs.finish(unit).await?;
                self.context.hub.forget_sessions(&[id]);
                self.context.hub.tell_ended(&[id]).await;
                return Err(Code::RefreshInvalid.into());
            }
            return Ok(OpenSession { id, access, refresh, access_until: tokens.access_until });
        }
        if now >= tokens.refresh_until {
            return Err(Code::RefreshInvalid.into());
        }
        let access_until = now.plus(self.context.options.access_for);
        let next = SessionTokens {
            access: access.hash(),
            access_until,
            refresh: refresh.hash(),
            refresh_until: now.plus(self.context.options.refresh_for),
            prev_access: Some((tokens.access, tokens.access_until)),
            old_refresh: Some(hash),
            used: false,
        };
        unit.sessions().set_tokens(id, &next).await?;
        self.context.logs.finish(unit).await?;
        Ok(OpenSession { id, access, refresh, access_until })
    }

    /// Ends the caller's own session.
    pub async fn log_out(&self, caller: &Caller) -> Result<()> {
        self.revoke(caller.user, caller.session).await
    }

    /// The caller's sessions, newest first, and the number of his log that they include.
    pub async fn list(&self, who: UserId) -> Result<(Vec<Session>, Seq)> {
        let mut unit = self.context.read().await?;
        let sessions = unit.sessions().list(who, self.context.now()).await?;
        Ok((sessions, unit.user_log().head(who).await?))
    }

    /// Ends one of the caller's sessions and closes its sockets.
    pub async fn revoke(&self, who: UserId, id: SessionId) -> Result<()> {
        let mut unit = self.context.write(&[who]).await?;
        let session = unit.sessions().get(id).await?.filter(|stored| stored.session.user == who);
        session.ok_or(Code::NotFound)?;
        let now = self.context.now();
        if unit.sessions().end(id, now).await? {
            unit.tell(who, event(Kind::SESSION_REVOKED, &Revoked { id })?, now).await?;
            self.context.logs.finish(unit).await?;
        }
        self.context.hub.forget_sessions(&[id]);
        self.context.hub.tell_ended(&[id]).await;
        Ok(())
    }

    /// Ends all of the caller's sessions but the one that calls.
    pub async fn revoke_others(&self, caller: &Caller) -> Result<()> {
        let unit = self.context.write(&[caller.user]).await?;
        end_all(&self.context, unit, caller.user, Some(caller.session)).await
    }

    /// A one-time right to open a socket for this session.
    pub async fn ticket(&self, caller: &Caller) -> Result<(Token, Millis)> {
        let ticket = Token::new(TokenKind::Ticket, self.context.random.bits());
        let now = self.context.now();
        let until = now.plus(self.context.options.ticket_for);
        let mut unit = self.context.write(&[]).await?;
        let row = Ticket { hash: ticket.hash(), session: caller.session, until };
        unit.sessions().add_ticket(&row).await?;
        self.context.logs.finish(unit).await?;
        Ok((ticket, until))
    }

    /// Takes a ticket. Used, late, foreign and invented ones look alike.
    pub async fn take_ticket(&self, ticket: &str) -> Result<Caller> {
        let ticket = Token::parse(TokenKind::Ticket, ticket).ok_or(Code::AuthRequired)?;
        // What is invented must not cost a turn of the one writer.
        self.context.read().await?.sessions().get_ticket(&ticket.hash()).await?.ok_or(Code::AuthRequired)?;
        let mut unit = self.context.write(&[]).await?;
        let taken = unit.sessions().take_ticket(&ticket.hash()).await?.ok_or(Code::AuthRequired)?;
        let stored = unit.sessions().get(taken.session).await?.ok_or(Code::AuthRequired)?;
        let alive = self.check(&mut unit, &stored).await;
        self.context.logs.finish(unit).await?;
        alive?;
        if self.context.now() >= taken.until || self.is_ended(taken.session) {
            return Err(Code::AuthRequired.into());
        }
        Ok(Caller { user: stored.session.user, session: taken.session })
    }

    /// Learns of sessions that ended anywhere since it last learned of them, and whether accounts were switched off or on
    /// beside this process; called about once a second.
    pub(crate) async fn learn_ended(&self) -> Result<()> {
        let now = self.context.now();
        let before = *self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let since = before.unwrap_or(now).minus(REMEMBER);
        let mut unit = self.context.read().await?;
        let ended = unit.sessions().ended_since(since).await?;
        let act = unit.audit().list(&AuditFilter::default(), None, 1).await?.first().map(|act| act.id);
        drop(unit);
        if std::mem::replace(&mut *self.act.lock().unwrap_or_else(PoisonError::into_inner), act) != act {
            // It may have been done by another process, and to an account.
            self.context.logs.store.forget_rights();
        }
        let known = |id: &SessionId| self.is_ended(*id);
        let new: Vec<_> = ended.into_iter().filter(|id| !known(id)).collect();
        self.context.hub.forget_sessions(&new);
        self.context.ended.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, at| *at > now.minus(REMEMBER * 2));
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }

    /// Removes tickets that nobody took in time; called now and then.
    pub(crate) async fn sweep_tickets(&self) -> Result<()> {
        let mut unit = self.context.write(&[]).await?;
        unit.sessions().forget_tickets(self.context.now()).await?;
        self.context.logs.finish(unit).await
    }

    /// Stores when sessions were last used; called about once a second.
    pub(crate) async fn sweep(&self) -> Result<()> {
        let mut seen: Vec<_> =
            std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect();
        // In one order on all nodes, so that they do not wait for each other in a circle.
        seen.sort_unstable_by_key(|(session, _)| *session);
        if !seen.is_empty() {
            let mut unit = self.context.write(&[]).await?;
            unit.sessions().set_seen(&seen).await?;
            self.context.logs.finish(unit).await?;
        }
        Ok(())
    }
}

/// A session counts while it has not ended and its owner's account is in use.
fn check(stored: &StoredSession, owner: Option<UserState>) -> Result<()> {
    let alive = stored.ended_at.is_none() && owner == Some(UserState::Active);
    if alive { Ok(()) } else { Err(Code::AuthRequired.into()) }
}

/// A person's sessions that have not ended, also those that can no longer be renewed: their sockets may be open.
pub(super) async fn still_open(unit: &mut Unit, user: UserId) -> Result<Vec<Session>> {
    Ok(unit.sessions().list(user, Millis(i64::MIN)).await?)
}

/// Commits a unit together with the end of a person's sessions.
pub(super) async fn end_all(context: &Context, mut unit: Unit, user: UserId, except: Option<SessionId>) -> Result<()> {
    let now = context.now();
    let mut ended = Vec::new();
    for session in still_open(&mut unit, user).await? {
        if Some(session.id) != except && unit.sessions().end(session.id, now).await? {
            unit.tell(user, event(Kind::SESSION_REVOKED, &Revoked { id: session.id })?, now).await?;
            ended.push(session.id);
        }
    }
    context.logs.finish(unit).await?;
    context.hub.forget_sessions(&ended);
    context.hub.tell_ended(&ended).await;
    Ok(())
}
