use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::id::UserId;
use crate::repo::{Res, TotpRepo, TotpRow};
use crate::secret::{Secret, TokenHash};

pub(super) fn row((key, confirmed, last_step): (String, i64, i64)) -> TotpRow {
    TotpRow { key: Secret::new(key), confirmed: confirmed != 0, last_step }
}

#[async_trait]
impl TotpRepo for SqlTx {
    async fn get(&mut self, user: UserId) -> Res<Option<TotpRow>> {
        let mut conn = self.conn().await?;
        let text = "SELECT secret, confirmed, last_step FROM jim_totp WHERE user_id = ?";
        Ok(conn.row(text, args![user]).await?.map(row))
    }

    async fn set(&mut self, user: UserId, key: &Secret) -> Res<()> {
        TotpRepo::remove(self, user).await?;
        let mut conn = self.conn().await?;
        let text = "INSERT INTO jim_totp (user_id, secret, confirmed, last_step) VALUES (?, ?, 0, 0)";
        conn.run(text, args![user, key.expose()]).await?;
        Ok(())
    }

    async fn confirm(&mut self, user: UserId, step: i64, recovery: &[TokenHash]) -> Res<bool> {
        let mut conn = self.conn().await?;
        let text = "UPDATE jim_totp SET confirmed = 1, last_step = ? WHERE user_id = ? AND confirmed = 0";
        if conn.run(text, args![step, user]).await? == 0 {
            return Ok(false);
        }
        for hash in recovery {
            conn.run("INSERT INTO jim_totp_codes (hash, user_id) VALUES (?, ?)", args![hash, user]).await?;
        }
        Ok(true)
    }

    async fn take_step(&mut self, user: UserId, step: i64) -> Res<bool> {
        let mut conn = self.conn().await?;
        let text = "UPDATE jim_totp SET last_step = ? WHERE user_id = ? AND confirmed = 1 AND last_step < ?";
        Ok(conn.run(text, args![step, user, step]).await? > 0)
    }

    async fn take_recovery(&mut self, user: UserId, hash: &TokenHash) -> Res<bool> {
        let mut conn = self.conn().await?;
        Ok(conn.run("DELETE FROM jim_totp_codes WHERE hash = ? AND user_id = ?", args![hash, user]).await? > 0)
    }

    async fn remove(&mut self, user: UserId) -> Res<bool> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_totp_codes WHERE user_id = ?", args![user]).await?;
        Ok(conn.run("DELETE FROM jim_totp WHERE user_id = ?", args![user]).await? > 0)
    }
}
