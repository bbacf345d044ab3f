use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::id::UserId;
use crate::model::Email;
use crate::repo::{EmailRepo, Res};
use crate::time::Millis;

#[async_trait]
impl EmailRepo for SqlTx {
    async fn get(&mut self, user: UserId) -> Res<Option<Email>> {
        let mut conn = self.conn().await?;
        let row: Option<(String,)> = conn.row("SELECT address FROM jim_emails WHERE user_id = ?", args![user]).await?;
        Ok(row.map(|(address,)| Email::stored(&address)))
    }

    async fn find_by_address(&mut self, email: &Email) -> Res<Option<UserId>> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> =
            conn.row("SELECT user_id FROM jim_emails WHERE address_key = ?", args![email.key()]).await?;
        Ok(row.map(|(user,)| UserId(user)))
    }

    async fn set(&mut self, user: UserId, email: &Email, at: Millis) -> Res<()> {
        let mut conn = self.conn().await?;
        let text = "UPDATE jim_emails SET address = ?, address_key = ?, at = ? WHERE user_id = ?";
        if conn.run(text, args![email.as_str(), email.key(), at, user]).await? == 0 {
            let text = "INSERT INTO jim_emails (user_id, address, address_key, at) VALUES (?, ?, ?, ?)";
            conn.run(text, args![user, email.as_str(), email.key(), at]).await?;
        }
        Ok(())
    }

    async fn remove(&mut self, user: UserId) -> Res<bool> {
        let mut conn = self.conn().await?;
        Ok(conn.run("DELETE FROM jim_emails WHERE user_id = ?", args![user]).await? > 0)
    }
}
