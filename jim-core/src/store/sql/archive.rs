//! Whole databases, table by table, as plain values: one body for both.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::SqlSafeStr as _;

use super::conn::{Arg, Dialect, Values, Verbs, args};
use super::entries::{COLUMNS, ENTRY, MENTION, MOST, insert_args, mention_args};
use super::{sql, tuples};
use crate::id::Seq;
use crate::model::Entry;
use crate::repo::tables::{MENTIONS, RETRACTIONS};
use crate::repo::{Res, Row, Table, Value};

/// A statement and its values.
type Words = Vec<(String, Vec<Arg>)>;

pub(super) async fn rows(conn: &mut impl Verbs, table: &Table, above: &[Value], limit: u16) -> Res<Vec<Row>> {
    let columns = table.columns.join(", ");
    let key = &table.key_columns()[..above.len()];
    let (condition, mut args) = match conn.dialect() {
        _ if key.is_empty() => (String::new(), Vec::new()),
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {
            let text = format!("WHERE ({}) > {}", key.join(", "), tuples(1, key.len()));
            (text, above.iter().map(Arg::from).collect::<Vec<_>>())
        }
        // Of a comparison of rows the server makes no range of its key.
        #[cfg(feature = "mysql")]
        Dialect::MySql => {
            let mut steps = Vec::new();
            let mut args = Vec::new();
            for n in (0..key.len()).rev() {
                let same: Vec<String> = key[..n].iter().map(|column| format!("{column} = ?")).collect();
                steps.push([same, vec![format!("{} > ?", key[n])]].concat().join(" AND "));
                args.extend(above[..=n].iter().map(Arg::from));
            }
            (format!("WHERE {}", steps.join(" OR ")), args)
        }
    };
    args.push(limit.into());
    let order = table.key_columns().join(", ");
    let text = format!("SELECT {columns} FROM jim_{} {condition} ORDER BY {order} LIMIT ?", table.name);
    Ok(conn.rows::<Values>(sql(text), args).await?.into_iter().map(|values| values.0).collect())
}

pub(super) async fn last_key(conn: &mut impl Verbs, table: &Table) -> Res<Option<Row>> {
    let key = table.key_columns();
    let text =
        format!("SELECT {} FROM jim_{} ORDER BY {} DESC LIMIT 1", key.join(", "), table.name, key.join(" DESC, "));
    Ok(conn.row::<Values>(sql(text), args![]).await?.map(|values| values.0))
}

pub(super) async fn present(
    conn: &mut impl Verbs,
    table: &Table,
    columns: &[&'static str],
    keys: &[Row],
) -> Res<Vec<bool>> {
    let mut found = HashSet::new();
    for part in keys.chunks(MOST) {
        let same: Vec<String> = columns.iter().map(|column| format!("{column} = ?")).collect();
        let any = vec![format!("({})", same.join(" AND ")); part.len()].join(" OR ");
        let text = format!("SELECT {} FROM jim_{} WHERE {any}", columns.join(", "), table.name);
        let args = part.iter().flatten().map(Arg::from).collect();
        found.extend(conn.rows::<Values>(sql(text), args).await?.into_iter().map(|values| values.0));
    }
    Ok(keys.iter().map(|key| found.contains(key)).collect())
}

pub(super) async fn put(conn: &mut impl Verbs, table: &Table, rows: &[Row]) -> Res<()> {
    let words = rows.chunks(MOST).map(|part| {
        let values = tuples(part.len(), table.columns.len());
        let text = format!("REPLACE INTO jim_{} ({}) VALUES {values}", table.name, table.columns.join(", "));
        (text, part.iter().flatten().map(Arg::from).collect())
    });
    all_or_nothing(conn, words.collect()).await
}

pub(super) async fn remove(conn: &mut impl Verbs, table: &Table, key: &[Value]) -> Res<()> {
    let same: Vec<String> = table.key_columns().iter().map(|column| format!("{column} = ?")).collect();
    let text = format!("DELETE FROM jim_{} WHERE {}", table.name, same.join(" AND "));
    conn.run(sql(text), key.iter().map(Arg::from).collect()).await.map(|_| ())
}

pub(super) async fn last_id(conn: &mut impl Verbs, table: &Table) -> Res<i64> {
    let name = format!("jim_{}", table.name);
    let text = match conn.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => "SELECT seq FROM sqlite_sequence WHERE name = ?",
        #[cfg(feature = "mysql")]
        Dialect::MySql => {
            // MySQL 8 remembers for a day what it once said of this; MariaDB does not read this comment.
            let fresh = "SET SESSION innodb_lock_wait_timeout = 2 /*!80000 , information_schema_stats_expiry = 0 */";
            conn.run(fresh.into_sql_str(), args![]).await?;
            "SELECT CAST(AUTO_INCREMENT AS SIGNED) - 1 FROM information_schema.TABLES
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND AUTO_INCREMENT IS NOT NULL"
        }
    };
    let row: Option<(i64,)> = conn.row(text.into_sql_str(), args![name]).await?;
    Ok(row.map_or(0, |(id,)| id))
}

