//! A server of a test's own, which it may kill and freeze. Killed, it keeps what it acknowledged.

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

/// The script that becomes such a server, so that the process is the server itself.
const SERVICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/services");

/// How long it may take to come up; the first time it is also built.
const PATIENCE: Duration = Duration::from_mins(3);

pub(super) struct Server {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl Server {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Server { process: launch(&folder, port), folder, port };
        server.answers().await;
        server
    }

    pub(super) fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/jim_test?directConnection=true", self.port)
    }

    /// Ends it as a power cut does, and starts it again with what is on the disk.
    pub(super) async fn kill_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = launch(&self.folder, self.port);
        self.answers().await;
    }

    /// It keeps its connections and answers nothing.
    pub(super) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(super) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
    }

    async fn answers(&self) {
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "no server came up: {}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn launch(folder: &TempDir, port: u16) -> Child {
    let mut command = Command::new(SERVICES);
    command.args(["one", "mongo"]).arg(folder.path()).arg(port.to_string());
    command.spawn().expect("scripts/services starts a server")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
