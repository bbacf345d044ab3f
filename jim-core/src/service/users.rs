//! Accounts and people.

use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::model::session::Source;
use crate::model::user::{BirthDate, Change, ProfileChange, fold};
use crate::model::{At as _, Kind, Me, Nickname, Password, User, UserCard, Username};
use crate::page::{Cursors, Page};
use crate::repo::{NewUser, RepoError, Unit};
use crate::secret::Secret;
use crate::service::sessions::OpenSession;
use crate::time::Millis;

use super::captchas::{CaptchaAnswer, Captchas};
use super::departures::Departures;
use super::externals::Externals;
use super::failures::Failures;
use super::own_password::{self, OwnPassword};
use super::passwords::{Passwords, Verdict};
use super::{Context, event, registrations, totp};
use crate::bus::Topic;
use crate::model::user::{AccountRole, UserState};

/// Who wants an account.
#[derive(Debug, Clone)]
pub struct Register {
    /// The name to log in with.
    pub username: Username,
    /// A password that the policy allows.
    pub password: Password,
    /// The name others see; the user name if absent.
    pub nickname: Option<Nickname>,
    /// Day of birth.
    pub birth_date: Option<BirthDate>,
}

/// Accounts and people.
#[derive(Clone)]
pub struct Users {
    context: Context,
    passwords: Passwords,
    own: OwnPassword,
    externals: Externals,
    captchas: Captchas,
    failures: Failures,
    departures: Departures,
}

/// What a log-in may want beside the password.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proofs<'a> {
    /// The answer to a captcha, after some failures.
    pub captcha: Option<&'a CaptchaAnswer>,
    /// A code of the second factor, or one of its recovery codes, where the account has one.
    pub totp: Option<&'a Secret>,
}

#[derive(serde::Serialize)]
struct ProfileSeen<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    user: &'a UserCard,
}

impl Users {
    pub(super) fn new(
        context: Context,
        externals: Externals,
        captchas: Captchas,
        failures: Failures,
        departures: Departures,
    ) -> Self {
        let passwords = Passwords::new(context.random.clone(), context.logs.last_write.clone());
        let own = OwnPassword::new(context.clone(), passwords.clone(), failures.clone());
        Users { context, passwords, own, externals, captchas, failures, departures }
    }

    /// Who asks for a password once more.
    pub(super) fn own_password(&self) -> OwnPassword {
        self.own.clone()
    }

    /// One place for all that hashes: they share the cores.
    pub(super) fn passwords(&self) -> Passwords {
        self.passwords.clone()
    }

    /// The hash of a password.
    pub(super) async fn hash(&self, password: &Password) -> Result<String> {
        self.passwords.hash(password.secret()).await
    }

    /// An account, and the unit that makes it.
    pub(super) async fn add(&self, wish: Register, role: AccountRole) -> Result<(Unit, User)> {
        // Saves the work of hashing; the unique key decides.
        if self.context.read().await?.users().find_by_username(wish.username.key()).await?.is_some() {
            return Err(Code::UsernameTaken.into());
        }
        let password_hash = self.passwords.hash(wish.password.secret()).await?;
        let new = NewUser {
            nickname: wish.nickname.unwrap_or_else(|| Nickname::from(&wish.username)),
            username: wish.username,
            birth_date: wish.birth_date.map(|date| date.0.to_string()),
            password_hash,
            role,
            created_at: self.context.now(),
        };
        let mut unit = self.context.write(&[]).await?;
        let id = match unit.users().add(&new).await {
            Err(RepoError::Conflict) => return Err(Code::UsernameTaken.into()),
            id => id?,
        };
        let user = unit.users().get(id).await?.ok_or(Error::internal("a new account is gone"))?;
        Ok((unit, user))
    }

    /// Makes an account and logs it in. Of many who want a name at once, one gets it. Where a captcha is wanted, it is
    /// spent before anything is told.
    pub async fn register(
        &self,
        wish: Register,
        captcha: Option<&CaptchaAnswer>,
        source: &Source,
    ) -> Result<(Me, OpenSession)> {
        let registration = registrations::read(&self.context, &mut self.context.read().await?).await?;
        if !registration.is_open(self.context.now()) {
            return Err(Code::RegistrationClosed.into());
        }
        if self.context.options.registration_captcha {
            self.captchas.take(captcha.ok_or(Code::CaptchaAbsent)?).await?;
        }
        let (mut unit, user) = self.add(wish, AccountRole::User).await?;
        let id = user.id;
        let session = OpenSession::begin(&self.context, &mut unit, id, source).await?;
        self.context.logs.finish(unit).await?;
        Ok((Me::of(user, self.context.now()), session))
    }

