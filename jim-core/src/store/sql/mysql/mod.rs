//! The shared store: MySQL 8 or MariaDB, for any number of nodes.
//!
//! Units are transactions that lock the rows they name; nothing that decides is remembered between them. Room logs are
//! numbered by their keys, without a transaction.

mod link;
mod room_log;
mod server;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::ConnectOptions as _;
use sqlx::mysql::MySqlConnectOptions;
use url::Url;

use super::conn::{Verbs, args};
use super::tx::{Held, SqlTx};
use super::{MigrateError, migrate, rights, sessions, tuples};
use crate::id::UserId;
use crate::model::user::UserState;
use crate::repo::{Lock, PrivateRights, RepoError, Res, Store, StoredSession, Unit};
use crate::secret::TokenHash;
use crate::store::numbering::Ends;
use crate::time::Millis;
use link::Links;
pub(super) use link::Pooled;

/// What is said on each connection that writes: a lock that is not given in time is an answer, and what others commit
/// is seen.
const WRITER: &[&str] = &[
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION innodb_lock_wait_timeout = 2",
    // A node that vanishes without a word, in the middle of a unit, holds its locks no longer.
    "SET SESSION wait_timeout = 10",
    "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')",
];

/// The same on each that reads: a unit sees one moment.
const READER: &[&str] = &["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"];

/// How long opening the store may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a store uses its server.
#[derive(Debug, Clone)]
pub struct MySqlOptions {
    /// Connections for units that write.
    pub writers: usize,
    /// Connections for everything that only reads.
    pub readers: usize,
    /// Connections for appends; rooms share them evenly, and each appends batches: the fewer there are, the more goes
    /// into each, and the less each entry costs the server.
    pub lanes: usize,
}

impl Default for MySqlOptions {
    fn default() -> Self {
        MySqlOptions { writers: 16, readers: 16, lanes: 2 }
    }
}

/// The shared store: [`Store`] and the room logs.
pub struct MySqlStore {
    writers: Links,
    readers: Links,
    lanes: Links,
    width: usize,
    ends: Ends,
    warnings: Vec<String>,
}

impl MySqlStore {
    /// Opens the database of a URL, `mysql://user:password@host:port/database`, and brings its schema up to date.
    /// Refuses a server that is too old, and says in one line, without the password, what is wrong with another.
    pub async fn open(url: &Url, options: MySqlOptions) -> Result<Arc<Self>, MigrateError> {
        let connect = server::options(url)?;
        let opened = tokio::time::timeout(PATIENCE, connect.connect()).await;
        let mut conn = match opened {
            Ok(conn) => conn.map_err(|error| server::unfit(url, &error))?,
            Err(_) => return Err(server::silent(url)),
        };
        let fit = server::examine(url, &mut conn).await?;
        let migrated = migrate::run_on_mysql(&mut conn, fit.collation).await;
        migrated.map_err(|error| server::unfit_schema(url, error))?;
        // What is bound to a statement compares as the columns do.
        Self::over(&connect.collation(fit.collation), &options, fit.warnings)
    }

    fn over(
        connect: &MySqlConnectOptions,
        options: &MySqlOptions,
        warnings: Vec<String>,
    ) -> Result<Arc<Self>, MigrateError> {
        Ok(Arc::new(MySqlStore {
            writers: Links::new(connect, WRITER, options.writers)?,
            readers: Links::new(connect, READER, options.readers)?,
            lanes: Links::new(connect, WRITER, options.lanes)?,
            width: options.lanes,
            ends: Ends::default(),
            warnings,
        }))
    }

    pub(super) async fn reader(&self) -> Res<Held> {
        Ok(Held::Server(self.readers.get().await?))
    }

    pub(super) async fn writer(&self) -> Res<Held> {
        Ok(Held::Server(self.writers.get().await?))
    }

    async fn try_write(&self, locks: &[Lock]) -> Res<SqlTx> {
        let mut tx = SqlTx::begin(self.writer().await?, &["START TRANSACTION"]).await?;
        let mut conn = tx.conn().await?;
        lock(&mut *conn, locks).await?;
        drop(conn);
        tx.watch();
        Ok(tx)
    }

    /// What this server, as it is set up, cannot promise; a sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[async_trait]
impl Store for MySqlStore {
    async fn read(&self) -> Res<Unit> {
        let tx = SqlTx::begin(self.reader().await?, &["START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"]).await?;
        Ok(Unit::new(Box::new(tx), &[]))
    }

    async fn write(&self, locks: &[Lock]) -> Res<Unit> {
        // Whoever holds a lock for longer than another may wait is rolled back soon: the second try finds it free.
        let tx = match self.try_write(locks).await {
            Err(RepoError::Busy) => self.try_write(locks).await?,
            tx => tx?,
        };
        Ok(Unit::new(Box::new(tx), locks))
    }

    async fn private_rights(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
        rights::read(&mut *self.readers.get().await?, asks).await
    }

    async fn session_by_access(&self, hash: &TokenHash) -> Res<Option<(StoredSession, Option<UserState>)>> {
        sessions::by_access(&mut *self.readers.get().await?, hash).await
    }

    async fn ping(&self) -> Res<()> {
        self.readers.get().await?.run("DO 1", args![]).await.map(|_| ())
    }

    async fn now(&self) -> Res<Option<Millis>> {
        let text = "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
        let now: Option<(i64,)> = self.readers.get().await?.row(text, args![]).await?;
        Ok(now.map(|(now,)| Millis(now)))
    }
}

/// Takes locks in one order whatever order they are named in: people by id, then groups, then worlds.
async fn lock(conn: &mut impl Verbs, locks: &[Lock]) -> Res<()> {
    let mut locks = locks.to_vec();
    locks.sort_unstable();
    locks.dedup();
    let mut users = Vec::new();
    let mut groups = Vec::new();
    let mut worlds = Vec::new();
    for lock in locks {
        match lock {
            Lock::User(user) => users.push(user.into()),
            Lock::Group(group) => groups.push(group.into()),
            Lock::World(world) => worlds.push(world.into()),
        }
    }
    for (table, ids) in [("jim_users", users), ("jim_groups", groups), ("jim_worlds", worlds)] {
        for ids in ids.chunks(128) {
            let some = tuples(1, ids.len());
            let text = format!("SELECT id FROM {table} WHERE id IN {some} ORDER BY id FOR UPDATE");
            conn.rows::<(i64,)>(super::sql(text), ids.to_vec()).await?;
        }
    }
    Ok(())
}
