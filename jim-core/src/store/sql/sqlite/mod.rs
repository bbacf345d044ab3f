//! The embedded store: SQLite in one file of the data folder.
//!
//! Two connections write, the lane's and the units'; one fair gate stands before both, because writers that meet in
//! SQLite's own busy handler wait for seconds. Readers have a pool of their own and never wait for writers (WAL).

#[cfg(test)]
mod plans;
mod rights;
mod room_log;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::id::UserId;
use crate::model::user::UserState;
use crate::repo::{Lock, PrivateRights, RepoError, Res, Store, StoredSession, Unit};
use crate::secret::TokenHash;
use crate::store::numbering::Ends;

use super::conn::{self, Verbs as _, args, repo_error};
use super::tx::{Held, SqlTx};
use super::{MigrateError, migrate, sessions, sql};

#[cfg(test)]
pub(in crate::store::sql) use plans::note;
pub(in crate::store::sql) use rights::Changing;

/// How long somebody waits for others before the answer is `Busy`.
const BUSY: Duration = Duration::from_secs(4);

/// The same for the lane, which tries again by itself.
const LANE_BUSY: Duration = Duration::from_secs(1);

/// How long the log's keeper holds back writers for readers that are in its way.
const KEEPER_BUSY: Duration = Duration::from_millis(50);

/// What the lane keeps of the file in memory, in KiB, so that the keys of busy rooms are not read again for each batch.
const LANE_CACHE: &str = "-65536";

/// Pages of the write-ahead log beyond which it is worth beginning it anew (16 MB).
const LONG_LOG: i64 = 4096;

/// How SQLite writes its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// An answered commit survives a power cut.
    #[default]
    Full,
    /// A power cut may lose the last commits; for measuring only.
    Normal,
}

/// The embedded store: [`Store`] and the room logs. One at a time has a file, because it remembers who may write to whom.
pub struct SqliteStore {
    _lock: Option<File>,
    gate: Arc<Semaphore>,
    lane: Mutex<room_log::Lane>,
    ends: Ends,
    units: Arc<Mutex<SqliteConnection>>,
    /// The reader of the send path; the pool would cost more than the question.
    rights: rights::Rights,
    /// Writes the log back into the file; needs a connection that may write.
    keeper: Mutex<SqliteConnection>,
    /// The log may hold what was erased from the file.
    erased: AtomicBool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens or makes the file and brings its schema up to date. Waits some seconds for another store that has it.
    pub async fn open(path: &Path, durability: Durability) -> Result<Arc<Self>, MigrateError> {
        let patience = Instant::now() + BUSY;
        loop {
            match Self::try_alone(path, durability).await {
                Err(MigrateError::Store(RepoError::Busy) | MigrateError::InUse) if Instant::now() < patience => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                done => return done,
            }
        }
    }

    /// Opens a file that another store may have, to add to it what no right of a private send depends on, such as an
    /// account, or what is written to the audit log too: by that the other one learns of it within a second.
    pub async fn open_beside(path: &Path, durability: Durability) -> Result<Arc<Self>, MigrateError> {
        Self::try_open(path, durability, None).await
    }

    async fn try_alone(path: &Path, durability: Durability) -> Result<Arc<Self>, MigrateError> {
        let lock = lock(path)?;
        Self::try_open(path, durability, Some(lock)).await
    }

    async fn try_open(path: &Path, durability: Durability, lock: Option<File>) -> Result<Arc<Self>, MigrateError> {
        let options = options(path, durability);
        let mut units = options.connect().await.map_err(repo_error)?;
        migrate::run_on_sqlite(&mut units).await?;
        let lane = options
            .clone()
            .busy_timeout(LANE_BUSY)
            .pragma("cache_size", LANE_CACHE)
            // What is erased is overwritten, not only given free; nothing else is deleted on this connection.
            .pragma("secure_delete", "ON")
            .connect()
            .await
            .map_err(repo_error)?;
        let keeper = options.clone().busy_timeout(KEEPER_BUSY).connect().await.map_err(repo_error)?;
        let rights = options.clone().read_only(true).connect().await.map_err(repo_error)?;
        let readers = SqlitePoolOptions::new()
            .test_before_acquire(false)
            .min_connections(1)
            .max_connections(4)
            .acquire_timeout(BUSY)
            .connect_with(options.read_only(true))
            .await
            .map_err(repo_error)?;
        Ok(Arc::new(SqliteStore {
            _lock: lock,
            gate: Arc::new(Semaphore::new(1)),
            lane: Mutex::new(room_log::Lane::new(lane)),
            ends: Ends::default(),
            rights: rights::Rights::new(rights),
            keeper: Mutex::new(keeper),
            // An earlier run may have left it so.
            erased: AtomicBool::new(true),
            units: Arc::new(Mutex::new(units)),
            readers,
        }))
    }

