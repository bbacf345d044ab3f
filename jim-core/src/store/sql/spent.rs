use async_trait::async_trait;

use super::conn::{Verbs as _, args};
use super::tx::SqlTx;
use crate::repo::{Res, SpentRepo};
use crate::time::Millis;

#[async_trait]
impl SpentRepo for SqlTx {
    async fn spend(&mut self, hash: &str, until: Millis) -> Res<bool> {
        self.conn().await?.insert_new("INSERT INTO jim_spent (hash, until_at) VALUES (?, ?)", args![hash, until]).await
    }

    async fn forget_before(&mut self, now: Millis) -> Res<()> {
        self.conn().await?.run("DELETE FROM jim_spent WHERE until_at <= ?", args![now]).await.map(|_| ())
    }
}