    /// Logs in. An unknown name and a wrong password look alike; only the right password learns that an account is
    /// disabled, or that it wants a code of its second factor. After some failures from one source a captcha is asked
    /// for, and after more of them that source waits.
    pub async fn log_in(
        &self,
        username: &str,
        password: &Secret,
        proofs: Proofs<'_>,
        source: &Source,
    ) -> Result<(Me, OpenSession)> {
        let (users, username, source) = (self.clone(), username.to_owned(), source.clone());
        let (password, captcha, totp) = (password.clone(), proofs.captcha.cloned(), proofs.totp.cloned());
        // A caller who hangs up has not failed: what became of his try is settled without him.
        let settled = tokio::spawn(async move {
            let attempt = users.failures.admit(&username, &source, captcha.as_ref()).await?;
            let done = users.try_log_in(&username, &password, totp.as_ref(), &source).await;
            users.failures.settle(attempt, done).await
        });
        settled.await.map_err(|error| Error::Internal(error.into()))?
    }

    async fn try_log_in(
        &self,
        username: &str,
        password: &Secret,
        typed: Option<&Secret>,
        source: &Source,
    ) -> Result<(Me, OpenSession)> {
        let known = self.context.read().await?.users().find_by_username(&fold(username)).await?;
        // What is left of an account that is gone has no name and no password.
        let known = known.filter(|(user, _)| user.state != UserState::Deleted);
        let hash = known.as_ref().map(|(_, hash)| hash.clone());
        let verdict = self.passwords.verify(password, hash).await?;
        let Some((user, old_hash)) = known.filter(|_| verdict != Verdict::Wrong) else {
            return Err(Code::InvalidCredentials.into());
        };
        if user.state != UserState::Active {
            return Err(Code::AccountDisabled.into());
        }
        let renewed = match verdict {
            Verdict::Old => Some(self.passwords.hash(password).await?),
            _ => None,
        };
        let guess = match typed {
            Some(typed) if totp::is_guessable(typed) => Some(self.failures.guess("totp", user.id).await?),
            _ => None,
        };
        let me = me(&mut self.context.read().await?, user, self.context.now()).await?;
        let mut unit = self.context.write(&[me.id]).await?;
        // Each may have changed while the hash was checked.
        let known = unit.users().credentials(me.id).await?.filter(|known| known.state == UserState::Active);
        let known = known.ok_or(Code::AccountDisabled)?;
        if known.password_hash != old_hash {
            return Err(Code::InvalidCredentials.into());
        }
        if let Some(factor) = known.totp {
            totp::check(&self.context, &mut unit, me.id, &factor, typed).await?;
        }
        if let Some(hash) = renewed {
            unit.users().set_password(me.id, &hash).await?;
        }
        let session = OpenSession::begin(&self.context, &mut unit, me.id, source).await?;
        self.context.logs.finish(unit).await?;
        if let Some(guess) = guess {
            self.failures.forget(&guess).await;
        }
        Ok((me, session))
    }

    /// One's own account.
    pub async fn me(&self, who: UserId) -> Result<Me> {
        let mut unit = self.context.read().await?;
        let user = unit.users().get(who).await?.ok_or(Code::NotFound)?;
        me(&mut unit, user, self.context.now()).await
    }

    /// Changes one's own profile; one's other devices and friends are told.
    pub async fn update(&self, who: UserId, change: ProfileChange) -> Result<Me> {
        let mut unit = self.context.write(&[who]).await?;
        let now = self.context.now();
        // A line that has ended is not there any more, nor is its end.
        let stored = unit.users().get(who).await?.ok_or(Code::NotFound)?;
        let stored_until = stored.standing.text_until;
        let before = stored.current(now);
        let mut user = before.clone();
        if let Some(nickname) = change.nickname {
            nickname.as_str().clone_into(&mut user.nickname);
        }
        change.birth_date.map(|date| date.0.to_string()).apply(&mut user.birth_date);
        change.status_text.map(|text| text.0).apply(&mut user.status_text);
        if matches!(change.status_text_until, Change::Set(_)) && user.status_text.is_none() {
            return Err(Error::field("status_text_until", "invalid", "there is no status text"));
        }
        change.status_text_until.map(|end| end.0).apply(&mut user.standing.text_until);
        let user = user.current(now);
        let me = me(&mut unit, user.clone(), now).await?;
        if user == before {
            return Ok(me);
        }
        unit.users().set_profile(&user).await?;
        if user.standing.text_until != stored_until {
            unit.statuses().set_text_until(who, user.standing.text_until).await?;
        }
        unit.tell(who, event(Kind::PROFILE_CHANGED, &me)?, now).await?;
        self.context.logs.finish(unit).await?;
        if user.card(now) != before.card(now) {
            self.show(&user, now).await?;
        }
        Ok(me)
    }

