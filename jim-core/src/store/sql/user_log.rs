use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::RawValue;
use sqlx::SqlStr;

use super::conn::{Arg, Verbs as _, args, broken};
use super::tx::SqlTx;
use super::{chunks, sql, tuples};
use crate::id::{Seq, UserId};
use crate::model::entry::{Kind, UserEntry};
use crate::repo::{RepoError, Res, Slice, UserEvent, UserLogRepo};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    user_id: i64,
    seq: i64,
    at: i64,
    kind: String,
    body: String,
}

impl TryFrom<Row> for UserEntry {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        Ok(UserEntry {
            user: UserId(row.user_id),
            seq: Seq(row.seq),
            at: Millis(row.at),
            kind: Kind::named(row.kind),
            body: Arc::from(RawValue::from_string(row.body).map_err(|_| broken("a body is no JSON"))?),
        })
    }
}

fn select(condition: &str) -> SqlStr {
    sql(format!("SELECT user_id, seq, at, kind, body FROM jim_user_log WHERE user_id = ? AND {condition}"))
}

#[async_trait]
impl UserLogRepo for SqlTx {
    async fn append(&mut self, user: UserId, event: &UserEvent, at: Millis) -> Res<UserEntry> {
        let seq = self.head(user).await?.next();
        let mut conn = self.conn().await?;
        let moved = conn.run("UPDATE jim_user_heads SET seq = ? WHERE user_id = ?", args![seq, user]).await?;
        if moved != 1 {
            return Err(broken("an account has no log"));
        }
        conn.run(
            "INSERT INTO jim_user_log (user_id, seq, at, kind, body) VALUES (?, ?, ?, ?, ?)",
            args![user, seq, at, event.kind.as_str(), event.body.get()],
        )
        .await?;
        Ok(UserEntry { user, seq, at, kind: event.kind.clone(), body: event.body.clone() })
    }

    async fn read(&mut self, user: UserId, slice: Slice<'_>, limit: u16) -> Res<Vec<UserEntry>> {
        let mut conn = self.conn().await?;
        let mut rows: Vec<Row> = match slice {
            Slice::After(seq) => conn.rows(select("seq > ? ORDER BY seq LIMIT ?"), args![user, seq, limit]).await?,
            Slice::Before(seq) => {
                conn.rows(select("seq < ? ORDER BY seq DESC LIMIT ?"), args![user, seq, limit]).await?
            }
            Slice::Only(seqs) => {
                let mut rows = Vec::new();
                for seqs in chunks(seqs, 64) {
                    let mut args = args![user];
                    args.extend(seqs.iter().map(|seq| Arg::from(*seq)));
                    rows.extend(conn.rows::<Row>(select(&format!("seq IN {}", tuples(1, seqs.len()))), args).await?);
                }
                rows
            }
        };
        rows.sort_by_key(|row| row.seq);
        rows.dedup_by_key(|row| row.seq);
        rows.truncate(limit.into());
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn head(&mut self, user: UserId) -> Res<Seq> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> = conn.row("SELECT seq FROM jim_user_heads WHERE user_id = ?", args![user]).await?;
        Ok(row.map(|(seq,)| Seq(seq)).unwrap_or_default())
    }

    async fn heads(&mut self, users: &[UserId]) -> Res<Vec<Seq>> {
        let mut conn = self.conn().await?;
        let mut found = HashMap::with_capacity(users.len());
        for users in chunks(users, 128) {
            let text = format!("SELECT user_id, seq FROM jim_user_heads WHERE user_id IN {}", tuples(1, users.len()));
            let rows: Vec<(i64, i64)> = conn.rows(sql(text), users.iter().copied().map(Arg::from).collect()).await?;
            found.extend(rows.into_iter().map(|(user, seq)| (UserId(user), Seq(seq))));
        }
        Ok(users.iter().map(|user| found.get(user).copied().unwrap_or_default()).collect())
    }

    async fn clear(&mut self, user: UserId) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("DELETE FROM jim_user_log WHERE user_id = ?", args![user]).await?;
        conn.run("UPDATE jim_user_heads SET seq = 0 WHERE user_id = ?", args![user]).await?;
        Ok(())
    }
}
