use async_trait::async_trait;

use super::conn::{Verbs as _, args, broken};
use super::sql;
use super::tx::SqlTx;
use crate::id::{AuditId, ID_END, UserId};
use crate::model::audit::{AuditFilter, AuditRow};
use crate::repo::{AuditRepo, RepoError, Res};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    by_user: i64,
    action: String,
    target: String,
    ip: Option<String>,
    before_json: Option<String>,
    after_json: Option<String>,
}

impl TryFrom<Row> for AuditRow {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        let json = |text: Option<String>| text.map(|text| serde_json::from_str(&text)).transpose();
        let broken = |_| broken("an act holds no JSON");
        Ok(AuditRow {
            id: AuditId(row.id),
            at: Millis(row.at),
            by: Some(UserId(row.by_user)).filter(|by| *by != UserId::SYSTEM),
            action: row.action,
            target: row.target,
            ip: row.ip,
            before: json(row.before_json).map_err(broken)?,
            after: json(row.after_json).map_err(broken)?,
        })
    }
}

#[async_trait]
impl AuditRepo for SqlTx {
    async fn add(&mut self, row: &AuditRow) -> Res<AuditId> {
        let mut conn = self.conn().await?;
        let id = conn
            .insert(
                "INSERT INTO jim_audit (at, by_user, action, target, ip, before_json, after_json)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
                args![
                    row.at,
                    row.by.unwrap_or(UserId::SYSTEM),
                    row.action.as_str(),
                    row.target.as_str(),
                    row.ip.as_deref(),
                    row.before.as_ref().map(ToString::to_string),
                    row.after.as_ref().map(ToString::to_string),
                ],
            )
            .await?;
        Ok(AuditId(id))
    }

    async fn list(&mut self, filter: &AuditFilter, before: Option<AuditId>, limit: u16) -> Res<Vec<AuditRow>> {
        let mut conn = self.conn().await?;
        let mut text = String::from(
            "SELECT id, at, by_user, action, target, ip, before_json, after_json FROM jim_audit WHERE id < ?",
        );
        let mut args = args![before.unwrap_or(AuditId(ID_END))];
        if let Some(by) = filter.by {
            text += " AND by_user = ?";
            args.push(by.into());
        }
        for (also, value) in [(" AND action = ?", &filter.action), (" AND target = ?", &filter.target)] {
            if let Some(value) = value {
                text += also;
                args.push(value.as_str().into());
            }
        }
        args.push(limit.into());
        let rows: Vec<Row> = conn.rows(sql(text + " ORDER BY id DESC LIMIT ?"), args).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
