use async_trait::async_trait;

use super::conn::{Verbs as _, args, broken};
use super::tx::SqlTx;
use crate::repo::{Res, SettingRepo};

#[async_trait]
impl SettingRepo for SqlTx {
    async fn get(&mut self, key: &str) -> Res<Option<String>> {
        let mut conn = self.conn().await?;
        let row: Option<(String,)> = conn.row("SELECT value FROM jim_settings WHERE name = ?", args![key]).await?;
        Ok(row.map(|(value,)| value))
    }

    async fn ensure(&mut self, key: &str, value: &str) -> Res<String> {
        self.conn()
            .await?
            .insert_new("INSERT INTO jim_settings (name, value) VALUES (?, ?)", args![key, value])
            .await?;
        SettingRepo::get(self, key).await?.ok_or_else(|| broken("a setting that was stored is gone"))
    }
}
