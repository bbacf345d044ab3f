//! What a server must be, and what is wrong with one that is not.

use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use url::Url;

use crate::store::sql::MigrateError;
use crate::store::sql::conn::{Verbs as _, args};

/// The oldest servers whose suites are run.
const MARIADB: (u32, u32) = (10, 11);
const MYSQL: (u32, u32) = (8, 0);

pub(super) fn options(url: &Url) -> Result<MySqlConnectOptions, MigrateError> {
    if url.path().trim_matches('/').is_empty() {
        return Err(MigrateError::Unfit(format!("{}: the URL names no database", place(url))));
    }
    let options = MySqlConnectOptions::from_str(url.as_str());
    let options = options.map_err(|error| MigrateError::Unfit(format!("{}: {error}", place(url))))?;
    Ok(options.charset("utf8mb4").statement_cache_capacity(256).disable_statement_logging())
}

/// Where a server is, without who enters it.
fn place(url: &Url) -> String {
    format!("mysql://{}:{}{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(3306), url.path())
}

pub(super) fn unfit(url: &Url, error: &sqlx::Error) -> MigrateError {
    let why = match error {
        sqlx::Error::Database(cause) => cause.message().to_owned(),
        error => error.to_string(),
    };
    MigrateError::Unfit(format!("{}: {}", place(url), one_line(&why)))
}

pub(super) fn silent(url: &Url) -> MigrateError {
    MigrateError::Unfit(format!("{}: the server does not answer", place(url)))
}

/// Says where a migration failed; what is wrong with the schema is clear by itself.
pub(super) fn unfit_schema(url: &Url, error: MigrateError) -> MigrateError {
    match error {
        MigrateError::Store(_) => MigrateError::Unfit(format!("{}: {}", place(url), one_line(&error.to_string()))),
        MigrateError::InUse => MigrateError::Unfit(format!("{}: another node does not end its migration", place(url))),
        error => error,
    }
}

/// A server that can be used.
pub(super) struct Fit {
    /// The binary collation in which a space at the end counts.
    pub(super) collation: &'static str,
    /// What it cannot promise as it is set up.
    pub(super) warnings: Vec<String>,
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Refuses a server that is too old; says what one that is good enough cannot promise as it is set up.
pub(super) async fn examine(url: &Url, conn: &mut MySqlConnection) -> Result<Fit, MigrateError> {
    let (version,): (String,) = one(conn, "SELECT VERSION()").await?;
    if let Some(why) = too_old(&version) {
        return Err(MigrateError::Unfit(format!("{}: {why}", place(url))));
    }
    let (flush, doublewrite): (i64, String) = one(
        conn,
        "SELECT CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS SIGNED), CAST(@@GLOBAL.innodb_doublewrite AS CHAR)",
    )
    .await?;
    let (binlog, sync, format): (i64, i64, String) = one(
        conn,
        "SELECT CAST(@@GLOBAL.log_bin AS SIGNED), CAST(@@GLOBAL.sync_binlog AS SIGNED), CAST(@@GLOBAL.binlog_format AS CHAR)",
    )
    .await?;
    let mut warnings = Vec::new();
    if flush != 1 {
        warnings
            .push(format!("innodb_flush_log_at_trx_commit is {flush}: a crash of the machine can lose answered sends"));
    }
    if binlog == 0 {
        warnings.push("log_bin is off: others may see a send that a crash of the machine takes back".into());
    }
    if binlog != 0 && sync != 1 {
        warnings.push(format!("sync_binlog is {sync}: a replica that takes over can miss answered sends"));
    }
    if ["0", "OFF"].contains(&doublewrite.as_str()) {
        warnings.push("innodb_doublewrite is off: a crash of the machine can break pages".into());
    }
    if binlog != 0 && format == "STATEMENT" {
        let why = "binlog_format is STATEMENT, with which READ COMMITTED cannot write; ROW or MIXED is needed";
        return Err(MigrateError::Unfit(format!("{}: {why}", place(url))));
    }
    let collation = if is_mariadb(&version) { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" };
    Ok(Fit { collation, warnings })
}

async fn one<T: crate::store::sql::conn::Row>(
    conn: &mut MySqlConnection,
    text: &'static str,
) -> Result<T, MigrateError> {
    let row = conn.row(text, args![]).await?;
    row.ok_or_else(|| MigrateError::Unfit("the server does not answer a question about itself".into()))
}

fn is_mariadb(version: &str) -> bool {
    version.contains("MariaDB")
}

/// What is to be said of a server that is too old.
fn too_old(version: &str) -> Option<String> {
    let (name, least) = if is_mariadb(version) { ("MariaDB", MARIADB) } else { ("MySQL", MYSQL) };
    // What MariaDB says to old replicas of MySQL.
    let plain = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = plain.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    (found < least).then(|| format!("{name} {plain} is too old; {}.{} is the least", least.0, least.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_is_told_so() {
        for version in ["8.0.11", "8.4.3-log", "9.1.0", "10.11.6-MariaDB-0+deb12u1", "5.5.5-11.4.2-MariaDB"] {
            assert_eq!(too_old(version), None, "{version}");
        }
        for version in ["5.7.44-log", "10.6.18-MariaDB", "5.5.5-10.5.2-MariaDB", "something"] {
            assert!(too_old(version).is_some_and(|why| why.contains("too old")), "{version}");
        }
    }

    #[test]
    fn what_is_said_of_a_server_holds_no_password() {
        let url = Url::parse("mysql://jim:hunter2@db.example:3307/jim").unwrap();
        assert_eq!(silent(&url).to_string(), "mysql://db.example:3307/jim: the server does not answer");
        let nowhere = Url::parse("mysql://jim:hunter2@db.example/").unwrap();
        assert_eq!(options(&nowhere).unwrap_err().to_string(), "mysql://db.example:3306/: the URL names no database");
    }
}