pub(super) async fn set_last_id(conn: &mut impl Verbs, table: &Table, id: i64) -> Res<()> {
    let name = format!("jim_{}", table.name);
    match conn.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {
            let words = vec![
                ("DELETE FROM sqlite_sequence WHERE name = ?".into(), args![name.clone()]),
                ("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)".into(), args![name, id]),
            ];
            all_or_nothing(conn, words).await
        }
        #[cfg(feature = "mysql")]
        Dialect::MySql => {
            let text = format!("ALTER TABLE {name} AUTO_INCREMENT = {}", id + 1);
            conn.run(sql(text), args![]).await.map(|_| ())
        }
    }
}

pub(super) async fn next_room(conn: &mut impl Verbs, after: &str) -> Res<Option<String>> {
    let entries = "SELECT MIN(room) AS room FROM jim_entries WHERE room > ?";
    let (text, args) = match conn.dialect() {
        // A head without entries is a log too: one that was lost.
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => (
            format!(
                "SELECT MIN(room) FROM (
                     SELECT MIN(room) AS room FROM jim_rooms WHERE room > ? UNION ALL {entries})"
            ),
            args![after, after],
        ),
        #[cfg(feature = "mysql")]
        Dialect::MySql => (entries.to_owned(), args![after]),
    };
    let row: Option<(Option<String>,)> = conn.row(sql(text), args).await?;
    Ok(row.and_then(|(room,)| room))
}

pub(super) async fn size(conn: &mut impl Verbs) -> Res<u64> {
    let text = match conn.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => "SELECT COALESCE(MAX(rowid), 0) FROM jim_entries",
        #[cfg(feature = "mysql")]
        Dialect::MySql => {
            "SELECT CAST(COALESCE(TABLE_ROWS, 0) AS SIGNED) FROM information_schema.TABLES
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'jim_entries'"
        }
    };
    let row: Option<(i64,)> = conn.row(text.into_sql_str(), args![]).await?;
    Ok(row.and_then(|(size,)| u64::try_from(size).ok()).unwrap_or_default())
}

/// A mention for each entry and person.
fn mentions(entries: &[Arc<Entry>]) -> Vec<(crate::id::UserId, &Entry)> {
    entries.iter().flat_map(|entry| entry.mentions().into_iter().map(move |user| (user, &**entry))).collect()
}

pub(super) async fn restore(conn: &mut impl Verbs, entries: &[Arc<Entry>]) -> Res<()> {
    let Some(end) = entries.last() else { return Ok(()) };
    let mut words = Words::new();
    let all: Vec<&Entry> = entries.iter().map(|entry| &**entry).collect();
    for part in all.chunks(MOST) {
        let mut args = Vec::with_capacity(part.len() * ENTRY);
        insert_args(&mut args, part);
        words.push((format!("INSERT INTO jim_entries ({COLUMNS}) VALUES {}", tuples(part.len(), ENTRY)), args));
    }
    for part in mentions(entries).chunks(MOST) {
        let mut args = Vec::with_capacity(part.len() * MENTION);
        mention_args(&mut args, part);
        let text = format!("REPLACE INTO jim_mentions (user_id, room, seq) VALUES {}", tuples(part.len(), MENTION));
        words.push((text, args));
    }
    let erased: Vec<&Entry> = all.into_iter().filter(|entry| entry.was_erased()).collect();
    for part in erased.chunks(MOST) {
        let args = part.iter().flat_map(|entry| args![&entry.room, entry.seq]).collect();
        words.push((format!("REPLACE INTO jim_retractions (room, seq) VALUES {}", tuples(part.len(), 2)), args));
    }
    #[cfg(not(feature = "sqlite"))]
    let _ = end;
    match conn.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => words.push((
            "REPLACE INTO jim_rooms (room, seq, ord, fence, at) VALUES (?, ?, ?, ?, ?)".into(),
            args![&end.room, end.seq, end.ord, end.fence, end.at],
        )),
        #[cfg(feature = "mysql")]
        Dialect::MySql => {}
    }
    all_or_nothing(conn, words).await
}

