//! The verbs over a connection: the only place that speaks to the drivers. What stands in a `FromRow` row and in these
//! verbs is one body of SQL for both databases; where their words differ, [`Dialect`] knows it.

use sqlx::error::ErrorKind;
#[cfg(feature = "mysql")]
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlRow};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row as _, SqlSafeStr, SqlStr};

use crate::id::{
    AuditId, FriendRequestId, GroupId, InvitationId, JoinRequestId, MailId, OutboxId, RoomId, Seq, SessionId, UserId,
    WorldId,
};
use crate::repo::{RepoError, Res, Value};
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

int_args!(
    AuditId,
    MailId,
    UserId,
    WorldId,
    GroupId,
    InvitationId,
    JoinRequestId,
    SessionId,
    FriendRequestId,
    OutboxId,
    Seq,
    Millis
);

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

impl From<&Value> for Arg {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Arg::Null,
            Value::Int(value) => Arg::Int(*value),
            Value::Text(value) => Arg::Text(value.clone()),
        }
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

/// The words in which the databases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "mysql")]
    MySql,
}

impl Dialect {
    /// The greatest of some values of one row.
    pub(super) fn greatest(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => "MAX",
            #[cfg(feature = "mysql")]
            Dialect::MySql => "GREATEST",
        }
    }

    /// A table of rows that are bound as one value, a JSON array of an array for each; its columns and their types.
    pub(super) fn tuples_of_json(self, columns: &[(&str, &str)]) -> String {
        let columns = columns.iter().enumerate();
        match self {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => {
                let columns: Vec<_> = columns.map(|(n, (name, _))| format!("value ->> {n} AS {name}")).collect();
                format!("(SELECT {} FROM json_each(?))", columns.join(", "))
            }
            #[cfg(feature = "mysql")]
            Dialect::MySql => {
                let columns: Vec<_> = columns.map(|(n, (name, kind))| format!("{name} {kind} PATH '$[{n}]'")).collect();
                format!("JSON_TABLE(?, '$[*]' COLUMNS ({}))", columns.join(", "))
            }
        }
    }

    /// Moves many marks of conversations forward; each takes its person, room, number and place.
    pub(super) fn read_marks(self, marks: usize) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => format!(
                "UPDATE jim_conversations AS c SET read_seq = MAX(c.read_seq, v.column3),
                     mark = MAX(c.mark, v.column3), mark_ord = MAX(c.mark_ord, v.column4)
                 FROM (VALUES {}) v WHERE c.user_id = v.column1 AND c.room = v.column2",
                super::tuples(marks, 4)
            ),
            #[cfg(feature = "mysql")]
            Dialect::MySql => format!(
                "UPDATE jim_conversations c
                     JOIN (SELECT ? AS user_id, ? AS room, ? AS seq, ? AS ord{}) v
                         ON c.user_id = v.user_id AND c.room = v.room
                 SET c.read_seq = GREATEST(c.read_seq, v.seq), c.mark = GREATEST(c.mark, v.seq),
                     c.mark_ord = GREATEST(c.mark_ord, v.ord)",
                " UNION ALL SELECT ?, ?, ?, ?".repeat(marks - 1)
            ),
        }
    }
}

#[cfg(feature = "sqlite")]
pub(super) trait FromSqlite: for<'r> FromRow<'r, SqliteRow> {}
#[cfg(feature = "sqlite")]
impl<T: for<'r> FromRow<'r, SqliteRow>> FromSqlite for T {}
#[cfg(not(feature = "sqlite"))]
pub(super) trait FromSqlite {}
#[cfg(not(feature = "sqlite"))]
impl<T> FromSqlite for T {}

#[cfg(feature = "mysql")]
pub(super) trait FromMySql: for<'r> FromRow<'r, MySqlRow> {}
#[cfg(feature = "mysql")]
impl<T: for<'r> FromRow<'r, MySqlRow>> FromMySql for T {}
#[cfg(not(feature = "mysql"))]
pub(super) trait FromMySql {}
#[cfg(not(feature = "mysql"))]
impl<T> FromMySql for T {}

/// A row of any of the databases.
pub(super) trait Row: FromSqlite + FromMySql + Send + Unpin {}
impl<T: FromSqlite + FromMySql + Send + Unpin> Row for T {}

/// The verbs. Statements are prepared once per connection and text.
///
/// They return futures that hold the text in its driver's form: a future that is generic over the text is not `Send`
/// enough for the repositories' trait objects.
pub(super) trait Verbs: Send {
    fn dialect(&self) -> Dialect;

