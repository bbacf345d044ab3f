//! Where a RabbitMQ is and how to log in, as its URL says, and connections to it.

use std::io;
use std::net::Shutdown;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::runtime::default_runtime;
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, TLSConfig};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Error};
use socket2::{SockRef, Socket};
use tokio::time::timeout;
use url::{Host, Url};

use super::error::{RabbitConnectError, explain_login};

/// How long a server may take to be connected.
const OPENING: Duration = Duration::from_secs(2);
/// Seconds between signs of life on a connection; after twice as many each side gives it up.
const HEARTBEAT: u16 = 5;
/// Bytes that a name may have on the server.
const NAME: usize = 255;

const FORM: &str = "wants amqp://[user:password@]host[:port][/vhost], or the same with amqps for TLS";

/// What a URL says. It has no `Debug`: it holds the password.
pub(super) struct Target {
    uri: AMQPUri,
}

/// A connection, and the one channel over it.
pub(super) struct Line {
    pub(super) connection: Connection,
    pub(super) channel: Channel,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Target, RabbitConnectError> {
        const WRONG: RabbitConnectError = RabbitConnectError::Url(FORM);
        // The parser's own words may hold the URL.
        let parsed = Url::parse(url.trim()).map_err(|_| WRONG)?;
        let mut uri = AMQPUri::from_str(url.trim()).map_err(|_| WRONG)?;
        if parsed.query().or(parsed.fragment()).is_some() {
            return Err(WRONG);
        }
        uri.authority.host = match parsed.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return Err(WRONG),
        };
        if uri.vhost.is_empty() {
            uri.vhost = "/".into();
        }
        if uri.vhost.len() > NAME {
            return Err(WRONG);
        }
        uri.query.heartbeat = Some(HEARTBEAT);
        Ok(Target { uri })
    }

    /// Host and port.
    pub(super) fn at(&self) -> String {
        let (host, port) = (&self.uri.authority.host, self.uri.authority.port);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// A new connection, logged in.
    pub(super) async fn line(&self) -> Result<Line, RabbitConnectError> {
        let opened = timeout(OPENING, open(self.uri.clone())).await.unwrap_or_else(|_| Err(late()));
        opened.map_err(|error| explain_login(self.at(), &self.uri.vhost, &error))
    }
}

async fn open(uri: AMQPUri) -> Result<Line, Error> {
    let wire = Arc::new(Wire::default());
    let held = Arc::downgrade(&wire);
    let runtime = default_runtime()?;
    let reactor = runtime.clone();
    let connect = async move |uri: AMQPUri, _| {
        let connecting = uri.connect_with_config_async(TLSConfig::default(), &reactor);
        let stream = timeout(OPENING, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        let socket = match &stream {
            AsyncTcpStream::Plain(stream) => SockRef::from(stream.get_ref()).try_clone()?,
            AsyncTcpStream::Rustls(stream) => SockRef::from(stream.get_ref().0.get_ref()).try_clone()?,
            _ => return Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        };
        let wire = held.upgrade().ok_or_else(late)?;
        let _ = wire.socket.set(socket);
        Ok(stream)
    };
    let properties = ConnectionProperties::default().with_connection_name("jim".into());
    let connection = Connection::connector(uri, runtime, connect, properties).await?;
    let channel = connection.create_channel().await?;
    wire.stands.store(true, Ordering::Relaxed);
    Ok(Line { connection, channel })
}

/// The socket of a connection that is being opened. The driver waits for ever for a server that accepts and says
/// nothing, on a thread of its own: unless the connection came to stand, its socket is shut.
#[derive(Default)]
struct Wire {
    socket: OnceLock<Socket>,
    stands: AtomicBool,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.get()
            && !self.stands.load(Ordering::Relaxed)
        {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

pub(super) fn late() -> Error {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_a_rabbitmq_is_and_how_to_log_in() {
        for (url, at, vhost) in [
            ("amqp://localhost", "localhost:5672", "/"),
            ("amqp://localhost/", "localhost:5672", "/"),
            ("amqps://u:p%40%2Fw@127.0.0.1/jim", "127.0.0.1:5671", "jim"),
            ("amqp://u:p%40%2Fw@[::1]:7000/a%2Fb", "[::1]:7000", "a/b"),
        ] {
            let Ok(target) = Target::parse(url) else { panic!("{url}") };
            assert_eq!((target.at().as_str(), target.uri.vhost.as_str()), (at, vhost), "{url}");
            let user = &target.uri.authority.userinfo;
            let login = if url.contains('@') { ("u", "p@/w") } else { ("guest", "guest") };
            assert_eq!((user.username.as_str(), user.password.as_str()), login, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_rabbitmq_is_refused_without_its_password() {
        for url in [
            "",
            "amqp:/",
            "amqp://",
            "http://u:geheim@h",
            "amqp:u:geheim@h",
            "amqp://u:geheim@h:x",
            "amqp://u:geheim@h?heartbeat=0",
            "amqp://u:geheim@h#x",
            &format!("amqp://u:geheim@h/{}", "x".repeat(256)),
        ] {
            let error = Target::parse(url).err().expect(url).to_string();
            assert!(!error.contains("geheim") && error.contains("wants amqp://"), "{error}");
        }
    }
}
