use async_trait::async_trait;

use super::conn::{Verbs as _, args, broken};
use super::tx::SqlTx;
use crate::model::Email;
use crate::model::code::Purpose;
use crate::repo::{CodeRepo, CodeRow, Res};
use crate::secret::TokenHash;
use crate::time::Millis;

#[async_trait]
impl CodeRepo for SqlTx {
    async fn set(&mut self, code: &CodeRow) -> Res<()> {
        let mut conn = self.conn().await?;
        let (purpose, subject) = (code.purpose.as_str(), code.subject.as_str());
        let text = "DELETE FROM jim_codes WHERE purpose = ? AND subject = ?";
        conn.run(text, args![purpose, subject]).await?;
        conn.run(
            "INSERT INTO jim_codes (purpose, subject, hash, address, until_at, tries) VALUES (?, ?, ?, ?, ?, 0)",
            args![purpose, subject, &code.hash, code.email.as_ref().map(Email::as_str), code.until],
        )
        .await?;
        Ok(())
    }

    async fn guess(&mut self, purpose: Purpose, subject: &str, now: Millis, tries: u16) -> Res<Option<CodeRow>> {
        let mut conn = self.conn().await?;
        let counted = conn
            .run(
                "UPDATE jim_codes SET tries = tries + 1
                 WHERE purpose = ? AND subject = ? AND until_at > ? AND tries < ?",
                args![purpose.as_str(), subject, now, tries],
            )
            .await?;
        if counted == 0 {
            return Ok(None);
        }
        let text = "SELECT hash, address, until_at FROM jim_codes WHERE purpose = ? AND subject = ?";
        let row: Option<(String, Option<String>, i64)> = conn.row(text, args![purpose.as_str(), subject]).await?;
        let Some((hash, address, until)) = row else { return Ok(None) };
        let email = address.map(|address| Email::parse(&address)).transpose();
        let email = email.map_err(|_| broken("an address cannot be read"))?;
        Ok(Some(CodeRow { purpose, subject: subject.into(), hash: TokenHash(hash), email, until: Millis(until) }))
    }

    async fn remove(&mut self, purpose: Purpose, subject: &str) -> Res<bool> {
        let mut conn = self.conn().await?;
        let text = "DELETE FROM jim_codes WHERE purpose = ? AND subject = ?";
        Ok(conn.run(text, args![purpose.as_str(), subject]).await? > 0)
    }

    async fn forget_before(&mut self, now: Millis) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_codes WHERE until_at <= ?", args![now]).await.map(|_| ())
    }
}
