//! A transaction of either database, with every repository on it.

use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlSafeStr;
#[cfg(feature = "sqlite")]
use sqlx::pool::PoolConnection;
#[cfg(feature = "sqlite")]
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard};
#[cfg(feature = "sqlite")]
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};
use tokio::task::JoinHandle;

use super::conn::{Arg, Dialect, Row, Verbs, args};
#[cfg(feature = "sqlite")]
use super::sqlite::Changing;
use crate::id::UserId;
use crate::repo::{RepoError, Res, Tx};

/// How long a unit may keep others from writing.
const PATIENCE: Duration = Duration::from_secs(2);

/// The connection of a transaction.
pub(super) enum Held {
    /// Fields are dropped in this order: the rights of whom it concerns count as settled before others write.
    #[cfg(feature = "sqlite")]
    Writer { conn: OwnedMutexGuard<SqliteConnection>, changing: Changing, _gate: OwnedSemaphorePermit },
    #[cfg(feature = "sqlite")]
    Reader(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "mysql")]
    Server(super::mysql::Pooled),
}

macro_rules! on_each {
    ($held:expr, $conn:ident => $ask:expr) => {
        match $held {
            #[cfg(feature = "sqlite")]
            Held::Writer { conn: $conn, .. } => $ask.await,
            #[cfg(feature = "sqlite")]
            Held::Reader($conn) => $ask.await,
            #[cfg(feature = "mysql")]
            Held::Server($conn) => $ask.await,
        }
    };
}

impl Verbs for Held {
    fn dialect(&self) -> Dialect {
        match self {
            #[cfg(feature = "sqlite")]
            Held::Writer { .. } | Held::Reader(_) => Dialect::Sqlite,
            #[cfg(feature = "mysql")]
            Held::Server(_) => Dialect::MySql,
        }
    }

    fn rows<T: Row>(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<Vec<T>>> + Send {
        let sql = sql.into_sql_str();
        async move { on_each!(self, conn => conn.rows(sql, args)) }
    }

    fn run(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<u64>> + Send {
        let sql = sql.into_sql_str();
        async move { on_each!(self, conn => conn.run(sql, args)) }
    }

    fn insert(&mut self, sql: impl SqlSafeStr, args: Vec<Arg>) -> impl Future<Output = Res<i64>> + Send {
        let sql = sql.into_sql_str();
        async move { on_each!(self, conn => conn.insert(sql, args)) }
    }
}

/// A transaction. Dropped without a commit, it is rolled back before anybody else gets the connection.
pub(super) struct SqlTx {
    held: Arc<Mutex<Option<Held>>>,
    watch: Option<JoinHandle<()>>,
}

impl SqlTx {
    /// Begins with these words, in order.
    pub(super) async fn begin(held: Held, words: &[&'static str]) -> Res<Self> {
        let mut tx = SqlTx::holding(held);
        let mut conn = tx.conn().await?;
        for word in words {
            conn.run(*word, args![]).await?;
        }
        drop(conn);
        Ok(tx)
    }

    /// Rolls back what takes too long.
    pub(super) fn watch(&mut self) {
        let watched = self.held.clone();
        self.watch = Some(tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            if let Some(held) = watched.lock().await.take() {
                tracing::warn!(seconds = PATIENCE.as_secs(), "a unit kept others from writing and was rolled back");
                // A task of its own: the owner, when it learns, ends this one.
                tokio::spawn(roll_back(held));
            }
        }));
    }

    /// Holds the connection before its transaction begins: a caller that hangs up while it does leaves a transaction
    /// that only a rollback ends, and one too many does no harm.
    fn holding(held: Held) -> Self {
        SqlTx { held: Arc::new(Mutex::new(Some(held))), watch: None }
    }

    /// The connection; `Busy` when the unit took too long and was rolled back.
    pub(super) async fn conn(&mut self) -> Res<impl DerefMut<Target = Held> + '_> {
        let held = self.held.lock().await;
        MutexGuard::try_map(held, Option::as_mut).map_err(|_| RepoError::Busy)
    }

    /// The connection, to change something that decides what a person may write.
    pub(super) async fn conn_changing(&mut self, user: UserId) -> Res<impl DerefMut<Target = Held> + '_> {
        #[cfg(not(feature = "sqlite"))]
        let _ = user;
        #[cfg(feature = "sqlite")]
        if let Some(Held::Writer { changing, .. }) = self.held.lock().await.as_mut() {
            changing.begin(user);
        }
        self.conn().await
    }
}

async fn roll_back(mut held: Held) {
    // Fails when SQLite has rolled back by itself, as it does on a full disk.
    let _ = held.run("ROLLBACK", args![]).await;
}

#[async_trait]
impl Tx for SqlTx {
    async fn commit(self: Box<Self>) -> Res<()> {
        let mut held = self.held.lock().await.take().ok_or(RepoError::Busy)?;
        let done = held.run("COMMIT", args![]).await;
        if done.is_err() {
            roll_back(held).await;
        }
        done.map(|_| ())
    }
}

impl Drop for SqlTx {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let held = self.held.clone();
        match held.clone().try_lock_owned() {
            Ok(mut held) => {
                if let Some(held) = held.take() {
                    runtime.spawn(roll_back(held));
                }
            }
            // The watch was given the lock, and was ended before it took what it came for.
            Err(_) => {
                runtime.spawn(async move {
                    let left = held.lock().await.take();
                    if let Some(left) = left {
                        roll_back(left).await;
                    }
                });
            }
        }
    }
}
