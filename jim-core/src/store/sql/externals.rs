use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::id::UserId;
use crate::repo::{ExternalRepo, Res};

#[async_trait]
impl ExternalRepo for SqlTx {
    async fn find(&mut self, external: &str) -> Res<Option<UserId>> {
        let mut conn = self.conn().await?;
        let text = "SELECT user_id FROM jim_external WHERE external_id = ?";
        let row: Option<(i64,)> = conn.row(text, args![external]).await?;
        Ok(row.map(|(user,)| UserId(user)))
    }

    async fn add(&mut self, external: &str, user: UserId) -> Res<bool> {
        let text = "INSERT INTO jim_external (external_id, user_id) VALUES (?, ?)";
        self.conn().await?.insert_new(text, args![external, user]).await
    }

    async fn remove(&mut self, user: UserId) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_external WHERE user_id = ?", args![user]).await.map(|_| ())
    }
}
