//! What can be set: the built-in defaults, under a file, under the environment.

mod text;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat};
use jim_core::model::Limits;
use jim_core::model::registration::Hours;
use jim_core::secret::Secret;
use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use crate::limit::Rate;
use crate::source::Network;

/// Every key with its default and what it means; the only place where defaults stand.
pub const DEFAULTS: &str = include_str!("../config/jim.default.toml");

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, Validate)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "`config/jim.default.toml` says what each key means")]
        pub struct $name { $($(#[$attr])* pub $field: $type,)+ }
    };
}

section! {
    /// The whole configuration. Printing it as TOML shows no secret.
    Config {
        #[validate(nested)] server: Server,
        log: Log,
        data: Data,
        store: Store,
        rooms: Rooms,
        bus: Bus,
        mail: Mail,
        captcha: Captcha,
        #[validate(nested)] auth: Auth,
        friends: Friends,
        #[validate(nested)] socket: Socket,
        accounts: Accounts,
        rate: Rates,
        limits: Limits,
    }
}

section! {
    /// `[server]`
    Server {
        listen: SocketAddr,
        #[serde(with = "text::optional")] ops_listen: Option<SocketAddr>,
        public_url: String,
        #[serde(deserialize_with = "text::list")] allowed_origins: Vec<String>,
        #[serde(deserialize_with = "text::list")] trusted_proxies: Vec<Network>,
        #[validate(range(max = 3600))] drain_seconds: u64,
        #[validate(range(min = 1, max = 600))] header_timeout_seconds: u64,
        #[validate(range(min = 1, max = 600))] body_timeout_seconds: u64,
    }
}

section! {
    /// `[log]`
    Log { level: String, }
}

section! {
    /// `[data]`
    Data { dir: PathBuf, }
}

section! {
    /// `[store]`
    Store { #[serde(with = "text::url")] url: Secret, durability: Durability, }
}

/// How the embedded store writes its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// An answered send survives a power cut.
    Full,
    /// A power cut may lose the last answered sends.
    Normal,
}

section! {
    /// `[rooms]`
    Rooms { #[serde(with = "text::url")] url: Secret, }
}

section! {
    /// `[bus]`
    Bus { #[serde(with = "text::url")] url: Secret, }
}

section! {
    /// `[mail]`
    Mail { #[serde(with = "text::url")] url: Secret, from: String, }
}

section! {
    /// `[captcha]`
    Captcha { registration: bool, test_answer: String, }
}

section! {
    /// `[auth]`
    Auth {
        #[serde(with = "text::secret")] secret: Secret,
        #[serde(with = "text::secret")] external_secret: Secret,
        external_key: PathBuf,
        #[validate(range(min = 1, max = 86_400))] access_seconds: u64,
        #[validate(range(min = 1, max = 31_536_000))] refresh_seconds: u64,
        #[validate(range(min = 1, max = 3600))] ticket_seconds: u64,
        #[validate(range(min = 1, max = 86_400))] code_seconds: u64,
        registration: Registration,
        registration_window: String,
        #[validate(range(min = 1, max = 1000))] captcha_after: u32,
        #[validate(range(min = 1, max = 1000))] lock_after: u32,
        #[validate(range(min = 1, max = 86_400))] lock_seconds: u64,
    }
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
    /// Everybody at the hours of `auth.registration_window`.
    Window,
}

impl Auth {
    /// Who may register, until an administrator says otherwise; nobody at hours that are none.
    #[must_use]
    pub fn registration(&self) -> jim_core::model::Registration {
        use jim_core::model::Registration as Is;
        match self.registration {
            Registration::Open => Is::Open,
            Registration::Closed => Is::Closed,
            Registration::Window => Hours::parse(&self.registration_window).map_or(Is::Closed, Is::Window),
        }
    }
}

section! {
    /// `[friends]`
    Friends { required: bool, greeting: String, blocked_request: BlockedRequest, }
}

/// What a blocked person's friend request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockedRequest {
    /// `friend.refused`.
    Refuse,
    /// As if it had been sent.
    Pretend,
}

section! {
    /// `[socket]`
    Socket {
        #[validate(range(min = 1, max = 3600))] heartbeat_seconds: u64,
        #[validate(range(min = 1, max = 65_536))] queue_frames: usize,
    }
}

section! {
    /// `[accounts]`
    Accounts { deleted_messages: DeletedMessages, }
}

/// What becomes of the messages of a deleted account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletedMessages {
    /// They stay.
    Keep,
    /// Their bodies go.
    Erase,
}

section! {
    /// `[rate]`
    Rates {
        enabled: bool,
        send: Rate,
        friend_request: Rate,
        group_invite: Rate,
        search: Rate,
        ticket: Rate,
        register: Rate,
        login: Rate,
        captcha: Rate,
        recovery: Rate,
    }
}

/// Why a configuration is not taken: one line that names the key.
#[derive(Debug)]
pub struct BadConfig {
    /// The key, such as `server.listen`; empty if none is to blame.
    pub key: String,
    /// What is wrong with it; never holds its value.
    pub reason: String,
}

impl BadConfig {
    /// A key that is to blame.
    pub fn at(key: impl Into<String>, reason: impl Into<String>) -> Self {
        BadConfig { key: key.into(), reason: reason.into() }
    }
}

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "configuration: {}", self.reason);
        }
        write!(f, "configuration key `{}`: {}", self.key, self.reason)
    }
}

impl std::error::Error for BadConfig {}

/// Whether a key differs from what already works.
type IsSet = fn(&Config) -> bool;

