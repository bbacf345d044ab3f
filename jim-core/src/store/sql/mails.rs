use async_trait::async_trait;

use super::conn::{Verbs as _, args, broken};
use super::sql;
use super::tx::SqlTx;
use crate::id::{MailId, UserId};
use crate::model::code::Purpose;
use crate::model::{Email, Language};
use crate::repo::{MailRepo, NewMail, RepoError, Res, WaitingMail};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    purpose: String,
    user_id: Option<i64>,
    address: String,
    language: String,
    at: i64,
    tries: i64,
}

impl TryFrom<Row> for WaitingMail {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        let wanted = NewMail {
            purpose: Purpose::of(&row.purpose).ok_or_else(|| broken("a mail has no such purpose"))?,
            user: row.user_id.map(UserId),
            email: Email::stored(&row.address),
            language: Language::of(&row.language),
            at: Millis(row.at),
        };
        Ok(WaitingMail { id: MailId(row.id), wanted, tries: row.tries })
    }
}

// A mail that has gone out is due at no time.
#[async_trait]
impl MailRepo for SqlTx {
    async fn add(&mut self, mail: &NewMail, since: Millis) -> Res<MailId> {
        let mut conn = self.conn().await?;
        let (purpose, key) = (mail.purpose.as_str(), mail.email.key());
        let (whose, mut args) = match mail.user {
            Some(user) => ("user_id = ?", args![user]),
            None => ("address_key = ? AND user_id IS NULL", args![key]),
        };
        let text = format!(
            "DELETE FROM jim_mails WHERE {whose} AND purpose = ? AND due_at IS NOT NULL
                 AND (begun_at IS NULL OR begun_at <= ?)"
        );
        args.extend(args![purpose, since]);
        conn.run(sql(text), args).await?;
        let id = conn
            .insert(
                "INSERT INTO jim_mails (purpose, user_id, address, address_key, language, at, tries, due_at)
                 VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
                args![purpose, mail.user, mail.email.as_str(), key, mail.language.as_str(), mail.at, mail.at],
            )
            .await?;
        Ok(MailId(id))
    }

    async fn due(&mut self, now: Millis, limit: u16) -> Res<Vec<WaitingMail>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = conn
            .rows(
                "SELECT id, purpose, user_id, address, language, at, tries FROM jim_mails
                 WHERE due_at <= ? ORDER BY due_at, id LIMIT ?",
                args![now, limit],
            )
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn begin(&mut self, mail: &WaitingMail, now: Millis, until: Millis) -> Res<bool> {
        let mut conn = self.conn().await?;
        let begun = conn
            .run(
                "UPDATE jim_mails SET tries = tries + 1, begun_at = ?, due_at = ?
                 WHERE id = ? AND tries = ? AND due_at IS NOT NULL",
                args![now, until, mail.id, mail.tries],
            )
            .await?;
        Ok(begun > 0)
    }

    async fn begun_to(&mut self, email: &Email, except: MailId) -> Res<Option<Millis>> {
        let mut conn = self.conn().await?;
        let row: Option<(Option<i64>,)> = conn
            .row("SELECT MAX(begun_at) FROM jim_mails WHERE address_key = ? AND id <> ?", args![email.key(), except])
            .await?;
        Ok(row.and_then(|(begun,)| begun).map(Millis))
    }

    async fn put_off(&mut self, mail: &WaitingMail, until: Millis) -> Res<()> {
        let mut conn = self.conn().await?;
        let text = "UPDATE jim_mails SET due_at = ? WHERE id = ? AND tries = ? AND due_at IS NOT NULL";
        conn.run(text, args![until, mail.id, mail.tries]).await.map(|_| ())
    }

    async fn set_done(&mut self, id: MailId) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("UPDATE jim_mails SET due_at = NULL WHERE id = ?", args![id]).await?;
        Ok(())
    }

    async fn remove(&mut self, id: MailId) -> Res<bool> {
        let mut conn = self.conn().await?;
        Ok(conn.run("DELETE FROM jim_mails WHERE id = ?", args![id]).await? > 0)
    }

    async fn forget(&mut self, user: UserId) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_mails WHERE user_id = ?", args![user]).await.map(|_| ())
    }

    async fn forget_done(&mut self, before: Millis) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_mails WHERE due_at IS NULL AND begun_at <= ?", args![before]).await?;
        Ok(())
    }
}
