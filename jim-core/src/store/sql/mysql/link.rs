//! Connections to the server. One that still owes an answer, or was left in the middle of a statement, is not used again.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Pool, PoolError, RecycleError, Timeouts};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions as _, SqlSafeStr};

use crate::repo::{RepoError, Res};
use crate::store::sql::conn::{Arg, Dialect, Row, Verbs, args, repo_error};

/// How long the server has for one statement; one that hangs must not hang who asks.
const ANSWER: Duration = Duration::from_millis(2500);

/// How long somebody waits for a connection of the pool, and for a new one to open.
const OPEN: Duration = Duration::from_secs(2);

/// After so long unused a connection is made anew; below the time after which the server ends it.
const IDLE: Duration = Duration::from_secs(5);

/// A connection.
pub(in crate::store::sql) struct Link {
    conn: MySqlConnection,
    /// `false` from the beginning of a statement to its end.
    sound: bool,
    /// Between the beginning of a transaction and its end.
    open: bool,
}

/// A connection out of a pool, into which it goes back when dropped.
pub(in crate::store::sql) type Pooled = managed::Object<Opener>;

impl Link {
    /// Whether a transaction is open.
    pub(in crate::store::sql) const fn is_open(&self) -> bool {
        self.open
    }

    async fn ask<T>(&mut self, question: impl AsyncFnOnce(&mut MySqlConnection) -> Res<T>) -> Res<T> {
        if !self.sound {
            return Err(RepoError::Unavailable("the connection is broken".into()));
        }
        self.sound = false;
        let answer = tokio::time::timeout(ANSWER, question(&mut self.conn)).await;
        let answer =
            answer.unwrap_or_else(|_| Err(RepoError::Unavailable("the database did not answer in time".into())));
        self.sound = !matches!(answer, Err(RepoError::Unavailable(_)));
        answer
    }
}

impl Verbs for Link {
    fn dialect(&self) -> Dialect {
        Dialect::MySql
    }

    fn rows<T: Row>(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<Vec<T>>> + Send {
        let sql = sql.into_sql_str();
        self.ask(async |conn| conn.rows(sql, args).await)
    }

    fn run(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<u64>> + Send {
        let sql = sql.into_sql_str();
        self.open |= sql.as_str().starts_with("START TRANSACTION");
        let ends = ["COMMIT", "ROLLBACK"].contains(&sql.as_str());
        async move {
            let done = self.ask(async |conn| conn.run(sql, args).await).await;
            self.open &= !(ends && done.is_ok());
            done
        }
    }

    fn insert(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<i64>> + Send {
        let sql = sql.into_sql_str();
        self.ask(async |conn| conn.insert(sql, args).await)
    }
}

/// Opens connections of one kind.
pub(in crate::store::sql) struct Opener {
    options: MySqlConnectOptions,
    session: &'static [&'static str],
}

impl managed::Manager for Opener {
    type Type = Link;
    type Error = RepoError;

    async fn create(&self) -> Res<Link> {
        let conn = self.options.connect().await.map_err(repo_error)?;
        let mut link = Link { conn, sound: true, open: false };
        for words in self.session {
            link.run(*words, args![]).await?;
        }
        Ok(link)
    }

    async fn recycle(&self, link: &mut Link, metrics: &Metrics) -> managed::RecycleResult<RepoError> {
        if link.sound && !link.open && metrics.last_used() < IDLE {
            Ok(())
        } else {
            Err(RecycleError::message("broken, left in the middle of something, or idle for long"))
        }
    }
}

/// Connections of one kind, at most so many.
pub(super) struct Links(Pool<Opener>);

impl Links {
    /// The words are said once on each connection.
    pub(super) fn new(options: &MySqlConnectOptions, session: &'static [&'static str], most: usize) -> Res<Self> {
        let opener = Opener { options: options.clone(), session };
        let timeouts = Timeouts { wait: Some(OPEN), create: Some(OPEN), recycle: None };
        let pool = Pool::builder(opener).max_size(most).timeouts(timeouts).runtime(Runtime::Tokio1).build();
        pool.map(Links).map_err(|error| RepoError::Broken(error.into()))
    }

    pub(super) async fn get(&self) -> Res<Pooled> {
        self.0.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(managed::TimeoutType::Wait) => RepoError::Busy,
            error => RepoError::Unavailable(error.into()),
        })
    }
}
