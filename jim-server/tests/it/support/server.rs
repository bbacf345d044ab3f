//! A server under test: the real binary, with a folder and a port of its own.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{Base, Client, PATIENCE, Person, password_of, within};

/// Everything that a server has printed.
type Printed = Arc<Mutex<Vec<String>>>;

/// A running server. Dropped, it is killed; its folder goes with it.
pub(crate) struct Server {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    printed: Printed,
    base: Base,
    data: PathBuf,
    settings: Vec<(&'static str, String)>,
    /// Removed with the server, unless the folder is the caller's.
    folder: Option<TempDir>,
}

impl Server {
    /// A server on an empty folder, with the throttles off.
    pub(crate) async fn start() -> Server {
        Server::with(&[]).await
    }

    /// The same with settings such as `("socket.heartbeat_seconds", "1")`, which go before ours.
    pub(crate) async fn with(settings: &[(&'static str, &str)]) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Server::on(&folder.path().join("data"), settings).await;
        server.folder = Some(folder);
        server
    }

    /// A server on a folder of the caller's.
    pub(crate) async fn on(data: &Path, settings: &[(&'static str, &str)]) -> Server {
        let mut server = Server::launch(data, settings);
        server.listening().await;
        server
    }

    fn launch(data: &Path, settings: &[(&'static str, &str)]) -> Server {
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let printed = Printed::default();
        let (child, readers) = spawn(&mut serve(data, &settings), &printed);
        Server { child, readers, printed, base: Base::default(), data: data.to_owned(), settings, folder: None }
    }

    /// Waits until the log says where the server listens.
    async fn listening(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let address = loop {
            if let Some(address) = self.printed().iter().rev().find_map(|line| address(line)) {
                break address;
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {:#?}", self.printed());
            sleep(Duration::from_millis(5)).await;
        };
        self.base.set(&format!("http://{address}"));
    }

    /// Where the server is reached; follows it through restarts.
    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// Somebody without an account.
    pub(crate) fn stranger(&self) -> Client {
        Client::new(self.base.clone())
    }

    /// Somebody with a new account.
    pub(crate) async fn person(&self, name: &str) -> Person {
        Person::register(&self.stranger(), name).await
    }

    /// Somebody whom the operator made an administrator while the server runs.
    pub(crate) async fn admin(&self, name: &str) -> Person {
        let made = self.make_admin(name, &password_of(name));
        assert!(made.status.success(), "{made:?}");
        Person::known(&self.stranger(), name).await
    }

    /// What `jim admin create` says to a name and a password.
    pub(crate) fn make_admin(&self, name: &str, password: &str) -> Output {
        let data = self.data.to_str().expect("a plain path");
        let mut command = jim(self.data.parent().expect("a folder"), &[("data.dir", data)]);
        command.args(["admin", "create", "--username", name]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let mut input = child.stdin.take().expect("its input");
        // Who is refused for the name alone does not read the password.
        let _ = writeln!(input, "{password}");
        drop(input);
        child.wait_with_output().expect("its end")
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The lines of the log with this message so far.
    pub(crate) fn log(&self, message: &str) -> Vec<Value> {
        let lines = self.printed();
        let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["msg"] == message).collect()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.base.authority().parse().expect("an address")
    }

    /// Where a path of it is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.url())
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All lines printed so far, those of earlier runs too.
    pub(crate) fn printed(&self) -> Vec<String> {
        self.printed.lock().expect("the lines").clone()
    }

    /// Ends the process at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("its end");
    }

    /// Asks the process to stop, and does not wait.
    pub(crate) fn terminate(&self) {
        let script = format!("kill -TERM {}", self.pid());
        assert!(Command::new("sh").args(["-c", &script]).status().expect("a shell").success());
    }

    /// Waits for the end of a process that was asked to stop, and for its last lines.
    pub(crate) async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        let status = within(limit, "the server ends", async || child.try_wait().expect("its state")).await;
        for reader in self.readers.drain(..) {
            reader.join().expect("all lines");
        }
        status
    }

    /// Stops the process in good order; says its exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        self.terminate();
        self.ended(Duration::from_secs(10)).await.code()
    }

    /// Starts a server that ended on the same folder again.
    pub(crate) async fn restart(&mut self) {
        self.forget_address();
        (self.child, self.readers) = spawn(&mut serve(&self.data, &self.settings), &self.printed);
        self.listening().await;
    }

    /// Changes a setting for the next start.
    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_owned()));
    }

    /// Lines of an earlier run must not tell where the next one listens.
    fn forget_address(&self) {
        for line in self.printed.lock().expect("the lines").iter_mut() {
            *line = line.replace("server.listening", "server.listened");
        }
    }
}

/// Where a line of the log says that the server listens.
fn address(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let told = line["msg"].as_str()?.contains("server.listening");
    told.then(|| line["address"].as_str().map(ToOwned::to_owned))?
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary in a folder, where no `jim.toml` of the checkout is read, with nothing in its environment but this.
pub(crate) fn jim(folder: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jim"));
    command.current_dir(folder).stdin(Stdio::null()).env_clear().env("JIM__SERVER__LISTEN", "127.0.0.1:0");
    for (key, value) in settings {
        command.env(format!("JIM__{}", key.to_uppercase().replace('.', "__")), value);
    }
    command
}

/// The command that starts a server with its data in a folder; not started yet.
pub(crate) fn serve(data: &Path, settings: &[(&'static str, String)]) -> Command {
    let data = data.to_str().expect("a plain path");
    let mut all = vec![("data.dir", data), ("rate.enabled", "false")];
    all.extend(settings.iter().map(|(key, value)| (*key, value.as_str())));
    let mut command = jim(Path::new(data).parent().expect("a folder"), &all);
    command.arg("serve");
    command
}

fn spawn(command: &mut Command, printed: &Printed) -> (Child, Vec<JoinHandle<()>>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the server starts");
    let out = keep(child.stdout.take().expect("its output"), printed.clone());
    let errors = keep(child.stderr.take().expect("its errors"), printed.clone());
    (child, vec![out, errors])
}

/// Keeps every line that is printed.
fn keep(from: impl Read + Send + 'static, printed: Printed) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            printed.lock().expect("the lines").push(line);
        }
    })
}
