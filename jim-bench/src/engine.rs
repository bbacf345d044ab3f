//! Databases and a bus as processes of their own, by `scripts/services`.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::Res;
use crate::process;

/// What starts them. A checkout is there: this program is never installed.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/services");
/// How long one may take to begin; the first start of the MongoDB stand-in builds it.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);
/// A connection that stands, in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// A server of one kind: `mariadb`, `mongo` or `redis`. It is killed when this is dropped.
pub(crate) struct Engine {
    kind: &'static str,
    port: u16,
    child: Child,
}

impl Engine {
    /// Starts one with its data in a folder of its kind, and waits until it takes connections.
    pub(crate) async fn start(kind: &'static str, folder: &Path) -> Res<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(SCRIPT);
        command.args(["one", kind]).arg(folder.join(kind)).arg(port.to_string());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut engine = Engine { kind, port, child };
        let began = Instant::now();
        while TcpStream::connect(engine.address()).await.is_err() {
            if let Some(status) = engine.child.try_wait()? {
                return Err(format!("{kind} does not run ({status}): `scripts/services install` helps").into());
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{kind} does not take connections").into());
            }
            sleep(LOOK).await;
        }
        Ok(engine)
    }

    /// Where it takes connections.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The CPU time that it has used so far, in seconds.
    pub(crate) fn cpu(&self) -> Res<f64> {
        process::cpu(&self.child.id().to_string())
    }

    /// How many connections stand to it.
    pub(crate) fn connections(&self) -> Res<usize> {
        let port = format!(":{:04X}", self.port);
        // A server in Java listens by IPv6 for both.
        let sockets = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| std::fs::read_to_string(file).unwrap_or_default());
        let to_it = |line: &&str| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().is_some_and(|local| local.ends_with(&port));
            local && words.nth(1) == Some(ESTABLISHED)
        };
        match sockets.iter().flat_map(|sockets| sockets.lines()).filter(to_it).count() {
            0 => Err(format!("no connection to {} is seen in /proc/net", self.kind).into()),
            count => Ok(count),
        }
    }

    /// What it is called in the report.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            "mariadb" => "MariaDB",
            "mongo" => "the MongoDB stand-in",
            other => other,
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Its folder is removed next: it must be gone by then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