    /// Shows a changed profile to friends who are there now, as far as they may see him; the others read it when they
    /// come.
    async fn show(&self, user: &User, now: Millis) -> Result<()> {
        let card = user.card(now);
        let seen = serde_json::value::to_raw_value(&ProfileSeen { kind: "profile", user: &card });
        let seen = seen.map_err(|error| Error::Internal(error.into()))?;
        let audience = self.context.read().await?.friends().list_audience(user.id).await?;
        for friend in audience {
            self.context.logs.whisper(Topic::User(friend), &seen).await;
        }
        Ok(())
    }

    /// Changes the password and ends every other session.
    pub async fn change_password(&self, caller: &super::Caller, old: &Secret, new: &Secret) -> Result<()> {
        let shown = self.own.check(caller.user, old).await?;
        let username = Username::stored(&self.me(caller.user).await?.username);
        let new = Password::parse(new, Some(&username), &self.context.options.limits).at("new_password");
        let new = new.map_err(|error| Error::Invalid(vec![error]))?;
        let new_hash = self.passwords.hash(new.secret()).await?;
        let (mut unit, _) = self.own.unit(&shown).await?;
        own_password::set(&self.context, &mut unit, caller.user, &new_hash).await?;
        super::sessions::end_all(&self.context, unit, caller.user, Some(caller.session)).await
    }

    /// Deletes one's own account for good. The password is asked for once more; in its place, an account of the host's
    /// shows a token of the host.
    pub async fn delete(&self, who: UserId, proof: &Secret) -> Result<()> {
        let shown = match self.externals.check(who, proof).await? {
            Some(shown) => shown,
            None => self.own.check(who, proof).await?,
        };
        let (unit, _) = self.own.unit(&shown).await?;
        self.departures.begin(unit, who).await
    }

    /// One person, as others see him; of an account that is gone only that it is.
    pub async fn get(&self, _who: UserId, id: UserId) -> Result<UserCard> {
        let user = self.context.read().await?.users().get(id).await?.filter(|user| user.state != UserState::Disabled);
        user.map(|user| user.card(self.context.now())).ok_or(Code::NotFound.into())
    }

    /// Those of some people who exist, by id, those who are gone as such.
    pub async fn list(&self, who: UserId, ids: &[UserId]) -> Result<Page<UserCard>> {
        let mut unit = self.context.read().await?;
        let users = unit.users().list(ids).await?;
        let now = self.context.now();
        let known = users.iter().filter(|user| user.state != UserState::Disabled);
        let items = known.map(|user| user.card(now)).collect();
        Ok(Page { items, next: None, log: unit.user_log().head(who).await? })
    }

    /// People whose nickname begins with a text, taken literally and without regard to case.
    pub async fn find(&self, who: UserId, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Page<UserCard>> {
        let prefix = fold(prefix.trim());
        let limits = &self.context.options.limits;
        if prefix.is_empty() || prefix.chars().count() > limits.nickname.max as usize {
            return Err(Error::field("nickname", "invalid", format!("1 to {} characters", limits.nickname.max)));
        }
        let cursors = Cursors::new(&self.context.key, format!("users:{who}:{prefix}"));
        let after = cursors.read(cursor)?;
        let mut unit = self.context.read().await?;
        let users = unit.users().find_by_nickname(&prefix, after, limit + 1).await?;
        let (log, now) = (unit.user_log().head(who).await?, self.context.now());
        Ok(cursors.page(users, limit, log, |user| user.id.to_string()).map(|user| user.card(now)))
    }
}

/// What its owner sees of an account, with what other repositories know of it.
pub(super) async fn me(unit: &mut Unit, user: User, now: Millis) -> Result<Me> {
    let email = unit.emails().get(user.id).await?.map(|email| email.as_str().to_owned());
    let totp = unit.totp().get(user.id).await?.is_some_and(|row| row.confirmed);
    Ok(Me { email, totp, ..Me::of(user, now) })
}

/// Commits a unit that changes what somebody sees of his account, and tells his devices.
pub(super) async fn tell_devices(context: &Context, mut unit: Unit, who: UserId) -> Result<()> {
    let user = unit.users().get(who).await?.ok_or(Error::Refused(Code::NotFound))?;
    let me = me(&mut unit, user, context.now()).await?;
    unit.tell(who, event(Kind::PROFILE_CHANGED, &me)?, context.now()).await?;
    context.logs.finish(unit).await
}
