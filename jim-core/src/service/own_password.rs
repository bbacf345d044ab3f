//! Passwords of accounts: asked for once more, as a token alone must not change how one logs in, and given anew.

use super::failures::Failures;
use super::passwords::{Passwords, Verdict};
use super::{Context, codes};
use crate::error::{Code, Result};
use crate::id::UserId;
use crate::model::User;
use crate::model::code::Purpose;
use crate::model::user::UserState;
use crate::repo::Unit;
use crate::secret::Secret;

/// Passwords that are asked for of who is logged in.
#[derive(Clone)]
pub(super) struct OwnPassword {
    context: Context,
    passwords: Passwords,
    failures: Failures,
}

/// That somebody has shown his password, and its hash then.
pub(super) struct Shown {
    who: UserId,
    hash: Option<String>,
}

impl Shown {
    /// By whom another knows him, who has no password.
    pub(super) const fn without_password(who: UserId) -> Self {
        Shown { who, hash: Some(String::new()) }
    }
}

impl OwnPassword {
    pub(super) fn new(context: Context, passwords: Passwords, failures: Failures) -> Self {
        OwnPassword { context, passwords, failures }
    }

    /// Holds what was typed against the password; who guesses too often waits.
    pub(super) async fn check(&self, who: UserId, typed: &Secret) -> Result<Shown> {
        let guess = self.failures.guess("password", who).await?;
        let known = self.context.read().await?.users().credentials(who).await?;
        let hash = known.map(|known| known.password_hash);
        if self.passwords.verify(typed, hash.clone()).await? == Verdict::Wrong {
            return Err(Code::WrongPassword.into());
        }
        self.failures.forget(&guess).await;
        Ok(Shown { who, hash })
    }

    /// A unit that locks who has shown his password, and his account, unless it has another password by now.
    pub(super) async fn unit(&self, shown: &Shown) -> Result<(Unit, User)> {
        let mut unit = self.context.write(&[shown.who]).await?;
        let user = unit.users().get(shown.who).await?.filter(|user| user.state == UserState::Active);
        let user = user.ok_or(Code::AuthRequired)?;
        let known = unit.users().credentials(shown.who).await?;
        if known.map(|known| known.password_hash) != shown.hash {
            return Err(Code::WrongPassword.into());
        }
        Ok((unit, user))
    }
}

/// Gives an account another password. A way back that was begun before ends: who began it knew of the old one.
pub(super) async fn set(context: &Context, unit: &mut Unit, user: UserId, hash: &str) -> Result<()> {
    unit.users().set_password(user, hash).await?;
    if let Some(email) = unit.emails().get(user).await? {
        unit.codes().remove(Purpose::Recovery, &codes::of_address(context, &email)).await?;
    }
    Ok(())
}
