use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::{MailId, UserId};
use crate::model::Email;
use crate::repo::{MailRepo, NewMail, Res, WaitingMail};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Mails {
    last: i64,
    rows: BTreeMap<MailId, Row>,
}

#[derive(Clone)]
struct Row {
    mail: WaitingMail,
    begun: Option<Millis>,
    /// `None` when it has gone out.
    due: Option<Millis>,
}

#[async_trait]
impl MailRepo for MemoryTx {
    async fn add(&mut self, mail: &NewMail, since: Millis) -> Res<MailId> {
        let mails = &mut self.change().mails;
        mails.rows.retain(|_, row| {
            let known = &row.mail.wanted;
            let by_same = match mail.user {
                Some(_) => known.user == mail.user,
                None => known.user.is_none() && known.email.key() == mail.email.key(),
            };
            let begun = row.begun.is_some_and(|begun| begun > since);
            !(known.purpose == mail.purpose && by_same && row.due.is_some() && !begun)
        });
        let id = MailId(next_id(&mut mails.last));
        let waiting = WaitingMail { id, wanted: mail.clone(), tries: 0 };
        mails.rows.insert(id, Row { mail: waiting, begun: None, due: Some(mail.at) });
        Ok(id)
    }

    async fn due(&mut self, now: Millis, limit: u16) -> Res<Vec<WaitingMail>> {
        let rows = self.state.mails.rows.values();
        let mut due: Vec<_> = rows.filter(|row| row.due.is_some_and(|due| due <= now)).collect();
        due.sort_by_key(|row| (row.due, row.mail.id));
        Ok(due.into_iter().take(limit.into()).map(|row| row.mail.clone()).collect())
    }

    async fn begin(&mut self, mail: &WaitingMail, now: Millis, until: Millis) -> Res<bool> {
        let row = self.change().mails.rows.get_mut(&mail.id);
        let Some(row) = row.filter(|row| row.mail.tries == mail.tries && row.due.is_some()) else { return Ok(false) };
        row.mail.tries += 1;
        (row.begun, row.due) = (Some(now), Some(until));
        Ok(true)
    }

    async fn begun_to(&mut self, email: &Email, except: MailId) -> Res<Option<Millis>> {
        let others = self.state.mails.rows.values().filter(|row| row.mail.id != except);
        Ok(others.filter(|row| row.mail.wanted.email.key() == email.key()).filter_map(|row| row.begun).max())
    }

    async fn put_off(&mut self, mail: &WaitingMail, until: Millis) -> Res<()> {
        let row = self.change().mails.rows.get_mut(&mail.id).filter(|row| row.mail.tries == mail.tries);
        if let Some(due) = row.and_then(|row| row.due.as_mut()) {
            *due = until;
        }
        Ok(())
    }

    async fn set_done(&mut self, id: MailId) -> Res<()> {
        if let Some(row) = self.change().mails.rows.get_mut(&id) {
            row.due = None;
        }
        Ok(())
    }

    async fn remove(&mut self, id: MailId) -> Res<bool> {
        Ok(self.change().mails.rows.remove(&id).is_some())
    }

    async fn forget(&mut self, user: UserId) -> Res<()> {
        self.change().mails.rows.retain(|_, row| row.mail.wanted.user != Some(user));
        Ok(())
    }

    async fn forget_done(&mut self, before: Millis) -> Res<()> {
        let is_old = |row: &Row| row.due.is_none() && row.begun.is_some_and(|begun| begun <= before);
        self.change().mails.rows.retain(|_, row| !is_old(row));
        Ok(())
    }
}
