//! A database or a bus of a test's own, which it may kill and freeze.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use tempfile::TempDir;

use super::{eventually, signal};

/// What a server says, in its folder.
const SAID: &str = "said";

/// A server of one kind: `mariadb`, `mongo` or `redis`. Dropped, it is killed, and its data is gone.
pub(crate) struct Engine {
    kind: &'static str,
    port: u16,
    folder: TempDir,
    child: Child,
}

impl Engine {
    pub(crate) async fn start(kind: &'static str) -> Engine {
        let port = free_port();
        // Servers that run as another user enter it.
        let folder =
            tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
        let folder = folder.expect("a temporary folder");
        let child = launch(kind, folder.path(), port);
        let mut engine = Engine { kind, port, folder, child };
        engine.listens().await;
        engine
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database in a `mariadb`.
    pub(crate) async fn make_database(&self, name: &str) {
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(self.port).username("root");
        let mut conn = options.connect().await.expect("a connection");
        conn.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a database");
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("its end");
    }

    /// Starts it again on the same data.
    pub(crate) async fn restart(&mut self) {
        self.child = launch(self.kind, self.folder.path(), self.port);
        self.listens().await;
    }

    /// Stops it in its tracks; whoever asks it waits.
    pub(crate) fn freeze(&self) {
        signal("STOP", self.child.id());
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        signal("CONT", self.child.id());
    }

    async fn listens(&mut self) {
        let (kind, port, child, said) = (self.kind, self.port, &mut self.child, self.folder.path().join(SAID));
        eventually(&format!("{kind} listens"), async || {
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "{kind} ended: {ended:?}: {}", std::fs::read_to_string(&said).unwrap_or_default());
            TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
    }
}

/// A free port below those of outgoing connections, one of which could take it while the server is down, and above
/// those of `scripts/services`.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 22_000 + u16::try_from(next % 10_000).expect("a small number");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn launch(kind: &str, folder: &Path, port: u16) -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/services");
    let mut command = Command::new(script);
    command.args(["one", kind]).arg(folder.join("data")).arg(port.to_string());
    let said = File::options().create(true).append(true).open(folder.join(SAID)).expect("a file");
    let errors = said.try_clone().expect("the same file");
    command.stdin(Stdio::null()).stdout(said).stderr(errors).spawn().expect("the server starts")
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
