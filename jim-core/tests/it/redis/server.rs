//! Redis processes of a test's own, to be killed and frozen.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A process on a port of its own in a folder of its own; killed on drop.
pub(super) struct Server {
    pub(super) port: u16,
    arguments: Vec<String>,
    folder: TempDir,
    process: Option<Child>,
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Started and answering.
    pub(super) fn start(arguments: &[&str]) -> Server {
        Server::with(|_| arguments.iter().map(ToString::to_string).collect())
    }

    /// A node of a cluster that is yet to be made.
    pub(super) fn node() -> Server {
        let bus = free_port().to_string();
        Server::start(&["--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--cluster-port", &bus])
    }

    /// A sentinel that watches a master under the name `jim`, with others.
    pub(super) fn sentinel(master: u16) -> Server {
        Server::with(|folder| {
            let file = folder.join("sentinel.conf");
            let text = format!(
                "sentinel monitor jim 127.0.0.1 {master} 2\nsentinel down-after-milliseconds jim 1000\n\
                 sentinel failover-timeout jim 5000\n"
            );
            std::fs::write(&file, text).unwrap();
            vec![file.to_str().unwrap().into(), "--sentinel".into()]
        })
    }

    fn with(arguments: impl FnOnce(&Path) -> Vec<String>) -> Server {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let arguments = arguments(folder.path());
        let mut server = Server { port, arguments, folder, process: None };
        server.restart();
        server
    }

    /// Starts it again where it was.
    pub(super) fn restart(&mut self) {
        assert!(self.process.is_none(), "it was killed before");
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let process = Command::new("redis-server")
            .args(&self.arguments)
            .args(["--bind", "127.0.0.1", "--save", "", "--port"])
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::from(log))
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed: scripts/services install");
        self.process = Some(process);
        until("the server answers", || {
            let answer = self.says(&["ping"]);
            answer.contains("PONG") || answer.contains("NOAUTH")
        });
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
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

    /// What `redis-cli` prints.
    pub(super) fn says(&self, command: &[&str]) -> String {
        says(self.port, command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn says(port: u16, command: &[&str]) -> String {
    let output = Command::new("redis-cli").arg("-p").arg(port.to_string()).args(command).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits for what another process does.
#[expect(clippy::disallowed_methods, reason = "a deadline for another process")]
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
