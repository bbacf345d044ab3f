//! What the URL of a Redis says: where it is, of which kind, and how to log in.

use std::fmt;

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use super::error::RedisConnectError;

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// How the servers of a Redis belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// One server.
    Single,
    /// A master that sentinels choose.
    Sentinel {
        /// The name that the sentinels know it by.
        master: String,
    },
    /// Slots spread over masters.
    Cluster,
}

/// What a URL says. It has no `Debug`: it holds the password.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) kind: Kind,
    /// The servers that are named; sentinels, if there are any.
    pub(super) hosts: Vec<Address>,
    base: ConnectionInfo,
    tls: bool,
}

const FORMS: &str = "wants redis://[user:password@]host[:port][/db], \
    redis+sentinel://[user:password@]host[:port],…/master or redis+cluster://[user:password@]host[:port],…, \
    or the same with rediss for TLS";

impl Target {
    pub(super) fn parse(url: &str) -> Result<Target, RedisConnectError> {
        const WRONG: RedisConnectError = RedisConnectError::Url(FORMS);
        let (scheme, rest) = url.trim().split_once("://").ok_or(WRONG)?;
        let (tls, form) = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("redis", form) => (false, form),
            ("rediss", form) => (true, form),
            _ => return Err(WRONG),
        };
        if rest.contains(['?', '#']) {
            return Err(WRONG);
        }
        let (login, rest) = rest.rsplit_once('@').map_or(("", rest), |(login, rest)| (login, rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (kind, port, db) = match (form, path) {
            ("", db) => (Kind::Single, 6379, db),
            ("sentinel", master) if !master.is_empty() => (Kind::Sentinel { master: master.into() }, 26379, ""),
            ("cluster", "") => (Kind::Cluster, 6379, ""),
            _ => return Err(WRONG),
        };
        // Redis's own form knows one host: what is common to all is read from it.
        let at = if login.is_empty() { "" } else { "@" };
        let common = format!("redis://{login}{at}host/{db}");
        let base = common.into_connection_info().map_err(|_| WRONG)?;
        let hosts = hosts.split(',').map(|host| address(host, port)).collect::<Option<Vec<_>>>().ok_or(WRONG)?;
        if kind == Kind::Single && hosts.len() > 1 {
            return Err(WRONG);
        }
        Ok(Target { kind, hosts, base, tls })
    }

    /// A client of one server, logged in.
    pub(super) fn client(&self, address: &Address) -> redis::RedisResult<Client> {
        self.with(address, self.base.redis_settings().clone().set_protocol(ProtocolVersion::RESP3))
    }

    /// A client that speaks the protocol of every version.
    pub(super) fn plain_client(&self, address: &Address) -> redis::RedisResult<Client> {
        self.with(address, self.base.redis_settings().clone().set_protocol(ProtocolVersion::RESP2))
    }

    /// A client of one server that does not log in.
    pub(super) fn stranger(&self, address: &Address) -> redis::RedisResult<Client> {
        self.with(address, RedisConnectionInfo::default())
    }

    fn with(&self, address: &Address, settings: RedisConnectionInfo) -> redis::RedisResult<Client> {
        let Address { host, port } = address.clone();
        let addr = if self.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let tcp = self.base.tcp_settings().clone().set_nodelay(true);
        Client::open(self.base.clone().set_addr(addr).set_tcp_settings(tcp).set_redis_settings(settings))
    }
}

impl fmt::Display for Target {
    /// The servers that are named.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(ToString::to_string).collect();
        f.write_str(&hosts.join(", "))
    }
}

/// `host`, `host:port`, `[::1]`, `[::1]:port`.
fn address(text: &str, port: u16) -> Option<Address> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':').map_or(Ok(port), str::parse).ok()?)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (text, port),
        },
    };
    let plain = !host.is_empty() && !host.contains(char::is_whitespace);
    plain.then(|| Address { host: host.into(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_of_which_kind_a_redis_is() {
        let sentinel = Kind::Sentinel { master: "jim".into() };
        for (url, kind, hosts) in [
            ("redis://localhost", Kind::Single, "localhost:6379"),
            ("rediss://u:p%40%2Cw@127.0.0.1:7000/3", Kind::Single, "127.0.0.1:7000"),
            ("redis://:pw@[::1]:7000", Kind::Single, "[::1]:7000"),
            ("redis+sentinel://a,b:1/jim", sentinel, "a:26379, b:1"),
            ("rediss+cluster://u:pw@a:1,b", Kind::Cluster, "a:1, b:6379"),
        ] {
            let target = Target::parse(url).ok().unwrap();
            assert_eq!((target.kind.clone(), target.to_string().as_str()), (kind, hosts), "{url}");
        }
        let target = Target::parse("redis://u:p%40%2Cw@h/3").ok().unwrap();
        let login = target.base.redis_settings();
        assert_eq!((login.username(), login.password(), login.db()), (Some("u"), Some("p@,w"), 3));
    }

    #[test]
    fn what_is_no_url_of_a_redis_is_refused_without_its_password() {
        for url in [
            "",
            "redis:/",
            "redis://",
            "http://u:geheim@h",
            "redis://u:geheim@a,b",
            "redis://u:geheim@h/x",
            "redis://u:geheim@h:x",
            "redis+sentinel://u:geheim@h",
            "redis+cluster://u:geheim@h/1",
            "redis+other://u:geheim@h",
            "redis://u:geheim@h?protocol=resp3",
        ] {
            let error = Target::parse(url).err().expect(url).to_string();
            assert!(!error.contains("geheim") && error.contains("wants redis://"), "{error}");
        }
    }
}
