//! The four verbs over a connection: the only place that speaks to the driver.

use sqlx::error::ErrorKind;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteQueryResult, SqliteRow};
use sqlx::{Arguments as _, FromRow, SqlSafeStr, SqlStr};

use crate::id::{
    FriendRequestId, GroupId, InvitationId, JoinRequestId, OutboxId, RoomId, Seq, SessionId, UserId, WorldId,
};
use crate::repo::{RepoError, Res};
use crate::secret::TokenHash;
use crate::time::Millis;

/// A value bound to a `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arg {
    Int(i64),
    Text(String),
    Null,
}

macro_rules! int_args {
    ($($name:ty),+) => {$(
        impl From<$name> for Arg {
            fn from(value: $name) -> Self {
                Arg::Int(value.0)
            }
        }
    )+};
}

int_args!(UserId, WorldId, GroupId, InvitationId, JoinRequestId, SessionId, FriendRequestId, OutboxId, Seq, Millis);

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Arg::Int(value)
    }
}

impl From<u16> for Arg {
    fn from(value: u16) -> Self {
        Arg::Int(value.into())
    }
}

impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Arg::Int(value.into())
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Arg::Text(value.into())
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Arg::Text(value)
    }
}

impl From<&RoomId> for Arg {
    fn from(value: &RoomId) -> Self {
        Arg::Text(value.to_string())
    }
}

impl From<&TokenHash> for Arg {
    fn from(value: &TokenHash) -> Self {
        Arg::Text(value.0.clone())
    }
}

impl<T: Into<Arg>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Self {
        value.map_or(Arg::Null, Into::into)
    }
}

/// The values of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::sql::conn::Arg::from($value)),*] };
}
pub(super) use args;

/// The verbs. Statements are prepared once per connection and text.
///
/// They return futures that hold the text in its driver's form: a future that is generic over the text is not `Send`
/// enough for the repositories' trait objects.
pub(super) trait Verbs {
    fn rows<T>(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<Vec<T>>> + Send
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin;

    fn row<T>(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<Option<T>>> + Send
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin;

    /// How many rows it changed.
    fn run(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<u64>> + Send;

    /// The id it made.
    fn insert(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<i64>> + Send;
}

impl Verbs for SqliteConnection {
    fn rows<T>(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<Vec<T>>> + Send
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let bound = bind(sql, args);
        async move {
            let (sql, args) = bound?;
            sqlx::query_as_with(sql, args).fetch_all(self).await.map_err(repo_error)
        }
    }

    fn row<T>(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<Option<T>>> + Send
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let rows = self.rows(sql, args);
        async move { Ok(rows.await?.into_iter().next()) }
    }

    fn run(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<u64>> + Send {
        let done = execute(self, bind(sql, args));
        async move { Ok(done.await?.rows_affected()) }
    }

    fn insert(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<i64>> + Send {
        let done = execute(self, bind(sql, args));
        async move { Ok(done.await?.last_insert_rowid()) }
    }
}

type Bound = Res<(SqlStr, SqliteArguments)>;

async fn execute(conn: &mut SqliteConnection, bound: Bound) -> Res<SqliteQueryResult> {
    let (sql, args) = bound?;
    sqlx::query_with(sql, args).execute(conn).await.map_err(repo_error)
}

fn bind(sql: impl SqlSafeStr, args: Vec<Arg>) -> Bound {
    let mut bound = SqliteArguments::default();
    bound.reserve(args.len(), 0);
    for arg in args {
        match arg {
            Arg::Int(value) => bound.add(value),
            Arg::Text(value) => bound.add(value),
            Arg::Null => bound.add(None::<i64>),
        }
        .map_err(RepoError::Broken)?;
    }
    let sql = sql.into_sql_str();
    #[cfg(test)]
    super::plans::note(sql.as_str());
    Ok((sql, bound))
}

/// Primary result codes of SQLite (<https://sqlite.org/rescode.html>).
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const FULL: i32 = 13;

pub(super) fn repo_error(error: sqlx::Error) -> RepoError {
    match &error {
        sqlx::Error::Database(cause) => {
            let primary = cause.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default() & 0xff;
            match (cause.kind(), primary) {
                (ErrorKind::UniqueViolation, _) => RepoError::Conflict,
                (_, BUSY | LOCKED) => RepoError::Busy,
                (_, FULL) => RepoError::Full,
                _ => RepoError::Unavailable(error.into()),
            }
        }
        sqlx::Error::PoolTimedOut => RepoError::Busy,
        sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            RepoError::Unavailable(error.into())
        }
        _ => RepoError::Broken(error.into()),
    }
}

/// What stands in a column and cannot be.
pub(super) fn broken(what: &'static str) -> RepoError {
    RepoError::Broken(what.into())
}