/// Keys that are accepted and have no effect yet.
const WITHOUT_EFFECT: &[(&str, IsSet)] = &[
    ("server.public_url", |c| !c.server.public_url.is_empty()),
    ("limits.media_bytes", |c| c.limits.media_bytes != Limits::default().media_bytes),
    ("limits.media_quota_bytes", |c| c.limits.media_quota_bytes != Limits::default().media_quota_bytes),
    ("limits.image_pixels", |c| c.limits.image_pixels != Limits::default().image_pixels),
];

/// What a bus may be reached by.
const BUSES: &[&str] = &[
    "redis://",
    "rediss://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "redis+cluster://",
    "rediss+cluster://",
    "amqp://",
    "amqps://",
];

impl Config {
    /// The defaults, under `file` (or `./jim.toml` if there is one), under the environment of this process.
    pub fn load(file: Option<&Path>) -> Result<Config, BadConfig> {
        Config::read(file, None)
    }

    /// As `load`, with an environment to be given in a test.
    fn read(file: Option<&Path>, environment: Option<HashMap<String, String>>) -> Result<Config, BadConfig> {
        let file = match file {
            Some(path) => File::from(path).format(FileFormat::Toml),
            None => File::from(Path::new("./jim.toml")).format(FileFormat::Toml).required(false),
        };
        let merged = config::Config::builder()
            .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
            .add_source(file)
            .add_source(Environment::with_prefix("JIM").prefix_separator("__").separator("__").source(environment))
            .build()
            .map_err(|error| BadConfig::at("", one_line(&error.to_string())))?;
        let config: Config = serde_path_to_error::deserialize(merged).map_err(|error| {
            let key = error.path().to_string();
            BadConfig::at(if key == "." { String::new() } else { key }, why(error.inner()))
        })?;
        config.validate().map_err(|errors| first_broken(&errors))?;
        config.check()?;
        Ok(config)
    }

    /// Keys that are set and have no effect yet.
    pub fn without_effect(&self) -> impl Iterator<Item = &'static str> {
        WITHOUT_EFFECT.iter().filter(|(_, is_set)| is_set(self)).map(|(key, _)| *key)
    }

    /// What the ranges of single keys cannot say.
    fn check(&self) -> Result<(), BadConfig> {
        for (key, secret) in [("auth.secret", &self.auth.secret), ("auth.external_secret", &self.auth.external_secret)]
        {
            if !secret.expose().is_empty() && secret.expose().len() < 32 {
                return Err(BadConfig::at(key, "needs at least 32 bytes"));
            }
        }
        for (key, url, schemes) in [
            ("store.url", &self.store.url, &["sqlite:", "mysql://"][..]),
            ("rooms.url", &self.rooms.url, &["mongodb://", "mongodb+srv://"]),
            ("bus.url", &self.bus.url, BUSES),
            ("mail.url", &self.mail.url, &["smtp://", "smtps://", "file:", "log:"]),
        ] {
            let url = url.expose();
            if !url.is_empty() && !schemes.iter().any(|scheme| url.starts_with(scheme)) {
                return Err(BadConfig::at(key, format!("must be empty or begin with one of {}", schemes.join(" "))));
            }
        }
        if self.store.url.expose().strip_prefix("sqlite:").is_some_and(|rest| !rest.is_empty()) {
            return Err(BadConfig::at("store.url", "names no file: SQLite's is `jim.db` in `data.dir`"));
        }
        for origin in &self.server.allowed_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']) && host.is_ascii()) {
                return Err(BadConfig::at("server.allowed_origins", "wants origins such as https://app.example.org"));
            }
        }
        if self.auth.registration == Registration::Window && Hours::parse(&self.auth.registration_window).is_err() {
            return Err(BadConfig::at("auth.registration_window", "wants hours such as 08:00-18:00"));
        }
        if !self.captcha.test_answer.is_empty() && !self.server.listen.ip().is_loopback() {
            return Err(BadConfig::at("captcha.test_answer", "is refused unless server.listen is a loopback address"));
        }
        Ok(())
    }
}

/// The reason alone: the key is told by its path, and the value may be a secret in the wrong place.
fn why(error: &config::ConfigError) -> String {
    match error {
        config::ConfigError::At { error, .. } => why(error),
        config::ConfigError::Type { expected, .. } => format!("wants {expected}"),
        other => match other.to_string().split_once(", expected ") {
            Some((said, _)) if said.starts_with("unknown field") => "there is no such key".to_owned(),
            Some((_, wanted)) => format!("wants {}", one_line(wanted)),
            None if other.to_string().contains("variant constructor") => "is none of the words it may be".to_owned(),
            None => one_line(&other.to_string()),
        },
    }
}

/// The first line and the last, without the excerpt between them, which may hold a secret.
fn one_line(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.next_back()) {
        (Some(first), Some(last)) => format!("{first}: {last}"),
        (first, _) => first.unwrap_or_default().to_owned(),
    }
}

/// The first broken key in alphabetic order.
fn first_broken(errors: &ValidationErrors) -> BadConfig {
    fn walk(errors: &ValidationErrors, path: &str, found: &mut Vec<BadConfig>) {
        for (name, kind) in errors.errors() {
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            match kind {
                ValidationErrorsKind::Struct(inner) => walk(inner, &path, found),
                ValidationErrorsKind::List(items) => items.values().for_each(|inner| walk(inner, &path, found)),
                ValidationErrorsKind::Field(broken) => found.extend(broken.iter().map(|error| {
                    let bound = |name| error.params.get(name).map_or_else(String::new, |v| format!(" {name} {v}"));
                    BadConfig::at(&path, format!("out of range:{}{}", bound("min"), bound("max")))
                })),
            }
        }
    }
    let mut found = Vec::new();
    walk(errors, "", &mut found);
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found.into_iter().next().unwrap_or_else(|| BadConfig::at("", "out of range"))
}

#[cfg(test)]
mod tests;
