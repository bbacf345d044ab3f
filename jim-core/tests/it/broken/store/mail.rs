//! Addresses, codes, mails and second factors.

use async_trait::async_trait;
use jim_core::id::{MailId, UserId};
use jim_core::model::Email;
use jim_core::model::code::Purpose;
use jim_core::repo::{CodeRepo, CodeRow, EmailRepo, MailRepo, NewMail, Res, TotpRepo, TotpRow, WaitingMail};
use jim_core::secret::{Secret, TokenHash};
use jim_core::time::Millis;

use super::{BrokenTx, Fault};

repo! { me: EmailRepo by emails {
    fn get(user: UserId) -> Option<Email>;
    fn find_by_address(email: &Email) -> Option<UserId>;
    fn set(user: UserId, email: &Email, at: Millis) -> (); {
        if me.is(Fault::AddressOfTwo)
            && let Some(owner) = me.unit().await?.emails().find_by_address(email).await?
        {
            me.unit().await?.emails().remove(owner).await?;
        }
    }
    fn remove(user: UserId) -> bool;
} }

repo! { me: CodeRepo by codes {
    fn set(code: &CodeRow) -> ();
    fn guess(purpose: Purpose, subject: &str, now: Millis, tries: u16) -> Option<CodeRow>; {
        if me.is(Fault::GuessesAreFree) {
            let found = me.unit().await?.codes().guess(purpose, subject, now, tries).await?;
            if let Some(found) = &found {
                me.unit().await?.codes().set(found).await?;
            }
            return Ok(found);
        }
    }
    fn remove(purpose: Purpose, subject: &str) -> bool;
    fn forget_before(now: Millis) -> ();
} }

repo! { me: MailRepo by mails {
    fn add(mail: &NewMail, since: Millis) -> MailId;
    fn due(now: Millis, limit: u16) -> Vec<WaitingMail>;
    fn begin(mail: &WaitingMail, now: Millis, until: Millis) -> bool; {
        if me.is(Fault::MailBegunTwice) {
            me.unit().await?.mails().begin(mail, now, until).await?;
            return Ok(true);
        }
    }
    fn begun_to(email: &Email, except: MailId) -> Option<Millis>;
    fn put_off(mail: &WaitingMail, until: Millis) -> ();
    fn set_done(id: MailId) -> ();
    fn remove(id: MailId) -> bool;
    fn forget(user: UserId) -> ();
    fn forget_done(before: Millis) -> ();
} }

repo! { me: TotpRepo by totp {
    fn get(user: UserId) -> Option<TotpRow>;
    fn set(user: UserId, key: &Secret) -> ();
    fn confirm(user: UserId, step: i64, recovery: &[TokenHash]) -> bool;
    fn take_step(user: UserId, step: i64) -> bool; {
        if me.is(Fault::StepTwice) {
            me.unit().await?.totp().take_step(user, step).await?;
            return Ok(true);
        }
    }
    fn take_recovery(user: UserId, hash: &TokenHash) -> bool;
    fn remove(user: UserId) -> bool;
} }