    pub(super) async fn reader(&self) -> Res<Held> {
        Ok(Held::Reader(self.readers.acquire().await.map_err(repo_error)?))
    }

    pub(super) async fn writer(&self) -> Res<Held> {
        // Units queue on their connection first and on the gate then, so that the lane has every second turn.
        let conn = self.units.clone().lock_owned().await;
        let gate = self.gate.clone().acquire_owned().await.map_err(|error| RepoError::Unavailable(error.into()))?;
        Ok(Held::Writer { conn, changing: self.rights.changing(), _gate: gate })
    }

    /// The file inside a data folder.
    #[must_use]
    pub fn file(data: &Path) -> PathBuf {
        data.join("jim.db")
    }
}

/// The lock on a file, in a file beside it: SQLite's own locks on it must not be touched.
fn lock(path: &Path) -> Result<File, MigrateError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(name);
    let broken = |error: std::io::Error| MigrateError::Store(RepoError::Unavailable(error.into()));
    let file = file.map_err(broken)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(MigrateError::InUse),
        Err(TryLockError::Error(error)) => Err(broken(error)),
    }
}

fn options(path: &Path, durability: Durability) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::Normal => SqliteSynchronous::Normal,
        })
        // The gate keeps our own writers apart; this is for a tool that reads or backs up the file.
        .busy_timeout(BUSY)
        .foreign_keys(false)
        .disable_statement_logging()
        .statement_cache_capacity(256)
        .row_buffer_size(1024)
        // `maintain` checkpoints once a second, off the send path; this is the net below it (64 MB).
        .pragma("wal_autocheckpoint", "16384")
        .pragma("temp_store", "MEMORY")
}

#[async_trait]
impl Store for SqliteStore {
    async fn read(&self) -> Res<Unit> {
        // A deferred transaction sees the moment of its first statement; this is it.
        let words = ["BEGIN", "SELECT COUNT(*) FROM jim_settings"];
        Ok(Unit::new(Box::new(SqlTx::begin(self.reader().await?, &words).await?), &[]))
    }

    async fn write(&self, locks: &[Lock]) -> Res<Unit> {
        let mut tx = SqlTx::begin(self.writer().await?, &["BEGIN IMMEDIATE"]).await?;
        tx.watch();
        Ok(Unit::new(Box::new(tx), locks))
    }

    async fn private_rights(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
        self.rights.read(asks).await
    }

    fn known_private_rights(&self, writer: UserId, other: UserId) -> Option<PrivateRights> {
        self.rights.known((writer, other))
    }

    fn forget_rights(&self) {
        self.rights.forget();
    }

    async fn session_by_access(&self, hash: &TokenHash) -> Res<Option<(StoredSession, Option<UserState>)>> {
        let mut reader = self.readers.acquire().await.map_err(repo_error)?;
        sessions::by_access(&mut *reader, hash).await
    }

    async fn ping(&self) -> Res<()> {
        let mut reader = self.readers.acquire().await.map_err(repo_error)?;
        let answer = reader.row::<(i64,)>("SELECT 1", args![]).await?;
        answer.map(|_| ()).ok_or_else(|| conn::broken("no answer"))
    }

    async fn maintain(&self) -> Res<()> {
        let mut keeper = self.keeper.lock().await;
        let (_, pages) = checkpoint(&mut keeper, "PASSIVE").await?;
        if pages < LONG_LOG && !self.erased.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Under load something is always behind; with the writers held back for what came meanwhile, the log is begun
        // anew instead of growing until a send has to write it all back.
        let _gate = self.gate.acquire().await.map_err(|error| RepoError::Unavailable(error.into()))?;
        if !self.erased.load(Ordering::Relaxed) {
            return checkpoint(&mut keeper, "PASSIVE").await.map(|_| ());
        }
        // Pages stand in the log as they were before something was erased, until it is emptied. Readers that are in its
        // way are not waited for long; then the next time.
        let (busy, _) = checkpoint(&mut keeper, "TRUNCATE").await?;
        self.erased.store(busy, Ordering::Relaxed);
        Ok(())
    }
}

/// Writes the log back into the file; says whether somebody was in the way, and how many pages the log has.
async fn checkpoint(keeper: &mut SqliteConnection, mode: &str) -> Res<(bool, i64)> {
    let done = keeper.row::<(i64, i64, i64)>(sql(format!("PRAGMA wal_checkpoint({mode})")), args![]).await?;
    Ok(done.map_or((false, 0), |(busy, pages, _)| (busy != 0, pages)))
}
