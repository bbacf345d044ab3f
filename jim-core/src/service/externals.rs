//! Users of the host: who they are is said by the host, and here they get an account of their own.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;

use super::own_password::Shown;
use super::{Context, OpenSession, users};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::model::session::Source;
use crate::model::user::{AccountRole, UserState};
use crate::model::{Limits, Me, Nickname, User, Username};
use crate::repo::NewUser;
use crate::secret::Secret;
use crate::time::Millis;

/// The longest id of a host's user, in bytes.
const LONGEST: usize = 255;

/// Somebody whom the host knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUser {
    /// The host's id of him: 1 to 255 bytes that never stand for anybody else.
    pub id: String,
    /// The nickname of his new account; an existing one keeps its own.
    pub name: Option<String>,
}

/// Knows the tokens by which the host says who somebody is.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Whom a token stands for at this time; `None` if it is not good.
    async fn authenticate(&self, token: &str, now: Millis) -> Result<Option<ExternalUser>>;
}

/// Users of the host.
#[derive(Clone)]
pub struct Externals {
    context: Context,
    authenticator: Option<Arc<dyn Authenticator>>,
}

impl Externals {
    pub(crate) fn new(context: Context, authenticator: Option<Arc<dyn Authenticator>>) -> Self {
        Externals { context, authenticator }
    }

    /// Whether the host has users of its own.
    #[must_use]
    pub fn are_known(&self) -> bool {
        self.authenticator.is_some()
    }

    /// Logs in by a token of the host. Who comes for the first time gets an account, however many times at once he does.
    pub async fn log_in(&self, token: &str, source: &Source) -> Result<(Me, OpenSession)> {
        let authenticator = self.authenticator.as_ref().ok_or(Code::NotFound)?;
        let known = authenticator.authenticate(token, self.context.now()).await?;
        let is_plain = |id: &str| (1..=LONGEST).contains(&id.len()) && !id.chars().any(char::is_control);
        let external = known.filter(|external| is_plain(&external.id)).ok_or(Code::TokenInvalid)?;
        let user = match self.find(&external.id).await? {
            Some(user) => user,
            None => match self.add(&external).await? {
                Some(user) => user,
                // Somebody was quicker.
                None => self.find(&external.id).await?.ok_or(Error::internal("an account that was bound is gone"))?,
            },
        };
        let mut unit = self.context.write(&[user]).await?;
        let active = |user: &User| user.state == UserState::Active;
        let user = unit.users().get(user).await?.filter(active).ok_or(Code::AccountDisabled)?;
        let session = OpenSession::begin(&self.context, &mut unit, user.id, source).await?;
        let me = users::me(&mut unit, user, self.context.now()).await?;
        self.context.logs.finish(unit).await?;
        Ok((me, session))
    }

    /// Whether somebody who is logged in shows that he is the host's user; `None` for who has a password, and where the
    /// host has no users. A token is compared as a log-in does.
    pub(super) async fn check(&self, who: UserId, token: &Secret) -> Result<Option<Shown>> {
        let Some(authenticator) = &self.authenticator else { return Ok(None) };
        let known = self.context.read().await?.users().credentials(who).await?;
        if known.is_none_or(|known| !known.password_hash.is_empty()) {
            return Ok(None);
        }
        let known = authenticator.authenticate(token.expose(), self.context.now()).await?.ok_or(Code::WrongPassword)?;
        let is_his = self.find(&known.id).await? == Some(who);
        if is_his { Ok(Some(Shown::without_password(who))) } else { Err(Code::WrongPassword.into()) }
    }

    async fn find(&self, external: &str) -> Result<Option<UserId>> {
        Ok(self.context.read().await?.externals().find(external).await?)
    }

    /// A new account; `None` if there is one meanwhile.
    async fn add(&self, external: &ExternalUser) -> Result<Option<UserId>> {
        // A name that nobody can have taken before him, as he did not choose it.
        let mut username = "ext-".to_owned();
        for byte in &self.context.random.bits()[..10] {
            let _ = write!(username, "{byte:02x}");
        }
        let limits = Limits::default();
        let username = Username::parse(&username, &limits).map_err(|_| Error::internal("a made name is bad"))?;
        let nickname =
            external.name.as_deref().and_then(|name| Nickname::parse(name, &self.context.options.limits).ok());
        let new = NewUser {
            nickname: nickname.unwrap_or_else(|| Nickname::from(&username)),
            username,
            birth_date: None,
            // No password is right.
            password_hash: String::new(),
            role: AccountRole::User,
            created_at: self.context.now(),
        };
        let mut unit = self.context.write(&[]).await?;
        let user = unit.users().add(&new).await?;
        if !unit.externals().add(&external.id, user).await? {
            return Ok(None);
        }
        self.context.logs.finish(unit).await?;
        Ok(Some(user))
    }
}