pub(super) async fn astray(conn: &mut impl Verbs, entries: &[Arc<Entry>]) -> Res<Vec<(Seq, &'static str)>> {
    let room = |entry: &Entry| Value::Text(entry.room.to_string());
    let mut astray = Vec::new();
    let mentions = mentions(entries);
    let keys: Vec<Row> =
        mentions.iter().map(|(user, entry)| vec![Value::Int(user.0), room(entry), Value::Int(entry.seq.0)]).collect();
    let present_mentions = present(conn, &MENTIONS, MENTIONS.columns, &keys).await?;
    let lost = mentions.iter().zip(present_mentions).filter(|(_, present)| !present);
    astray.extend(lost.map(|((_, entry), _)| (entry.seq, "somebody whom it mentions does not count it")));
    let erased: Vec<&Arc<Entry>> = entries.iter().filter(|entry| entry.was_erased()).collect();
    let keys: Vec<Row> = erased.iter().map(|entry| vec![room(entry), Value::Int(entry.seq.0)]).collect();
    let listed = present(conn, &RETRACTIONS, RETRACTIONS.columns, &keys).await?;
    let lost = erased.iter().zip(listed).filter(|(_, listed)| !listed);
    astray.extend(lost.map(|(entry, _)| (entry.seq, "it was taken back and is not listed as such")));
    Ok(astray)
}

async fn all_or_nothing(conn: &mut impl Verbs, words: Words) -> Res<()> {
    let begin = match conn.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        #[cfg(feature = "mysql")]
        Dialect::MySql => "START TRANSACTION",
    };
    conn.run(begin.into_sql_str(), args![]).await?;
    for (text, args) in words.into_iter().chain([("COMMIT".to_owned(), args![])]) {
        if let Err(error) = conn.run(sql(text), args).await {
            let _ = conn.run("ROLLBACK".into_sql_str(), args![]).await;
            return Err(error);
        }
    }
    Ok(())
}

/// The ports over a store that can give a connection to read with and one to write with.
macro_rules! archives {
    ($store:ty) => {
        #[async_trait::async_trait]
        impl $crate::repo::Archive for $store {
            async fn rows(&self, table: &'static Table, above: &[Value], limit: u16) -> Res<Vec<Row>> {
                rows(&mut self.reader().await?, table, above, limit).await
            }

            async fn last_key(&self, table: &'static Table) -> Res<Option<Row>> {
                last_key(&mut self.reader().await?, table).await
            }

            async fn present(&self, table: &'static Table, columns: &[&'static str], keys: &[Row]) -> Res<Vec<bool>> {
                present(&mut self.reader().await?, table, columns, keys).await
            }

            async fn put(&self, table: &'static Table, rows: &[Row]) -> Res<()> {
                put(&mut self.writer().await?, table, rows).await
            }

            async fn remove(&self, table: &'static Table, key: &[Value]) -> Res<()> {
                remove(&mut self.writer().await?, table, key).await
            }

            async fn last_id(&self, table: &'static Table) -> Res<i64> {
                last_id(&mut self.reader().await?, table).await
            }

            async fn set_last_id(&self, table: &'static Table, id: i64) -> Res<()> {
                set_last_id(&mut self.writer().await?, table, id).await
            }
        }

        #[async_trait::async_trait]
        impl $crate::repo::LogArchive for $store {
            async fn size(&self) -> Res<u64> {
                size(&mut self.reader().await?).await
            }

            async fn next_room(&self, after: &str) -> Res<Option<String>> {
                next_room(&mut self.reader().await?, after).await
            }

            async fn restore(&self, entries: &[Arc<Entry>]) -> Res<()> {
                restore(&mut self.writer().await?, entries).await
            }

            async fn astray(&self, entries: &[Arc<Entry>]) -> Res<Vec<(Seq, &'static str)>> {
                astray(&mut self.reader().await?, entries).await
            }
        }
    };
}

#[cfg(feature = "sqlite")]
archives!(super::SqliteStore);

#[cfg(feature = "mysql")]
archives!(super::MySqlStore);
