//! How a server is found, what it must be able to do, and what it cannot promise.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Client, Database};

use super::error::{cause, code};
use super::{MongoOptions, indexes};

/// How long is looked for a server that takes writes. Below the deadline of a call, so that its failure says why; and
/// what is tried twice in vain is still answered within five seconds.
const SELECTION: Duration = Duration::from_secs(2);

const CONNECT: Duration = Duration::from_secs(2);

/// How often the driver asks each server how it is; also how soon it sees that one is back.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How long a server waits for the other members before it says that a write is not safe.
const MAJORITY: Duration = Duration::from_millis(2500);

/// How long a start may take; a big collection gets its keys in this time, or at the next start.
const START: Duration = Duration::from_mins(1);

/// The database where the URL names none.
const DATABASE: &str = "jim";

/// The oldest release that is enough.
const OLDEST: (u32, u32) = (4, 4);

const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;
const COMMAND_NOT_FOUND: i32 = 59;

/// Why room logs were not opened. One line each; none holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be used.
    #[error("the URL of MongoDB cannot be used: {0}")]
    Url(String),
    /// No server answered that takes writes.
    #[error("MongoDB at {hosts} cannot be reached: {cause}")]
    Unreachable {
        /// Where it was looked for.
        hosts: String,
        /// What was met there.
        cause: String,
    },
    /// The user name or the password is wrong.
    #[error("MongoDB at {hosts} refused the user name or the password")]
    Refused {
        /// Where.
        hosts: String,
    },
    /// The user may not do what is needed.
    #[error("MongoDB at {hosts} does not permit what is needed: the user wants the role readWrite on {database}")]
    Forbidden {
        /// Where.
        hosts: String,
        /// In which database.
        database: String,
    },
    /// The server is older than what is supported.
    #[error("MongoDB at {hosts} is too old ({version}); at least {}.{} is needed", OLDEST.0, OLDEST.1)]
    TooOld {
        /// Where.
        hosts: String,
        /// What it says of itself.
        version: String,
    },
    /// A newer release has changed the database in a way that this one cannot work with.
    #[error(
        "the database {database} in MongoDB needs a release of level {needed}, this one has level {}: start a newer release",
        indexes::LEVEL
    )]
    Newer {
        /// Which database.
        database: String,
        /// The level it needs.
        needed: i64,
    },
    /// The server refused something else.
    #[error("MongoDB at {hosts} cannot be used: {cause}")]
    Failed {
        /// Where.
        hosts: String,
        /// What it said.
        cause: String,
    },
}

/// A server that can be used.
pub(super) struct Connected {
    pub(super) database: Database,
    /// Connections at most.
    pub(super) pool: u32,
    pub(super) warnings: Vec<String>,
}

pub(super) async fn connect(url: &str, options: MongoOptions) -> Result<Connected, ConnectError> {
    let parsed = tokio::time::timeout(SELECTION, ClientOptions::parse(url));
    let parsed = parsed.await.map_err(|_| ConnectError::Url("the DNS does not answer".into()))?;
    let parsed = parsed.map_err(|error| ConnectError::Url(flaw(url, &error)))?;
    let hosts: Vec<String> = parsed.hosts.iter().map(ToString::to_string).collect();
    let hosts = hosts.join(",");
    let name = parsed.default_database.clone().unwrap_or_else(|| DATABASE.into());
    let mut warnings = Vec::new();
    let parsed = settled(parsed, options, &mut warnings)?;
    let failed = |error: Error| named(&error, &hosts, &name);
    let late = |_| ConnectError::Unreachable { hosts: hosts.clone(), cause: "no answer in time".into() };

    let pool = parsed.max_pool_size.unwrap_or(options.pool);
    let client = Client::with_options(parsed).map_err(failed)?;
    let database = client.database(&name);
    let asked = tokio::time::timeout(SELECTION + CONNECT, about(&client)).await.map_err(late)?;
    let server = asked.map_err(failed)?;
    if let Some(version) = server.too_old() {
        return Err(ConnectError::TooOld { hosts, version });
    }
    warnings.extend(server.warnings(&hosts));
    let opened = async {
        match indexes::level(&database).await.map_err(failed)? {
            Some(needed) if needed > indexes::LEVEL => Err(ConnectError::Newer { database: name.clone(), needed }),
            _ => indexes::make(&database).await.map_err(failed),
        }
    };
    tokio::time::timeout(START, opened).await.map_err(late)??;
    Ok(Connected { database, pool, warnings })
}

