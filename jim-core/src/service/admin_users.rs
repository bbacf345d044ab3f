//! Accounts, as administrators run them.

use serde_json::{Value, json};

use super::Context;
use super::audit::{Act, Actor, allow, write_down};
use super::departures::Departures;
use super::own_password;
use super::sessions::{end_all, still_open};
use super::users::{Register, Users};
use crate::error::{Code, Error, Result};
use crate::id::{Seq, UserId};
use crate::model::session::Session;
use crate::model::user::{AccountRole, UserState, fold};
use crate::model::{At as _, Password, User, Username};
use crate::page::{Cursors, Page};
use crate::repo::Unit;
use crate::secret::Secret;

/// Accounts, as administrators run them.
#[derive(Clone)]
pub struct AdminUsers {
    context: Context,
    users: Users,
    departures: Departures,
}

impl AdminUsers {
    pub(super) fn new(context: Context, users: Users, departures: Departures) -> Self {
        AdminUsers { context, users, departures }
    }

    /// Accounts of any state whose user name begins with a text, without regard to case, and of one role if it is
    /// named, by id.
    pub async fn list(
        &self,
        actor: &Actor,
        (prefix, role): (&str, Option<AccountRole>),
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<User>> {
        let prefix = fold(prefix.trim());
        let cursors = Cursors::new(&self.context.key, format!("admin-users:{}:{prefix}:{role:?}", actor.id()));
        let mut unit = self.context.read().await?;
        allow(&mut unit, actor).await?;
        let after = cursors.read(cursor)?;
        let users = unit.users().search(&prefix, role, after, limit + 1).await?;
        let log = unit.user_log().head(actor.id()).await?;
        Ok(cursors.page(users, limit, log, |user| user.id.to_string()))
    }

    /// The account of a user name.
    pub async fn find(&self, actor: &Actor, username: &str) -> Result<User> {
        let mut unit = self.context.read().await?;
        allow(&mut unit, actor).await?;
        let found = unit.users().find_by_username(&fold(username)).await?;
        found.map(|(user, _)| user).filter(|user| user.state != UserState::Deleted).ok_or(Code::NotFound.into())
    }

    /// Makes an account, whether people may register or not.
    pub async fn create(&self, actor: &Actor, wish: Register, role: AccountRole) -> Result<User> {
        // Who may not has no hash made for him.
        allow(&mut self.context.read().await?, actor).await?;
        let (mut unit, user) = self.users.add(wish, role).await?;
        allow(&mut unit, actor).await?;
        let act = act("user.created", user.id, Value::Null, json!({ "role": role }));
        write_down(&mut unit, actor, act, user.created_at).await?;
        self.context.logs.finish(unit).await?;
        Ok(user)
    }

    /// Switches an account off: it cannot log in, its sessions end and its sockets close.
    pub async fn disable(&self, actor: &Actor, id: UserId) -> Result<User> {
        self.set_state(actor, id, UserState::Disabled, "user.disabled").await
    }

    /// Switches an account on again.
    pub async fn enable(&self, actor: &Actor, id: UserId) -> Result<User> {
        self.set_state(actor, id, UserState::Active, "user.enabled").await
    }

    async fn set_state(&self, actor: &Actor, id: UserId, state: UserState, action: &'static str) -> Result<User> {
        let (mut unit, user) = self.lock(actor, id).await?;
        if user.state == state {
            return Ok(user);
        }
        unit.users().set_state(id, state).await?;
        let act = act(action, id, json!({ "state": user.state.as_str() }), json!({ "state": state.as_str() }));
        write_down(&mut unit, actor, act, self.context.now()).await?;
        match state {
            UserState::Active => self.context.logs.finish(unit).await?,
            _ => end_all(&self.context, unit, id, None).await?,
        }
        Ok(User { state, ..user })
    }

    /// Deletes an account for good; nothing happens where it is gone.
    pub async fn delete(&self, actor: &Actor, id: UserId) -> Result<()> {
        let (mut unit, user) = match self.lock(actor, id).await {
            Err(Error::Refused(Code::UserUnavailable)) => return Ok(()),
            locked => locked?,
        };
        let after = json!({ "state": UserState::Deleted.as_str(), "messages": self.departures.messages() });
        let act = act("user.deleted", id, json!({ "state": user.state.as_str() }), after);
        write_down(&mut unit, actor, act, self.context.now()).await?;
        self.departures.begin(unit, id).await
    }

    /// Gives an account another password, and ends its sessions.
    pub async fn set_password(&self, actor: &Actor, id: UserId, password: &Secret) -> Result<()> {
        let user = {
            let mut unit = self.context.read().await?;
            allow(&mut unit, actor).await?;
            target(&mut unit, id).await?
        };
        let limits = &self.context.options.limits;
        let username = Username::stored(&user.username);
        let password = Password::parse(password, Some(&username), limits).at("password");
        let password = password.map_err(|error| Error::Invalid(vec![error]))?;
        let hash = self.users.hash(&password).await?;
        let (mut unit, _) = self.lock(actor, id).await?;
        own_password::set(&self.context, &mut unit, id, &hash).await?;
        let act = act("user.password_reset", id, Value::Null, Value::Null);
        write_down(&mut unit, actor, act, self.context.now()).await?;
        end_all(&self.context, unit, id, None).await
    }

    /// The sessions of an account, newest first, and the number of the actor's own log that they include.
    pub async fn sessions(&self, actor: &Actor, id: UserId) -> Result<(Vec<Session>, Seq)> {
        let mut unit = self.context.read().await?;
        allow(&mut unit, actor).await?;
        unit.users().get(id).await?.ok_or(Code::NotFound)?;
        let sessions = unit.sessions().list(id, self.context.now()).await?;
        Ok((sessions, unit.user_log().head(actor.id()).await?))
    }

    /// Ends all sessions of an account.
    pub async fn end_sessions(&self, actor: &Actor, id: UserId) -> Result<()> {
        let (mut unit, _) = self.lock(actor, id).await?;
        let open = still_open(&mut unit, id).await?.len();
        if open == 0 {
            return Ok(());
        }
        let act = act("user.sessions_ended", id, json!({ "sessions": open }), json!({ "sessions": 0 }));
        write_down(&mut unit, actor, act, self.context.now()).await?;
        end_all(&self.context, unit, id, None).await
    }

    /// A unit that locks the actor, who must be an administrator still, and an account that is not gone.
    async fn lock(&self, actor: &Actor, id: UserId) -> Result<(Unit, User)> {
        let mut unit = self.context.write(&actor.and(id)).await?;
        allow(&mut unit, actor).await?;
        let user = target(&mut unit, id).await?;
        Ok((unit, user))
    }
}

/// An account that is not gone.
async fn target(unit: &mut Unit, id: UserId) -> Result<User> {
    let user = unit.users().get(id).await?.ok_or(Code::NotFound)?;
    if user.state == UserState::Deleted { Err(Code::UserUnavailable.into()) } else { Ok(user) }
}

fn act(action: &'static str, user: UserId, before: Value, after: Value) -> Act {
    Act { action, target: format!("user/{user}"), before, after }
}
