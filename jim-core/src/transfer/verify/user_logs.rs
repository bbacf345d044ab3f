//! The logs of accounts: 1 to n without a hole, and heads that say so.

use super::Look;
use crate::repo::tables::{USER_HEADS, USER_LOG};
use crate::repo::{Res, Row, Value};

pub(super) async fn check(look: &mut Look<'_>) -> Res<()> {
    look.progress.begin("user logs", 0);
    let mut above = Row::new();
    loop {
        let heads = look.page(&USER_HEADS, &mut above).await?;
        if heads.is_empty() {
            return Ok(());
        }
        for head in heads {
            let (user, end) = (head[0].int().unwrap_or_default(), head[1].int().unwrap_or_default());
            log(look, user, end).await?;
        }
    }
}

async fn log(look: &mut Look<'_>, user: i64, end: i64) -> Res<()> {
    let mut last = 0;
    let mut at = vec![Value::Int(user), Value::Int(0)];
    loop {
        let mut rows = look.page(&USER_LOG, &mut at).await?;
        rows.retain(|row| row[0] == Value::Int(user));
        if rows.is_empty() {
            break;
        }
        look.progress.step(rows.len() as u64);
        look.checked.rows += rows.len() as u64;
        for row in rows {
            let seq = row[1].int().unwrap_or_default();
            if seq != last + 1 {
                look.found(format!("user log {user} entry {}", last + 1), "it is missing");
            }
            last = seq;
            if serde_json::from_str::<serde::de::IgnoredAny>(row[4].text()).is_err() {
                look.found(format!("user log {user} entry {seq}"), "it cannot be read");
            }
        }
    }
    // Entries may have come since the head was read; then it has moved too.
    let now = look.of.store.rows(&USER_HEADS, &[Value::Int(user - 1)], 1).await?;
    let now = now.first().filter(|row| row[0] == Value::Int(user)).and_then(|row| row[1].int()).unwrap_or(end);
    if !(end..=now).contains(&last) {
        look.found(format!("user log {user}"), format!("it ends at {last}, its head says {now}"));
    }
    Ok(())
}
