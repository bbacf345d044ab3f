//! Migrations: forward only, one statement a step, each step recorded. Two processes that start at once, and a kill at
//! any moment, do no harm: on SQLite a step and its record are one transaction; on MySQL nodes take turns, and a step
//! may be run again.

use std::pin::Pin;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use sqlx::SqlSafeStr as _;

use super::conn::{Verbs, args};
use super::sql;
use crate::repo::{RepoError, Res};

/// What this release can work with. A migration names the lowest level that it allows in its first line,
/// `-- level: N`; a binary below that refuses the database.
const LEVEL: i64 = 1;

macro_rules! files {
    ($folder:literal) => {
        files!($folder: "0001_accounts" "0002_friends" "0003_rooms" "0004_groups" "0005_joining" "0006_conversations"
            "0007_worlds" "0008_former_members" "0009_spent" "0010_mail" "0011_administration" "0012_contacts")
    };
    ($folder:literal: $($name:literal)+) => {
        &[$(($name, include_str!(concat!("../../../sql/", $folder, "/", $name, ".sql")))),+]
    };
}

/// A folder of migrations: the name and the text of each, in order.
type Files = &'static [(&'static str, &'static str)];

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
    /// Another store has the file, or does not end its migration.
    #[error("another program has the database open")]
    InUse,
    /// The server cannot be used as it is.
    #[error("{0}")]
    Unfit(String),
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

/// Boxed: the compiler does not find the future of generic verbs `Send` in the places where it is awaited.
type Running<'a> = Pin<Box<dyn Future<Output = Result<(), MigrateError>> + Send + 'a>>;

#[cfg(feature = "sqlite")]
pub(super) fn run_on_sqlite(conn: &mut sqlx::sqlite::SqliteConnection) -> Running<'_> {
    Box::pin(on_sqlite(conn))
}

#[cfg(feature = "mysql")]
pub(super) fn run_on_mysql<'a>(conn: &'a mut sqlx::mysql::MySqlConnection, nopad: &'a str) -> Running<'a> {
    Box::pin(on_mysql(conn, nopad))
}

#[cfg(feature = "sqlite")]
async fn on_sqlite(conn: &mut sqlx::sqlite::SqliteConnection) -> Result<(), MigrateError> {
    const FILES: Files = files!("sqlite");
    let table = "CREATE TABLE IF NOT EXISTS jim_migrations (
        file TEXT NOT NULL,
        step INTEGER NOT NULL,
        checksum TEXT NOT NULL,
        level INTEGER NOT NULL,
        PRIMARY KEY (file, step)
    ) WITHOUT ROWID";
    conn.run(table, args![]).await?;
    for step in all_steps(FILES) {
        conn.run("BEGIN IMMEDIATE", args![]).await?;
        let applied = async {
            if !is_applied(conn, &step).await? {
                conn.run(sql(step.statement.clone()), args![]).await?;
                record(conn, &step).await?;
            }
            Ok::<_, MigrateError>(())
        };
        let applied = applied.await;
        let end = if applied.is_ok() { "COMMIT" } else { "ROLLBACK" };
        conn.run(end, args![]).await?;
        applied?;
    }
    Ok(())
}

/// How long one node waits while another one migrates, in seconds.
#[cfg(feature = "mysql")]
const TURN: i64 = 60;

/// The server ends a transaction at each statement that changes the schema, so a step is not one with its record: every
/// step is written so that it may be run again (`IF NOT EXISTS`, `INSERT IGNORE`), and is recorded after it.
#[cfg(feature = "mysql")]
async fn on_mysql(conn: &mut sqlx::mysql::MySqlConnection, nopad: &str) -> Result<(), MigrateError> {
    const FILES: Files = files!("mysql");
    // Names of locks are the server's, not the database's.
    let turn: Option<(Option<i64>,)> =
        conn.row("SELECT GET_LOCK(CONCAT('jim_migrate:', MD5(DATABASE())), ?)", args![TURN]).await?;
    if turn != Some((Some(1),)) {
        return Err(MigrateError::InUse);
    }
    let done = run_in_turn(conn, FILES, nopad).await;
    let _ = conn.rows::<(Option<i64>,)>("SELECT RELEASE_LOCK(CONCAT('jim_migrate:', MD5(DATABASE())))", args![]).await;
    done
}

#[cfg(feature = "mysql")]
async fn run_in_turn(conn: &mut sqlx::mysql::MySqlConnection, files: Files, nopad: &str) -> Result<(), MigrateError> {
    let table = "CREATE TABLE IF NOT EXISTS jim_migrations (
        file VARCHAR(64) NOT NULL,
        step BIGINT NOT NULL,
        checksum VARCHAR(64) NOT NULL,
        level BIGINT NOT NULL,
        PRIMARY KEY (file, step)
    ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
    conn.run(table, args![]).await?;
    for step in all_steps(files) {
        if !is_applied(conn, &step).await? {
            conn.run(sql(step.statement.replace("{nopad}", nopad)), args![]).await?;
            record(conn, &step).await?;
        }
    }
    Ok(())
}

struct Step {
    file: &'static str,
    /// From 1.
    number: i64,
    statement: String,
    level: i64,
}

impl Step {
    fn checksum(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.statement))
    }
}

fn all_steps(files: Files) -> impl Iterator<Item = Step> {
    files.iter().flat_map(|(file, text)| {
        let level = level(text);
        (1..).zip(steps(text)).map(move |(number, statement)| Step { file, number, statement, level })
    })
}

async fn is_applied(conn: &mut impl Verbs, step: &Step) -> Result<bool, MigrateError> {
    let newest = "SELECT COALESCE(MAX(level), 0) FROM jim_migrations".into_sql_str();
    let newest: Option<(i64,)> = conn.row(newest, args![]).await?;
    if let Some((needed,)) = newest.filter(|(needed,)| *needed > LEVEL) {
        return Err(MigrateError::Newer { needed });
    }
    let known = "SELECT checksum FROM jim_migrations WHERE file = ? AND step = ?".into_sql_str();
    let known: Option<(String,)> = conn.row(known, args![step.file, step.number]).await?;
    match known {
        Some((known,)) if known == step.checksum() => Ok(true),
        Some(_) => Err(MigrateError::Changed { file: step.file.into(), step: step.number }),
        None => Ok(false),
    }
}

async fn record(conn: &mut impl Verbs, step: &Step) -> Res<()> {
    let text = "INSERT INTO jim_migrations (file, step, checksum, level) VALUES (?, ?, ?, ?)".into_sql_str();
    conn.run(text, args![step.file, step.number, step.checksum(), step.level]).await.map(|_| ())
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

impl From<RepoError> for MigrateError {
    fn from(error: RepoError) -> Self {
        MigrateError::Store(error)
    }
}
