//! A transaction: the units' connection behind the gate, or a reader.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard, OwnedSemaphorePermit};
use tokio::task::JoinHandle;

use super::SqliteStore;
use super::conn::{Verbs as _, args};
use super::rights::Changing;
use crate::id::UserId;
use crate::repo::{RepoError, Res, Tx};

/// How long a unit may keep others from writing.
const PATIENCE: Duration = Duration::from_secs(2);

enum Held {
    /// Fields are dropped in this order: the rights of whom it concerned count as settled before others write.
    Writer {
        conn: OwnedMutexGuard<SqliteConnection>,
        changing: Changing,
        _gate: OwnedSemaphorePermit,
    },
    Reader(PoolConnection<Sqlite>),
}

impl Deref for Held {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Held::Writer { conn, .. } => conn,
            Held::Reader(conn) => conn,
        }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Held::Writer { conn, .. } => conn,
            Held::Reader(conn) => conn,
        }
    }
}

/// A transaction on SQLite. Dropped without a commit, it is rolled back before anybody else gets the connection.
pub(super) struct SqlTx {
    held: Arc<Mutex<Option<Held>>>,
    watch: Option<JoinHandle<()>>,
}

impl SqlTx {
    pub(super) async fn read(reader: PoolConnection<Sqlite>) -> Res<Self> {
        let mut tx = SqlTx::holding(Held::Reader(reader));
        let mut conn = tx.conn().await?;
        conn.run("BEGIN", args![]).await?;
        // A deferred transaction sees the moment of its first statement; this is it.
        conn.rows::<(i64,)>("SELECT COUNT(*) FROM jim_settings", args![]).await?;
        drop(conn);
        Ok(tx)
    }

    /// Units queue on their connection first and on the gate then, so that the lane has every second turn.
    pub(super) async fn write(store: &SqliteStore) -> Res<Self> {
        let conn = store.units.clone().lock_owned().await;
        let gate = store.gate.clone().acquire_owned().await.map_err(|error| RepoError::Unavailable(error.into()))?;
        let mut tx = SqlTx::holding(Held::Writer { conn, changing: store.rights.changing(), _gate: gate });
        tx.conn().await?.run("BEGIN IMMEDIATE", args![]).await?;
        let watched = tx.held.clone();
        tx.watch = Some(tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            if let Some(held) = watched.lock().await.take() {
                tracing::warn!(seconds = PATIENCE.as_secs(), "a unit kept others from writing and was rolled back");
                // A task of its own: the owner, when it learns, ends this one.
                tokio::spawn(roll_back(held));
            }
        }));
        Ok(tx)
    }

    /// Holds the connection before its transaction begins: a caller that hangs up while it does leaves a transaction
    /// that only a rollback ends, and one too many does no harm.
    fn holding(held: Held) -> Self {
        SqlTx { held: Arc::new(Mutex::new(Some(held))), watch: None }
    }

    /// The connection; `Busy` when the unit took too long and was rolled back.
    pub(super) async fn conn(&mut self) -> Res<impl DerefMut<Target = SqliteConnection> + '_> {
        let held = self.held.lock().await;
        MutexGuard::try_map(held, Option::as_deref_mut).map_err(|_| RepoError::Busy)
    }

    /// The connection, to change something that decides what a person may write.
    pub(super) async fn conn_changing(&mut self, user: UserId) -> Res<impl DerefMut<Target = SqliteConnection> + '_> {
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
        let held = self.held.clone();
        // The lock is free: whoever used the connection borrowed this transaction.
        if let Some(held) = held.try_lock().ok().and_then(|mut held| held.take())
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(roll_back(held));
        }
    }
}
