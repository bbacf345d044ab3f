//! Puts the backend together. The only file that names adapters.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jim_core::Jim;
use jim_core::service::Options;
use jim_core::store::sql::{self, SqliteStore};

use crate::api::health::{Parts, Probe, State};
use crate::config::{BlockedRequest, Config, Durability, Registration};

/// The file in the data folder that a running server holds.
const LOCK: &str = "lock";

/// Why the backend does not start, in one line.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The data folder cannot be used.
    #[error("data folder {folder}: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// What is wrong.
        cause: std::io::Error,
    },
    /// Another server uses it.
    #[error("data folder {0}: another server is running on it")]
    InUse(String),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] sql::MigrateError),
    /// The parts do not fit.
    #[error("the backend cannot be put together: {0}")]
    Build(#[from] jim_core::Error),
}

/// A backend, and the lock on its data folder for as long as it lives.
pub struct Backend {
    /// The backend.
    pub jim: Jim,
    _lock: File,
}

/// Opens the configured adapters.
pub async fn backend(config: &Config) -> Result<Backend, NotReady> {
    let folder = &config.data.dir;
    let lock = lock(folder)?;
    let store = open(config).await?;
    let mut builder = Jim::builder(store.clone(), store).options(options(config));
    if !config.auth.secret.expose().is_empty() {
        builder = builder.secret(config.auth.secret.clone());
    }
    Ok(Backend { jim: builder.build().await?, _lock: lock })
}

/// A backend that runs nothing, to add to stores that a running server may use.
pub async fn beside(config: &Config) -> Result<Jim, NotReady> {
    let folder = &config.data.dir;
    let failed = |cause| NotReady::Folder { folder: folder.display().to_string(), cause };
    make_folder(folder).map_err(failed)?;
    let file = SqliteStore::file(folder);
    make_private(&file).map_err(failed)?;
    let store = SqliteStore::open_beside(&file, sql::Durability::Full).await?;
    Ok(Jim::builder(store.clone(), store).options(options(config)).build().await?)
}

/// Brings the configured stores to this version.
pub async fn migrate(config: &Config) -> Result<(), NotReady> {
    let _lock = lock(&config.data.dir)?;
    open(config).await.map(|_| ())
}

async fn open(config: &Config) -> Result<std::sync::Arc<SqliteStore>, NotReady> {
    let file = SqliteStore::file(&config.data.dir);
    make_private(&file).map_err(|cause| NotReady::Folder { folder: config.data.dir.display().to_string(), cause })?;
    let durability = match config.store.durability {
        Durability::Full => sql::Durability::Full,
        Durability::Normal => {
            tracing::warn!("store.durability is normal: a power cut can lose answered sends");
            sql::Durability::Normal
        }
    };
    Ok(SqliteStore::open(&file, durability).await?)
}

/// Makes the data folder, for its owner alone, and takes it.
fn lock(folder: &Path) -> Result<File, NotReady> {
    let name = folder.display().to_string();
    let failed = |cause| NotReady::Folder { folder: name.clone(), cause };
    make_folder(folder).map_err(failed)?;
    make_private(&folder.join(LOCK)).map_err(failed)?;
    let file = File::create(folder.join(LOCK)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(NotReady::InUse(name)),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a file that is its owner's alone, unless it is there; SQLite gives the files beside it the same rights.
fn make_private(file: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(|_| ())
}

fn options(config: &Config) -> Options {
    Options {
        limits: config.limits.clone(),
        registration_open: config.auth.registration == Registration::Open,
        friends_required: config.friends.required,
        greeting: Some(config.friends.greeting.clone()).filter(|greeting| !greeting.is_empty()),
        pretend_when_blocked: config.friends.blocked_request == BlockedRequest::Pretend,
        access_for: Duration::from_secs(config.auth.access_seconds),
        refresh_for: Duration::from_secs(config.auth.refresh_seconds),
        ticket_for: Duration::from_secs(config.auth.ticket_seconds),
        heartbeat: Duration::from_secs(config.socket.heartbeat_seconds),
        queue_frames: config.socket.queue_frames,
    }
}

/// Looks at the parts of an embedded backend.
pub struct Embedded(pub Jim);

#[async_trait]
impl Probe for Embedded {
    async fn parts(&self) -> Parts {
        let store = if self.0.ping().await.is_ok() { State::Up } else { State::Down };
        Parts { store, logs: store, bus: State::Up, mail: State::Off }
    }
}
