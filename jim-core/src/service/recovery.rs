//! A way back for who forgot the password and reads the mail of the account's address.
//!
//! Nobody learns whether an address is an account's: what is done for one is done for any.

use super::passwords::Passwords;
use super::{Context, codes, mails, own_password, sessions};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::model::code::Purpose;
use crate::model::user::UserState;
use crate::model::{At as _, Email, Language, Password, User, Username};
use crate::repo::{NewMail, Unit};
use crate::secret::Secret;

/// Ways back to accounts.
#[derive(Clone)]
pub struct Recovery {
    context: Context,
    passwords: Passwords,
}

impl Recovery {
    pub(super) fn new(context: Context, passwords: Passwords) -> Self {
        Recovery { context, passwords }
    }

    /// Sends a code to an address if it is an account's.
    pub async fn begin(&self, email: Email, language: Language) -> Result<()> {
        let wanted = NewMail { purpose: Purpose::Recovery, user: None, email, language, at: self.context.now() };
        mails::want(&self.context, &wanted).await
    }

    /// Sets a new password with the code, and ends all sessions. An address that is nobody's and a wrong code look alike
    /// and take as long.
    pub async fn confirm(&self, address: &str, code: &str, password: &Secret) -> Result<()> {
        // What is no address is nobody's.
        let email = &Email::parse(address).map_err(|_| Error::from(Code::EmailCodeInvalid))?;
        let limits = &self.context.options.limits;
        let allowed = |name: Option<&Username>| {
            let password = Password::parse(password, name, limits).at("password");
            password.map_err(|error| Error::Invalid(vec![error]))
        };
        let hash = self.passwords.hash(allowed(None)?.secret()).await?;
        let owner = self.context.read().await?.emails().find_by_address(email).await?.unwrap_or(UserId::SYSTEM);
        let mut unit = self.context.write(&[owner]).await?;
        let subject = codes::of_address(&self.context, email);
        let taken = codes::take(&self.context, &mut unit, Purpose::Recovery, &subject, code).await?;
        let user = whose(&mut unit, email).await?.filter(|user| taken.is_some() && user.id == owner);
        let Some(user) = user else {
            self.context.logs.finish(unit).await?;
            return Err(Code::EmailCodeInvalid.into());
        };
        // Only who has the code learns which names a password must not have in it, and he may try again.
        allowed(Some(&Username::stored(&user.username)))?;
        own_password::set(&self.context, &mut unit, user.id, &hash).await?;
        sessions::end_all(&self.context, unit, user.id, None).await
    }
}

/// Whose address this is, if the account is in use and has a password: those of the host are entered by its tokens alone.
pub(super) async fn whose(unit: &mut Unit, email: &Email) -> Result<Option<User>> {
    let owner = unit.emails().find_by_address(email).await?.unwrap_or(UserId::SYSTEM);
    let has_password = unit.users().credentials(owner).await?.is_some_and(|known| !known.password_hash.is_empty());
    let user = unit.users().get(owner).await?;
    Ok(user.filter(|user| user.state == UserState::Active && has_password))
}
