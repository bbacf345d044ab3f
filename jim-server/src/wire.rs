//! Puts the backend together. The only file that names adapters.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jim_core::Jim;
use jim_core::bus::Bus;
use jim_core::bus::rabbitmq::{RabbitBus, RabbitOptions};
use jim_core::bus::redis::{RedisBus, RedisOptions};
use jim_core::captcha::{Picture, ProofOfWork};
use jim_core::mail::{FileMailer, LogMailer, Mailer, Sender, SmtpMailer};
use jim_core::repo::{Archive, CounterRepo, LogArchive, Store};
use jim_core::secret::Secret;
use jim_core::service::Options;
use jim_core::store::mongo::{MongoOptions, MongoRoomLog};
use jim_core::store::redis::RedisShared;
use jim_core::store::sql::{self, MySqlOptions, MySqlStore, SqliteStore};
use jim_core::transfer::{self, Moving, Whole};

use crate::api::health::{Parts, Probe, State};
use crate::config::{BadConfig, BlockedRequest, Config, DeletedMessages, Durability};
use crate::external::HostTokens;

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
    /// The embedded store cannot be opened.
    #[error(transparent)]
    Store(#[from] sql::MigrateError),
    /// What a URL names cannot be used.
    #[error(transparent)]
    Url(#[from] BadConfig),
    /// A move of it has not come to its end.
    #[error(transparent)]
    Moving(#[from] Moving),
    /// The parts do not fit.
    #[error("the backend cannot be put together: {0}")]
    Build(#[from] jim_core::Error),
}

impl NotReady {
    /// Whether what is configured must be changed first: starting again does not help.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self, NotReady::Url(_) | NotReady::Store(sql::MigrateError::Newer { .. }))
    }
}

/// A backend, and the lock on its data folder for as long as it lives.
pub struct Backend {
    /// The backend.
    pub jim: Jim,
    /// How its parts are.
    pub probe: Arc<dyn Probe>,
    /// Budgets that nodes share.
    pub counters: Option<Arc<dyn CounterRepo>>,
    _lock: Option<File>,
}

/// Opens the configured adapters.
pub async fn backend(config: &Config) -> Result<Backend, NotReady> {
    let stores = open(config, Alone::Yes).await?;
    stores.are_whole().await?;
    let mut builder = Jim::builder(stores.store, stores.rooms).options(options(config));
    if !config.auth.secret.expose().is_empty() {
        builder = builder.secret(config.auth.secret.clone());
    }
    builder = builder.captchas(vec![Arc::new(Picture), Arc::new(ProofOfWork::default())]);
    if let Some(tokens) = HostTokens::of(&config.auth)? {
        builder = builder.authenticator(Arc::new(tokens));
    }
    if let Some(mailer) = mailer(config)? {
        builder = builder.mailer(mailer);
    }
    let mut bus: Option<Arc<dyn Bus>> = None;
    let mut counters = None;
    let url = config.bus.url.expose();
    if !url.is_empty() {
        // Systems that share a Redis or a RabbitMQ do not hear each other.
        let prefix = format!("jim:{}:", builder.epoch().await?);
        let bad = |error: &dyn std::fmt::Display| BadConfig::at("bus.url", error.to_string());
        let opened: Arc<dyn Bus> = if url.starts_with("amqp") {
            tracing::info!(
                "bus.no_shared_state: over RabbitMQ each node counts calls and knows who is connected by itself"
            );
            let options = RabbitOptions { prefix, ..RabbitOptions::default() };
            RabbitBus::connect(url, options).await.map_err(|error| bad(&error))?
        } else {
            let shared = RedisShared::connect(url, &prefix).await.map_err(|error| bad(&error))?;
            builder = builder.presence(shared.clone()).counters(shared.clone());
            counters = Some(shared as Arc<dyn CounterRepo>);
            let options = RedisOptions { prefix, ..RedisOptions::default() };
            RedisBus::connect(url, options).await.map_err(|error| bad(&error))?
        };
        builder = builder.bus(opened.clone());
        bus = Some(opened);
    }
    let jim = builder.build().await?;
    for warning in &stores.warnings {
        tracing::warn!(warning, "store.weak");
    }
    let probe = Arc::new(Looks { jim: jim.clone(), bus, warnings: stores.warnings });
    Ok(Backend { jim, probe, counters, _lock: stores.lock })
}

/// Where mails go, if anywhere.
fn mailer(config: &Config) -> Result<Option<Arc<dyn Mailer>>, BadConfig> {
    let url = config.mail.url.expose();
    if url.is_empty() {
        return Ok(None);
    }
    let sender = Sender::parse(&config.mail.from).map_err(|wrong| BadConfig::at("mail.from", wrong))?;
    let bad = |wrong: String| BadConfig::at("mail.url", wrong);
    Ok(Some(match url.split_once(':') {
        Some(("log", _)) => Arc::new(LogMailer),
        Some(("file", "")) => return Err(bad("names no folder".into())),
        Some(("file", folder)) => {
            Arc::new(FileMailer::open(Path::new(folder), sender).map_err(|error| bad(error.to_string()))?)
        }
        _ => Arc::new(SmtpMailer::new(url, sender).map_err(|wrong| bad(wrong.into()))?),
    }))
}

/// A backend that runs nothing, to add to stores that a running server may use.
pub async fn beside(config: &Config) -> Result<Jim, NotReady> {
    let stores = open(config, Alone::No).await?;
    stores.are_whole().await?;
    Ok(Jim::builder(stores.store, stores.rooms).options(options(config)).build().await?)
}

/// The same for stores that somebody has made already.
pub async fn beside_known(config: &Config) -> Result<Jim, NotReady> {
    is_there(config)?;
    beside(config).await
}

/// Brings the configured stores to this version.
pub async fn migrate(config: &Config) -> Result<(), NotReady> {
    open(config, Alone::Yes).await.map(|_| ())
}

/// The configured stores as a whole; a server may run on them.
pub async fn whole(config: &Config) -> Result<Stores, NotReady> {
    is_there(config)?;
    open(config, Alone::No).await
}

/// The same for a command that nobody else may disturb.
pub async fn whole_alone(config: &Config) -> Result<Stores, NotReady> {
    is_there(config)?;
    open(config, Alone::Yes).await
}

/// The stores that a move goes to, made if they are not there. `store` is a URL as in `store.url`, or `sqlite:` and the
/// path of a data folder; without it the relational side stays. `rooms` is a URL as in `rooms.url`; without it the room
/// logs go to the store too.
pub async fn target(config: &Config, store: Option<&str>, rooms: Option<&str>) -> Result<Stores, NotReady> {
    let mut to = config.clone();
    if let Some(url) = store {
        to.store.url = Secret::new(url.to_owned());
        match url.strip_prefix("sqlite:") {
            Some("") => return Err(BadConfig::at("--to", "wants a data folder, such as sqlite:/srv/jim").into()),
            Some(folder) => to.data.dir = folder.into(),
            None if url.starts_with("mysql://") => {}
            None => return Err(BadConfig::at("--to", "must begin with sqlite: or mysql://").into()),
        }
    }
    to.rooms.url = Secret::new(rooms.unwrap_or_default().to_owned());
    if rooms.is_some_and(|url| !url.starts_with("mongodb://") && !url.starts_with("mongodb+srv://")) {
        return Err(BadConfig::at("--to-rooms", "must begin with mongodb:// or mongodb+srv://").into());
    }
    let alone = if store.is_some() { Alone::Yes } else { Alone::No };
    open(&to, alone).await.map_err(|error| match error {
        NotReady::Url(bad) => {
            let key = if bad.key == "rooms.url" { "--to-rooms" } else { "--to" };
            BadConfig::at(key, bad.reason).into()
        }
        error => error,
    })
}

/// Refuses an embedded store that is not there, instead of making an empty one.
fn is_there(config: &Config) -> Result<(), NotReady> {
    let folder = &config.data.dir;
    if config.store.url.expose().starts_with("mysql:") || SqliteStore::file(folder).is_file() {
        return Ok(());
    }
    let cause = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no database in it");
    Err(NotReady::Folder { folder: folder.display().to_string(), cause })
}

/// Stores that are open.
pub struct Stores {
    store: Arc<dyn Store>,
    archive: Arc<dyn Archive>,
    rooms: Arc<dyn LogArchive>,
    /// What they cannot promise as they are set up.
    warnings: Vec<String>,
    lock: Option<File>,
}

impl Stores {
    /// All of them, to be carried or looked over.
    #[must_use]
    pub fn whole(&self) -> Whole<'_> {
        Whole { store: &*self.archive, logs: &*self.rooms }
    }

    /// Whether others on other machines may have them open too.
    #[must_use]
    pub fn are_shared(&self) -> bool {
        self.lock.is_none()
    }

    async fn are_whole(&self) -> Result<(), NotReady> {
        match transfer::moving(&*self.store).await.map_err(jim_core::Error::from)? {
            Some(moving) => Err(moving.into()),
            None => Ok(()),
        }
    }
}

/// Whether an embedded store must not be in use already.
#[derive(PartialEq, Eq)]
enum Alone {
    Yes,
    No,
}

async fn open(config: &Config, alone: Alone) -> Result<Stores, NotReady> {
    let mut stores = match config.store.url.expose() {
        url if url.starts_with("mysql:") => open_mysql(url).await?,
        _ => open_sqlite(config, alone).await?,
    };
    let rooms = config.rooms.url.expose();
    if !rooms.is_empty() {
        let opened = MongoRoomLog::connect(rooms, MongoOptions::default()).await;
        let log = opened.map_err(|error| BadConfig::at("rooms.url", error.to_string()))?;
        stores.warnings.extend_from_slice(log.warnings());
        stores.rooms = log;
    }
    Ok(stores)
}

async fn open_mysql(url: &str) -> Result<Stores, NotReady> {
    let bad = |reason: String| BadConfig::at("store.url", reason);
    // The parser's words hold no part of the URL.
    let url = url::Url::parse(url).map_err(|error| bad(error.to_string()))?;
    let store = MySqlStore::open(&url, MySqlOptions::default()).await.map_err(|error| bad(error.to_string()))?;
    let warnings = store.warnings().to_vec();
    Ok(Stores { store: store.clone(), archive: store.clone(), rooms: store, warnings, lock: None })
}

async fn open_sqlite(config: &Config, alone: Alone) -> Result<Stores, NotReady> {
    let folder = &config.data.dir;
    let failed = |cause| NotReady::Folder { folder: folder.display().to_string(), cause };
    let lock = if alone == Alone::Yes { Some(lock(folder)?) } else { None };
    make_folder(folder).map_err(failed)?;
    let file = SqliteStore::file(folder);
    make_private(&file).map_err(failed)?;
    let mut warnings = Vec::new();
    let durability = match config.store.durability {
        Durability::Full => sql::Durability::Full,
        Durability::Normal => {
            warnings.push("store.durability is normal: a power cut can lose answered sends".to_owned());
            sql::Durability::Normal
        }
    };
    let store = match alone {
        Alone::Yes => SqliteStore::open(&file, durability).await?,
        Alone::No => SqliteStore::open_beside(&file, durability).await?,
    };
    Ok(Stores { store: store.clone(), archive: store.clone(), rooms: store, warnings, lock })
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
        registration_captcha: config.captcha.registration,
        captcha_test_answer: Some(config.captcha.test_answer.clone())
            .filter(|answer| !answer.is_empty())
            .map(Secret::new),
        captcha_after: config.auth.captcha_after,
        lock_after: config.auth.lock_after,
        lock_for: Duration::from_secs(config.auth.lock_seconds),
        registration: config.auth.registration(),
        erase_deleted: config.accounts.deleted_messages == DeletedMessages::Erase,
        friends_required: config.friends.required,
        greeting: Some(config.friends.greeting.clone()).filter(|greeting| !greeting.is_empty()),
        pretend_when_blocked: config.friends.blocked_request == BlockedRequest::Pretend,
        access_for: Duration::from_secs(config.auth.access_seconds),
        refresh_for: Duration::from_secs(config.auth.refresh_seconds),
        ticket_for: Duration::from_secs(config.auth.ticket_seconds),
        code_for: Duration::from_secs(config.auth.code_seconds),
        heartbeat: Duration::from_secs(config.socket.heartbeat_seconds),
        queue_frames: config.socket.queue_frames,
    }
}

/// How long a part has to show that it is up.
const ANSWER: Duration = Duration::from_millis(1500);

type Ping<'a> = std::pin::Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// Looks at the parts of a backend.
struct Looks {
    jim: Jim,
    bus: Option<Arc<dyn Bus>>,
    warnings: Vec<String>,
}

#[async_trait]
impl Probe for Looks {
    async fn parts(&self) -> Parts {
        let state = |up| if up { State::Up } else { State::Down };
        let in_time = async |ping| tokio::time::timeout(ANSWER, ping).await.is_ok_and(|pong| pong);
        let (store, logs) = tokio::join!(
            in_time(Box::pin(async { self.jim.ping().await.is_ok() }) as Ping<'_>),
            in_time(Box::pin(async { self.jim.ping_logs().await.is_ok() }) as Ping<'_>)
        );
        let bus = self.bus.as_ref().is_none_or(|bus| bus.is_up()) && self.jim.hub().is_bus_up();
        Parts {
            store: state(store),
            logs: state(logs),
            bus: state(bus),
            mail: self.jim.is_mail_up().map_or(State::Off, state),
        }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
