//! How the servers of a Redis are found: the sentinels are asked for their master, a cluster for its slots.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{join_all, select_ok};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisError, RedisResult, Value, cmd};
use tokio::time::timeout;

use super::error::{RedisConnectError, explain};
use super::layout::Layout;
use super::target::{Address, Kind, Target};

/// How long a server may take to be connected and to answer one question.
const PATIENCE: Duration = Duration::from_secs(2);

impl Target {
    /// The masters, at the beginning: what does not fit is said in one line.
    pub(super) async fn first_layout(&self) -> Result<Layout, RedisConnectError> {
        match &self.kind {
            Kind::Single => {
                self.check(&self.hosts[0]).await?;
                Ok(Layout::one(self.hosts[0].clone()))
            }
            Kind::Sentinel { master } => {
                let found = self.ask_sentinels(master).await.map_err(|error| explain(&self, &error))?;
                let why = || format!("is watched by no sentinel there under the name {master}");
                let at = found.ok_or_else(|| RedisConnectError::Misfit { at: self.to_string(), why: why() })?;
                self.check(&at).await?;
                Ok(Layout::one(at))
            }
            Kind::Cluster => {
                let mut first = None;
                for host in &self.hosts {
                    match self.check(host).await {
                        Ok(()) => return self.slots_by(host).await.map_err(|error| explain(&host, &error)),
                        Err(error) => first = first.or(Some(error)),
                    }
                }
                Err(first.unwrap_or(RedisConnectError::Url("names no server")))
            }
        }
    }

    /// The masters as they are now. `known` are asked beside those that the URL names.
    pub(super) async fn layout(&self, known: &Layout) -> RedisResult<Layout> {
        match &self.kind {
            Kind::Single => Ok(known.clone()),
            Kind::Sentinel { master } => self.ask_sentinels(master).await?.map(Layout::one).ok_or_else(|| {
                RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "no sentinel knows the master"))
            }),
            Kind::Cluster => {
                let known = known.owners().into_iter().chain(&self.hosts);
                let asked = known.map(|address| Box::pin(self.slots_by(address)));
                Ok(select_ok(asked).await?.0)
            }
        }
    }

    /// The master that most sentinels name. An error only if none answers.
    async fn ask_sentinels(&self, master: &str) -> RedisResult<Option<Address>> {
        let answers = join_all(self.hosts.iter().map(|sentinel| self.ask_sentinel(sentinel, master))).await;
        let mut votes: BTreeMap<Address, usize> = BTreeMap::new();
        let mut failed = None;
        for answer in answers {
            match answer {
                Ok(Some(address)) => *votes.entry(address).or_default() += 1,
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        match (votes.into_iter().max_by_key(|(_, votes)| *votes), failed) {
            (None, Some(error)) => Err(error),
            (most, _) => Ok(most.map(|(address, _)| address)),
        }
    }

    /// Sentinels seldom have a password of their own: it is given to those that ask for it.
    async fn ask_sentinel(&self, sentinel: &Address, master: &str) -> RedisResult<Option<Address>> {
        let mut question = cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(master);
        let answer = match ask(self.stranger(sentinel)?, &question).await {
            Err(error) if error.code() == Some("NOAUTH") || error.kind() == ErrorKind::AuthenticationFailed => {
                ask(self.plain_client(sentinel)?, &question).await?
            }
            answer => answer?,
        };
        let found: Option<(String, u16)> = FromRedisValue::from_redis_value(answer)?;
        Ok(found.map(|(host, port)| Address { host, port }))
    }

    async fn slots_by(&self, address: &Address) -> RedisResult<Layout> {
        let answer = ask(self.plain_client(address)?, cmd("CLUSTER").arg("SLOTS")).await?;
        let rows: Vec<Vec<Value>> = FromRedisValue::from_redis_value(answer)?;
        let mut ranges = Vec::with_capacity(rows.len());
        for row in rows {
            let [first, last, master, ..] = row.as_slice() else { continue };
            let Value::Array(master) = master else { continue };
            let [host, port, ..] = master.as_slice() else { continue };
            let host: Option<String> = FromRedisValue::from_redis_value_ref(host)?;
            // A node that does not know its own name is where it was asked.
            let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| address.host.clone());
            let port = FromRedisValue::from_redis_value_ref(port)?;
            let first = FromRedisValue::from_redis_value_ref(first)?;
            ranges.push((first, FromRedisValue::from_redis_value_ref(last)?, Address { host, port }));
        }
        Ok(Layout::of(ranges))
    }

    /// Whether a server is one that its URL promises.
    async fn check(&self, at: &Address) -> Result<(), RedisConnectError> {
        let client = self.plain_client(at).map_err(|error| explain(&at, &error))?;
        let answer = ask(client, cmd("INFO").arg("server")).await.map_err(|error| explain(&at, &error))?;
        let not_redis = || RedisConnectError::NotRedis { at: at.to_string() };
        let info: String = FromRedisValue::from_redis_value(answer).map_err(|_| not_redis())?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let version = field("redis_version").ok_or_else(not_redis)?;
        let (needed, least) = match self.kind {
            Kind::Cluster => ("7.0", (7, 0)),
            _ => ("6.2", (6, 2)),
        };
        let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
        if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < least {
            return Err(RedisConnectError::TooOld { at: at.to_string(), version: version.into(), needed });
        }
        let why = match (&self.kind, field("redis_mode").unwrap_or("standalone")) {
            (Kind::Cluster, "cluster") | (Kind::Single | Kind::Sentinel { .. }, "standalone") => return Ok(()),
            (_, "cluster") => "is a node of a cluster: its URL begins with redis+cluster:// or rediss+cluster://",
            (_, "sentinel") => "is a sentinel: its URL begins with redis+sentinel:// or rediss+sentinel://",
            _ => "is no node of a cluster",
        };
        Err(RedisConnectError::Misfit { at: at.to_string(), why: why.into() })
    }

    /// Whether a connection still leads to a master, in time.
    pub(super) async fn beat(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        if self.kind == Kind::Cluster || self.kind == Kind::Single {
            return cmd("PING").query_async::<Value>(connection).await.map(drop);
        }
        let role: Vec<Value> = cmd("ROLE").query_async(connection).await?;
        match role.first() {
            Some(Value::BulkString(name)) if name == b"master" => Ok(()),
            _ => Err(RedisError::from((ErrorKind::Client, "the server is a master no more"))),
        }
    }
}

/// One question on a connection of its own.
async fn ask(client: Client, question: &redis::Cmd) -> RedisResult<Value> {
    let asked = async {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        question.query_async(&mut connection).await
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
}

/// No answer in time.
pub(super) fn late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
