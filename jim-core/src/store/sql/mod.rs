//! The stores on SQL: SQLite in one file, and MySQL or MariaDB for many nodes. The repositories are one body of SQL for
//! both, a file for each noun; the room logs and what opens a database are each database's own.

mod archive;
mod audit;
mod blacklist;
mod blocks;
mod codes;
mod conn;
mod conversations;
mod departures;
mod emails;
mod entries;
mod externals;
mod friend_requests;
mod friends;
mod groups;
mod hidden;
mod invitations;
mod join_requests;
mod mails;
mod members;
mod migrate;
#[cfg(feature = "mysql")]
mod mysql;
mod outbox;
mod pins;
mod rights;
mod sessions;
mod settings;
mod spent;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statuses;
mod totp;
mod tx;
mod unread;
mod user_log;
mod users;
mod worlds;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

pub use migrate::MigrateError;
#[cfg(feature = "mysql")]
pub use mysql::{MySqlOptions, MySqlStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteStore};

/// A statement made of our own text, never of a caller's.
fn sql(text: String) -> SqlStr {
    AssertSqlSafe(text).into_sql_str()
}

/// `(?,?),(?,?)`: so many rows of so many values.
fn tuples(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
}

/// Splits into chunks whose lengths are powers of two up to `most`, so that few statements are ever prepared.
fn chunks<T>(mut all: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let len = all.len().min(most);
        let len = (len > 0).then(|| 1 << len.ilog2())?;
        let (chunk, rest) = all.split_at(len);
        all = rest;
        Some(chunk)
    })
}
