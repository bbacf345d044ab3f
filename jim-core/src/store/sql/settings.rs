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

    async fn set(&mut self, key: &str, value: &str) -> Res<()> {
        let mut conn = self.conn().await?;
        let update = "UPDATE jim_settings SET value = ? WHERE name = ?";
        if conn.run(update, args![value, key]).await? == 0
            && !conn.insert_new("INSERT INTO jim_settings (name, value) VALUES (?, ?)", args![key, value]).await?
        {
            // Somebody else was first.
            conn.run(update, args![value, key]).await?;
        }
        Ok(())
    }
}
