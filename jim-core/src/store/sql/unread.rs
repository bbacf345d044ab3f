//! How much of a room somebody has not read: counted, never written.

use std::fmt::Write as _;

use super::conn::{Arg, Verbs, args};
use super::{chunks, sql};
use crate::model::entry::Head;
use crate::repo::{COUNTED_EXACTLY, Res, Unread, UnreadCount};

/// Rooms in one statement.
const TOGETHER: usize = 128;

/// Messages that others wrote above a mark and that still stand; where there are many, entries that were taken back.
const MESSAGES: &str = "CASE WHEN ask.exact THEN
        (SELECT COUNT(*) FROM jim_entries e WHERE e.room = ask.room AND e.seq > ask.seq AND e.kind = 'message.sent'
         AND e.digest IS NOT NULL AND e.by_user NOT IN (0, ask.user_id))
    ELSE (SELECT COUNT(*) FROM jim_retractions r WHERE r.room = ask.room AND r.seq > ask.seq) END";

/// The few that mention somebody are looked for among the entries, not the other way round: hence the cross join.
const MENTIONED: &str = "(SELECT COUNT(DISTINCT m.seq) FROM jim_mentions m
    CROSS JOIN jim_entries e ON e.room = m.room AND e.seq = m.seq
    WHERE m.user_id IN (ask.user_id, 0) AND m.room = ask.room AND m.seq > ask.seq
    AND e.digest IS NOT NULL AND e.by_user <> ask.user_id)";

fn text(rooms: usize) -> String {
    let mut asks = String::from("SELECT 0 AS n, ? AS room, ? AS user_id, ? AS seq, ? AS exact");
    for n in 1..rooms {
        let _ = write!(asks, " UNION ALL SELECT {n}, ?, ?, ?, ?");
    }
    format!("SELECT {MESSAGES}, {MENTIONED} FROM ({asks}) ask ORDER BY n")
}

/// Counts in rooms that end at these heads, in the order asked.
pub(super) async fn count(conn: &mut impl Verbs, asks: &[Unread], heads: &[Head]) -> Res<Vec<UnreadCount>> {
    let mut counts = vec![UnreadCount::default(); asks.len()];
    let newer: Vec<usize> = (0..asks.len()).filter(|n| heads[*n].seq > asks[*n].mark.seq).collect();
    let exact = |n: usize| heads[n].seq.0 - asks[n].mark.seq.0 <= COUNTED_EXACTLY;
    for newer in chunks(&newer, TOGETHER) {
        let mut args: Vec<Arg> = Vec::with_capacity(newer.len() * 4);
        for n in newer {
            args.extend(args![&asks[*n].room, asks[*n].user, asks[*n].mark.seq, i64::from(exact(*n))]);
        }
        let rows: Vec<(i64, i64)> = conn.rows(sql(text(newer.len())), args).await?;
        for (n, (messages, mentions)) in newer.iter().zip(rows) {
            let messages = if exact(*n) { messages } else { heads[*n].ord - asks[*n].mark.ord - messages };
            let [messages, mentions] = [messages, mentions].map(|count| u64::try_from(count).unwrap_or_default());
            counts[*n] = UnreadCount { messages, mentions };
        }
    }
    Ok(counts)
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use sqlx::Connection as _;
    use sqlx::sqlite::SqliteConnection;

    use super::*;
    use crate::store::sql::migrate;

    #[tokio::test]
    async fn the_few_that_mention_somebody_lead_to_their_entries_and_nothing_is_scanned() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        migrate::run_on_sqlite(&mut conn).await.unwrap();
        let plan = sql(format!("EXPLAIN QUERY PLAN {}", text(2)));
        let args: Vec<Arg> = (0..2).flat_map(|_| args!["g:1".to_owned(), 1_i64, 0_i64, 1_i64]).collect();
        let steps: Vec<(i64, i64, i64, String)> = conn.rows(plan, args).await.unwrap();
        let steps: Vec<String> = steps.into_iter().map(|(.., step)| step).collect();
        let at = |table: &str| steps.iter().position(|step| step.starts_with(&format!("SEARCH {table} USING")));
        assert!(
            at("m").unwrap() < steps.iter().rposition(|step| step.starts_with("SEARCH e USING")).unwrap(),
            "{steps:?}"
        );
        assert!(at("r").is_some(), "{steps:?}");
        assert!(
            steps.iter().all(|step| !step.starts_with("SCAN") || step == "SCAN CONSTANT ROW" || step == "SCAN ask"),
            "{steps:?}"
        );
    }
}
