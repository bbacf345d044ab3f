//! Migrations: forward only, one statement a step, each step with its record in one transaction. So two processes
//! that start at once, and a kill at any moment, do no harm.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use sqlx::SqlSafeStr as _;
use sqlx::sqlite::SqliteConnection;

use super::conn::{Verbs as _, args};
use super::sql;
use crate::repo::RepoError;

/// What this release can work with. A migration names the lowest level that it allows in its first line,
/// `-- level: N`; a binary below that refuses the database.
const LEVEL: i64 = 1;

const FILES: &[(&str, &str)] = &[
    ("0001_accounts", include_str!("../../../sql/sqlite/0001_accounts.sql")),
    ("0002_friends", include_str!("../../../sql/sqlite/0002_friends.sql")),
    ("0003_rooms", include_str!("../../../sql/sqlite/0003_rooms.sql")),
    ("0004_groups", include_str!("../../../sql/sqlite/0004_groups.sql")),
    ("0005_joining", include_str!("../../../sql/sqlite/0005_joining.sql")),
    ("0006_conversations", include_str!("../../../sql/sqlite/0006_conversations.sql")),
    ("0007_worlds", include_str!("../../../sql/sqlite/0007_worlds.sql")),
    ("0008_former_members", include_str!("../../../sql/sqlite/0008_former_members.sql")),
];

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A newer release has changed it in a way that this one cannot work with.
    #[error("the database needs a release of level {needed}, this one has level {LEVEL}: start a newer release")]
    Newer {
        /// The level it needs.
        needed: i64,
    },
    /// A step that was applied is not the one this release has.
    #[error("migration {file}, step {step}, differs from the one that was applied to the database")]
    Changed {
        /// The migration.
        file: String,
        /// The statement in it, from 1.
        step: i64,
    },
    /// Another store has the file.
    #[error("another program has the database open")]
    InUse,
    /// Storage failed.
    #[error("the database cannot be opened: {}", cause(.0))]
    Store(#[source] RepoError),
}

fn cause(error: &RepoError) -> String {
    match error {
        RepoError::Unavailable(cause) | RepoError::Broken(cause) => cause.to_string(),
        _ => error.to_string(),
    }
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS jim_migrations (
    file TEXT NOT NULL,
    step INTEGER NOT NULL,
    checksum TEXT NOT NULL,
    level INTEGER NOT NULL,
    PRIMARY KEY (file, step)
) WITHOUT ROWID";

pub(super) async fn run(conn: &mut SqliteConnection) -> Result<(), MigrateError> {
    conn.run(TABLE, args![]).await?;
    for (file, text) in FILES {
        let level = level(text);
        for (step, statement) in (1..).zip(steps(text)) {
            conn.run("BEGIN IMMEDIATE", args![]).await?;
            let applied = apply(conn, file, step, &statement, level).await;
            let end = if applied.is_ok() { "COMMIT" } else { "ROLLBACK" };
            conn.run(end, args![]).await?;
            applied?;
        }
    }
    Ok(())
}

async fn apply(
    conn: &mut SqliteConnection,
    file: &str,
    step: i64,
    statement: &str,
    level: i64,
) -> Result<(), MigrateError> {
    let newest: Option<(i64,)> = conn.row("SELECT COALESCE(MAX(level), 0) FROM jim_migrations", args![]).await?;
    if let Some((needed,)) = newest.filter(|(needed,)| *needed > LEVEL) {
        return Err(MigrateError::Newer { needed });
    }
    let checksum = URL_SAFE_NO_PAD.encode(Sha256::digest(statement));
    let known: Option<(String,)> =
        conn.row("SELECT checksum FROM jim_migrations WHERE file = ? AND step = ?", args![file, step]).await?;
    match known {
        Some((known,)) if known == checksum => return Ok(()),
        Some(_) => return Err(MigrateError::Changed { file: file.into(), step }),
        None => {}
    }
    conn.run(sql(statement.into()).into_sql_str(), args![]).await?;
    conn.run(
        "INSERT INTO jim_migrations (file, step, checksum, level) VALUES (?, ?, ?, ?)",
        args![file, step, checksum, level],
    )
    .await?;
    Ok(())
}

fn level(text: &str) -> i64 {
    text.lines()
        .next()
        .and_then(|line| line.strip_prefix("-- level: "))
        .and_then(|level| level.parse().ok())
        .unwrap_or(1)
}

/// The statements of a file, without comments.
fn steps(text: &str) -> impl Iterator<Item = String> {
    let plain: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let plain = plain.join("\n");
    let steps: Vec<_> = plain.split(';').map(str::trim).filter(|step| !step.is_empty()).map(str::to_owned).collect();
    steps.into_iter()
}
