use async_trait::async_trait;

use super::Res;
use crate::id::{MailId, UserId};
use crate::model::code::Purpose;
use crate::model::{Email, Language};
use crate::time::Millis;

/// A mail that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// What its code is to be good for.
    pub purpose: Purpose,
    /// Who wants it; `None` for somebody who is not logged in.
    pub user: Option<UserId>,
    /// Where it is to go.
    pub email: Email,
    /// In which language.
    pub language: Language,
    /// When it was wanted.
    pub at: Millis,
}

/// A mail that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingMail {
    /// Its id.
    pub id: MailId,
    /// What is wanted.
    pub wanted: NewMail,
    /// How often it was begun.
    pub tries: i64,
}

/// Mails on their way. What they say is not among them: it is made when they go.
#[async_trait]
pub trait MailRepo: Send {
    /// Leaves a mail, to be begun at once, in place of those that the same person wanted for the same purpose (without a
    /// person: for the same address) and that were not begun after `since`.
    async fn add(&mut self, mail: &NewMail, since: Millis) -> Res<MailId>;
    /// Mails whose time has come, the one that waits longest first.
    async fn due(&mut self, now: Millis, limit: u16) -> Res<Vec<WaitingMail>>;
    /// Begins a mail: nobody else does before `until`. `false` if somebody else has begun it meanwhile, or it is gone.
    async fn begin(&mut self, mail: &WaitingMail, now: Millis, until: Millis) -> Res<bool>;
    /// When one of the other mails to an address was begun last, by its folded form.
    async fn begun_to(&mut self, email: &Email, except: MailId) -> Res<Option<Millis>>;
    /// Lets a mail wait until a time, unless it is done or somebody has begun it since it was seen so.
    async fn put_off(&mut self, mail: &WaitingMail, until: Millis) -> Res<()>;
    /// Remembers that a mail has gone out.
    async fn set_done(&mut self, id: MailId) -> Res<()>;
    /// Removes a mail; `false` if it is gone.
    async fn remove(&mut self, id: MailId) -> Res<bool>;
    /// Forgets what somebody wanted.
    async fn forget(&mut self, user: UserId) -> Res<()>;
    /// Removes those that have gone out and were begun at or before a time.
    async fn forget_done(&mut self, before: Millis) -> Res<()>;
}
