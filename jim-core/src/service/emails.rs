//! Addresses of mail: an account has one, an address one account, and only who reads its mail binds it.

use super::{Context, codes, mails, users};
use crate::error::{Code, Result};
use crate::id::UserId;
use crate::model::code::Purpose;
use crate::model::{Email, Language};
use crate::repo::{NewMail, RepoError};

/// Addresses of mail.
#[derive(Clone)]
pub struct Emails {
    context: Context,
}

impl Emails {
    pub(crate) fn new(context: Context) -> Self {
        Emails { context }
    }

    /// Sends a code to an address, which [`Emails::confirm`] takes. That the address is another's is not said before
    /// somebody has shown that he reads its mail.
    pub async fn bind(&self, who: UserId, email: Email, language: Language) -> Result<()> {
        let wanted = NewMail { purpose: Purpose::Email, user: Some(who), email, language, at: self.context.now() };
        mails::want(&self.context, &wanted).await
    }

    /// Binds the address that the newest code was sent to. One that is bound already gives way; one that is another's by
    /// now is refused, and the code is used up.
    pub async fn confirm(&self, who: UserId, code: &str) -> Result<()> {
        let mut unit = self.context.write(&[who]).await?;
        let taken = codes::take(&self.context, &mut unit, Purpose::Email, &codes::of_user(who), code).await?;
        let Some(email) = taken.and_then(|taken| taken.email) else {
            self.context.logs.finish(unit).await?;
            return Err(Code::EmailCodeInvalid.into());
        };
        match unit.emails().set(who, &email, self.context.now()).await {
            Err(RepoError::Conflict) => {
                self.context.logs.finish(unit).await?;
                Err(Code::EmailTaken.into())
            }
            set => {
                set?;
                users::tell_devices(&self.context, unit, who).await
            }
        }
    }

    /// Takes the address away, if there is one.
    pub async fn remove(&self, who: UserId) -> Result<()> {
        let mut unit = self.context.write(&[who]).await?;
        unit.codes().remove(Purpose::Email, &codes::of_user(who)).await?;
        if unit.emails().remove(who).await? {
            users::tell_devices(&self.context, unit, who).await
        } else {
            self.context.logs.finish(unit).await
        }
    }
}
