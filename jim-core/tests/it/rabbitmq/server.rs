//! RabbitMQ processes of a test's own, to be killed and frozen.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

/// How long a server may take to start while others do too.
const STARTING: Duration = Duration::from_mins(2);

/// A process on a port of its own in a folder of its own; killed on drop.
pub(super) struct Server {
    pub(super) port: u16,
    folder: TempDir,
    process: Option<Child>,
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Started and answering.
    pub(super) async fn start() -> Server {
        // It may run as another user, who enters it.
        let folder = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        let mut server = Server { port: free_port(), folder, process: None };
        server.restart().await;
        server
    }

    /// Starts it again where it was.
    pub(super) async fn restart(&mut self) {
        assert!(self.process.is_none(), "it was killed before");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/services");
        let mut command = Command::new(script);
        command.args(["one", "rabbitmq"]).arg(self.folder.path().join("data")).arg(self.port.to_string());
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(started.unwrap());
        let end = Instant::now() + STARTING;
        while !self.answers().await {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            assert!(Instant::now() < end, "the server answers");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether it greets, which it does before it can be used.
    async fn answers(&self) -> bool {
        let greeting = async {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(b"AMQP\0\0\x09\x01").await?;
            stream.read_u8().await
        };
        timeout(Duration::from_secs(2), greeting).await.is_ok_and(|byte| byte.is_ok_and(|byte| byte == 1))
    }

    /// The URL with another login and virtual host.
    pub(super) fn at(&self, login: &str, vhost: &str) -> String {
        format!("amqp://{login}@127.0.0.1:{}/{vhost}", self.port)
    }

    pub(super) fn url(&self) -> String {
        self.at("jim:pw", "jim")
    }

    /// How many connections lead to it.
    pub(super) fn connections(&self) -> usize {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let to = format!("0100007F:{:04X}", self.port);
        let established = |line: &&str| line.split_whitespace().nth(2) == Some(&to) && line.contains(" 01 ");
        table.lines().filter(established).count()
    }

    /// As `kill -9` does.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends a signal such as `STOP`.
    pub(super) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Listens, and does with whoever comes what is said.
pub(super) async fn listener<F: Future<Output = ()> + Send>(
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    port
}