    fn rows<T: Row>(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<Vec<T>>> + Send;

    /// How many rows it changed, or found as it would have changed them.
    fn run(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<u64>> + Send;

    /// The id it made.
    fn insert(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<i64>> + Send;

    fn row<T: Row>(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<Option<T>>> + Send {
        let rows = self.rows(sql, args);
        async move { Ok(rows.await?.into_iter().next()) }
    }

    /// Inserts a row unless its key is taken; says whether it did.
    fn insert_new(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<bool>> + Send {
        let done = self.run(sql, args);
        async move {
            match done.await {
                // Both databases undo the statement alone, and the transaction goes on.
                Err(RepoError::Conflict) => Ok(false),
                done => done.map(|_| true),
            }
        }
    }
}

macro_rules! verbs {
    ($connection:ty, $dialect:expr, $arguments:ty, $id:expr) => {
        impl Verbs for $connection {
            fn dialect(&self) -> Dialect {
                $dialect
            }

            fn rows<T: Row>(
                &mut self,
                sql: impl SqlSafeStr,
                args: Vec<Arg>,
            ) -> impl Future<Output = Res<Vec<T>>> + Send {
                let sql = noted(sql);
                async move {
                    let args = bind::<$arguments>(args)?;
                    sqlx::query_as_with(sql, args).fetch_all(self).await.map_err(repo_error)
                }
            }

            fn run(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<u64>> + Send {
                let sql = noted(sql);
                async move {
                    let args = bind::<$arguments>(args)?;
                    let done = sqlx::query_with(sql, args).execute(self).await.map_err(repo_error)?;
                    Ok(done.rows_affected())
                }
            }

            fn insert(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<i64>> + Send {
                let sql = noted(sql);
                async move {
                    let args = bind::<$arguments>(args)?;
                    let done = sqlx::query_with(sql, args).execute(self).await.map_err(repo_error)?;
                    $id(done)
                }
            }
        }
    };
}

#[cfg(feature = "sqlite")]
verbs!(SqliteConnection, Dialect::Sqlite, SqliteArguments, |done: sqlx::sqlite::SqliteQueryResult| Ok(
    done.last_insert_rowid()
));

#[cfg(feature = "mysql")]
verbs!(MySqlConnection, Dialect::MySql, MySqlArguments, |done: sqlx::mysql::MySqlQueryResult| {
    i64::try_from(done.last_insert_id()).map_err(|_| broken("an id is out of range"))
});

fn noted(sql: impl SqlSafeStr) -> SqlStr {
    let sql = sql.into_sql_str();
    #[cfg(all(test, feature = "sqlite"))]
    super::sqlite::note(sql.as_str());
    sql
}

fn bind<A>(args: Vec<Arg>) -> Res<A>
where
    A: sqlx::Arguments + Default,
    i64: for<'q> sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    String: for<'q> sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    Option<i64>: for<'q> sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
{
    let mut bound = A::default();
    bound.reserve(args.len(), 0);
    for arg in args {
        match arg {
            Arg::Int(value) => bound.add(value),
            Arg::Text(value) => bound.add(value),
            Arg::Null => bound.add(None::<i64>),
        }
        .map_err(RepoError::Broken)?;
    }
    Ok(bound)
}

pub(super) fn repo_error(error: sqlx::Error) -> RepoError {
    match &error {
        sqlx::Error::Database(cause) => match (cause.kind(), trouble(&**cause)) {
            (ErrorKind::UniqueViolation, _) => RepoError::Conflict,
            (_, Trouble::Busy) => RepoError::Busy,
            (_, Trouble::Full) => RepoError::Full,
            (_, Trouble::Other) => RepoError::Unavailable(error.into()),
        },
        sqlx::Error::PoolTimedOut => RepoError::Busy,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => RepoError::Unavailable(error.into()),
        _ => RepoError::Broken(error.into()),
    }
}

enum Trouble {
    Busy,
    Full,
    Other,
}

fn trouble(cause: &dyn sqlx::error::DatabaseError) -> Trouble {
    #[cfg(feature = "mysql")]
    if let Some(cause) = cause.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>
        return match cause.number() {
            // Too many connections, a lock that was not given in time, a deadlock, one's resources used up.
            1040 | 1203 | 1205 | 1213 | 1226 => Trouble::Busy,
            // The disk, or a table's space, is full.
            1021 | 1114 => Trouble::Full,
            _ => Trouble::Other,
        };
    }
    // Primary result codes of SQLite (<https://sqlite.org/rescode.html>).
    match cause.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default() & 0xff {
        5 | 6 => Trouble::Busy,
        13 => Trouble::Full,
        _ => Trouble::Other,
    }
}

/// What stands in a column and cannot be.
pub(super) fn broken(what: &'static str) -> RepoError {
    RepoError::Broken(what.into())
}

/// A row of whatever columns.
pub(super) struct Values(pub(super) Vec<Value>);

macro_rules! values {
    ($row:ty) => {
        impl FromRow<'_, $row> for Values {
            fn from_row(row: &$row) -> sqlx::Result<Self> {
                let value = |n: usize| match row.try_get::<Option<i64>, _>(n) {
                    Ok(value) => Ok(value.map_or(Value::Null, Value::Int)),
                    Err(_) => Ok(row.try_get::<Option<String>, _>(n)?.map_or(Value::Null, Value::Text)),
                };
                (0..row.len()).map(value).collect::<sqlx::Result<_>>().map(Values)
            }
        }
    };
}

#[cfg(feature = "sqlite")]
values!(SqliteRow);

#[cfg(feature = "mysql")]
values!(MySqlRow);