/// What is wrong with a URL. The driver quotes parts of it, so where it holds a password nothing is passed on.
fn flaw(url: &str, error: &Error) -> String {
    match &*error.kind {
        ErrorKind::InvalidArgument { message, .. } if !url.contains('@') => message.clone(),
        ErrorKind::InvalidArgument { .. } => {
            "it is malformed (in a user name and a password, signs such as : / ? # [ ] @ % must be percent-encoded)"
                .into()
        }
        _ => cause(error),
    }
}

/// Safe unless the URL says otherwise; then it is as the URL says, and warned of.
fn settled(
    mut parsed: ClientOptions,
    options: MongoOptions,
    warnings: &mut Vec<String>,
) -> Result<ClientOptions, ConnectError> {
    let mut concern = parsed.write_concern.take().unwrap_or_default();
    let weaker = match concern.w.get_or_insert(Acknowledgment::Majority) {
        Acknowledgment::Majority => None,
        Acknowledgment::Nodes(0) => return Err(ConnectError::Url("with w=0 nothing is answered".into())),
        Acknowledgment::Nodes(nodes) => Some(format!("w={nodes}")),
        other => Some(format!("w={other:?}")),
    };
    if let Some(weaker) = weaker {
        warnings.push(format!(
            "MongoDB: {weaker} in the URL is not the majority: a failover can lose messages that were acknowledged, \
             and then numbers of a room are missing or given to others"
        ));
    }
    if !*concern.journal.get_or_insert(true) {
        warnings.push("MongoDB: journal=false in the URL: a crash can lose messages that were acknowledged".into());
    }
    concern.w_timeout.get_or_insert(MAJORITY);
    parsed.write_concern = Some(concern);
    parsed.read_concern = Some(ReadConcern::majority());
    parsed.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    parsed.server_selection_timeout.get_or_insert(SELECTION);
    parsed.connect_timeout.get_or_insert(CONNECT);
    parsed.heartbeat_freq.get_or_insert(HEARTBEAT);
    parsed.max_pool_size.get_or_insert(options.pool);
    parsed.app_name.get_or_insert_with(|| "jim".into());
    Ok(parsed)
}

fn named(error: &Error, hosts: &str, database: &str) -> ConnectError {
    let hosts = hosts.to_owned();
    match (code(error), &*error.kind) {
        (Some(AUTHENTICATION_FAILED), _) | (None, ErrorKind::Authentication { .. }) => ConnectError::Refused { hosts },
        (Some(UNAUTHORIZED), _) => ConnectError::Forbidden { hosts, database: database.into() },
        (Some(_), _) => ConnectError::Failed { hosts, cause: cause(error) },
        (None, ErrorKind::ServerSelection { message, .. }) if message.contains(" reports wire version ") => {
            let wire = message.split(" reports ").nth(1).and_then(|rest| rest.split(',').next());
            ConnectError::TooOld { hosts, version: wire.unwrap_or_default().into() }
        }
        (None, _) => ConnectError::Unreachable { hosts, cause: cause(error) },
    }
}

/// What a server says of itself.
pub(super) struct About {
    hello: Document,
    build: Document,
}

pub(super) async fn about(client: &Client) -> mongodb::error::Result<About> {
    let admin = client.database("admin");
    let hello = match admin.run_command(doc! { "hello": 1 }).await {
        Err(error) if code(&error) == Some(COMMAND_NOT_FOUND) => admin.run_command(doc! { "isMaster": 1 }).await,
        hello => hello,
    };
    Ok(About { hello: hello?, build: admin.run_command(doc! { "buildInfo": 1 }).await? })
}

impl About {
    fn version(&self) -> &str {
        self.build.get_str("version").unwrap_or("of no version")
    }

    fn too_old(&self) -> Option<String> {
        let mut parts = self.version().split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        (version < OLDEST).then(|| self.version().into())
    }

    /// Whether it is MongoDB itself.
    pub(super) fn is_mongod(&self) -> bool {
        let build = &self.build;
        let has = |name| build.contains_key(name);
        has("gitVersion") && has("allocator") && !build.keys().any(|key| key.starts_with("ferret"))
    }

    /// Whether there are others that go on: a replica set, or a router before some.
    fn has_members(&self) -> bool {
        self.hello.contains_key("setName") || self.hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid")
    }

    fn warnings(&self, hosts: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.is_mongod() {
            warnings.push(format!(
                "the server at {hosts} speaks the protocol of MongoDB and is another ({}): what is promised rests on \
                 its unique keys and its disk; failover and a durable majority cannot be promised",
                self.version()
            ));
        }
        if !self.has_members() {
            warnings.push(format!(
                "MongoDB at {hosts} is no replica set: there is no failover, and a lost disk loses what was acknowledged; \
                 what was read in the moment of a crash may be gone"
            ));
        }
        warnings
    }
}
