//! A server under test: the real binary, with a folder and a port of its own.

use std::collections::BTreeMap;
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

use super::databases::{Databases, Profile};
use super::person::PASSWORD_OF_ALL;
use super::{Base, Client, PATIENCE, Person, database, everything_in, password_of, within};

/// Keys and their values.
pub(crate) type Settings = Vec<(&'static str, String)>;

/// Everything that a server has printed.
type Printed = Arc<Mutex<Vec<String>>>;

/// A running server: one node, or two on shared databases. Dropped, it is killed; what it stored goes with it.
pub(crate) struct Server {
    nodes: Vec<Node>,
    base: Base,
    data: PathBuf,
    settings: Settings,
    databases: Option<Databases>,
    /// Removed with the server, unless the folder is the caller's.
    folder: Option<TempDir>,
}

/// One process.
struct Node {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    printed: Printed,
    own: Settings,
}

impl Server {
    /// A server on empty storage, with the throttles off. Which storage, and how many nodes, the profile says.
    pub(crate) async fn start() -> Server {
        Server::with(&[]).await
    }

    /// The same with settings such as `("socket.heartbeat_seconds", "1")`, which go before ours.
    pub(crate) async fn with(settings: &[(&'static str, &str)]) -> Server {
        match Profile::here() {
            Profile::Embedded => Server::embedded(settings).await,
            Profile::Cluster => Server::cluster(settings).await,
        }
    }

    /// One node on an empty folder.
    pub(crate) async fn embedded(settings: &[(&'static str, &str)]) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Server::on(&folder.path().join("data"), settings).await;
        server.folder = Some(folder);
        server
    }

    /// Two nodes on empty databases.
    pub(crate) async fn cluster(settings: &[(&'static str, &str)]) -> Server {
        let databases = Databases::make().await;
        let all = settings.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let all: Vec<_> = databases.settings().into_iter().chain(all).collect();
        let mut server = Server::nodes(2, &all).await;
        server.databases = Some(databases);
        server
    }

    /// Nodes with these settings, which say where they store.
    pub(crate) async fn nodes(count: usize, settings: &[(&'static str, String)]) -> Server {
        Server::each_with(settings, vec![Vec::new(); count]).await
    }

    /// Nodes with settings that all have, and some that each has for itself.
    pub(crate) async fn each_with(settings: &[(&'static str, String)], own: Vec<Settings>) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Server::launch(&folder.path().join("data"), settings.to_vec(), own);
        server.listening().await;
        server.folder = Some(folder);
        server
    }

    /// One node on a folder of the caller's.
    pub(crate) async fn on(data: &Path, settings: &[(&'static str, &str)]) -> Server {
        let settings = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let mut server = Server::launch(data, settings, vec![Vec::new()]);
        server.listening().await;
        server
    }

    fn launch(data: &Path, settings: Settings, own: Vec<Settings>) -> Server {
        let node = |own: Settings| {
            let printed = Printed::default();
            let (child, readers) = spawn(&mut serve(data, &[settings.clone(), own.clone()].concat()), &printed);
            Node { child, readers, printed, own }
        };
        let nodes = own.into_iter().map(node).collect();
        Server { nodes, base: Base::default(), data: data.to_owned(), settings, databases: None, folder: None }
    }

    /// Waits until the logs say where the nodes listen.
    async fn listening(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut urls = Vec::new();
        for node in &mut self.nodes {
            urls.push(format!("http://{}", node.listening(deadline).await));
        }
        self.base.set(urls);
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
        let mut command = self.command();
        command.args(["admin", "create", "--username", name]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let mut input = child.stdin.take().expect("its input");
        // Who is refused for the name alone does not read the password.
        let _ = writeln!(input, "{password}");
        drop(input);
        child.wait_with_output().expect("its end")
    }

    /// The program with the settings of the first node.
    fn command(&self) -> Command {
        let mut settings = vec![("data.dir", self.data.to_str().expect("a plain path"))];
        settings.extend(self.settings.iter().chain(&self.nodes[0].own).map(|(key, value)| (*key, value.as_str())));
        jim(self.data.parent().expect("a folder"), &settings)
    }

    /// What another command of `jim admin` says.
    pub(crate) fn admin_command(&self, arguments: &[&str]) -> Output {
        self.command().arg("admin").args(arguments).output().expect("its end")
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// How many rows each table has.
    pub(crate) async fn rows(&self) -> BTreeMap<String, i64> {
        match &self.databases {
            Some(databases) => databases.rows().await,
            None => database::rows(&self.data).await,
        }
    }

    /// Changes what is stored, beside the server.
    pub(crate) async fn run_sql(&self, text: &'static str) {
        match &self.databases {
            Some(databases) => databases.run(text).await,
            None => database::run(&self.data, text).await,
        }
    }

    /// Digest and body of an entry.
    pub(crate) async fn stored(&self, room: &str, seq: i64) -> (Option<String>, String) {
        match &self.databases {
            Some(databases) => databases.stored(room, seq).await,
            None => database::stored(&self.data, room, seq).await,
        }
    }

    /// Sends all calls to one node, for tests that look at once at marks that move by writing alone: those are shown by
    /// other nodes within a second.
    pub(crate) fn stick(&self) {
        self.base.stick();
    }

    /// All that is stored, as bytes.
    pub(crate) async fn everything(&self) -> Vec<u8> {
        match &self.databases {
            Some(databases) => databases.everything().await,
            None => everything_in(&self.data),
        }
    }

    /// A node by itself.
    pub(crate) fn node(&self, node: usize) -> Base {
        self.base.nodes()[node].clone()
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

    /// The process of the first node.
    pub(crate) fn pid(&self) -> u32 {
        self.pid_of(0)
    }

    /// The process of a node.
    pub(crate) fn pid_of(&self, node: usize) -> u32 {
        self.nodes[node].child.id()
    }

    /// All lines printed so far, those of earlier runs too.
    pub(crate) fn printed(&self) -> Vec<String> {
        self.nodes.iter().flat_map(|node| node.printed.lock().expect("the lines").clone()).collect()
    }

    /// Ends all processes at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        for node in &mut self.nodes {
            node.kill();
        }
    }

    /// The same of one node.
    pub(crate) fn kill_node(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// Asks the processes to stop, and does not wait.
    pub(crate) fn terminate(&self) {
        for node in &self.nodes {
            signal("TERM", node.child.id());
        }
    }

    /// Waits for the end of processes that were asked to stop, and for their last lines.
    pub(crate) async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut worst = ExitStatus::default();
        for node in &mut self.nodes {
            let child = &mut node.child;
            let status = within(limit, "the server ends", async || child.try_wait().expect("its state")).await;
            for reader in node.readers.drain(..) {
                reader.join().expect("all lines");
            }
            if !status.success() {
                worst = status;
            }
        }
        worst
    }

    /// Stops the processes in good order; says their exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        self.terminate();
        self.ended(Duration::from_secs(10)).await.code()
    }

    /// Starts all nodes, which have ended, on the same storage again.
    pub(crate) async fn restart(&mut self) {
        for node in &mut self.nodes {
            node.start(&self.data, &self.settings);
        }
        self.listening().await;
    }

    /// The same of one node.
    pub(crate) async fn restart_node(&mut self, node: usize) {
        self.nodes[node].start(&self.data, &self.settings);
        self.listening().await;
    }

    /// Changes a setting for the next start.
    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_owned()));
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, pid: u32) {
    let script = format!("kill -{name} {pid}");
    assert!(Command::new("sh").args(["-c", &script]).status().expect("a shell").success());
}

impl Node {
    async fn listening(&mut self, deadline: Instant) -> String {
        loop {
            let lines = self.printed.lock().expect("the lines").clone();
            if let Some(address) = lines.iter().rev().find_map(|line| address(line)) {
                return address;
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {lines:#?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("its end");
    }

    fn start(&mut self, data: &Path, settings: &[(&'static str, String)]) {
        // Lines of an earlier run must not tell where the next one listens.
        for line in self.printed.lock().expect("the lines").iter_mut() {
            *line = line.replace("server.listening", "server.listened");
        }
        let settings = [settings, &self.own].concat();
        (self.child, self.readers) = spawn(&mut serve(data, &settings), &self.printed);
    }
}

/// Where a line of the log says that the server listens.
fn address(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let told = line["msg"].as_str()?.contains("server.listening");
    told.then(|| line["address"].as_str().map(ToOwned::to_owned))?
}

/// How everything begins that may stand in no log: tokens, passwords of tests and of databases, hashes, keys of second
/// factors.
const SECRETS: [&str; 8] = ["jima_", "jimr_", "jimt_", PASSWORD_OF_ALL, "mail-pass", ":pw@", "$argon2", "otpauth:"];

/// Fails if a line holds a secret, whatever the test was about.
fn nothing_secret(lines: &[String]) {
    let told = lines.iter().find(|line| SECRETS.iter().any(|secret| line.contains(secret)));
    assert!(told.is_none(), "a secret was printed: {told:?}");
}

#[test]
#[should_panic(expected = "a secret was printed")]
fn a_secret_in_a_log_fails_the_test_that_made_it() {
    nothing_secret(&["sound".to_owned(), format!("msg: {}", super::password_of("ann"))]);
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            self.readers.drain(..).for_each(|reader| drop(reader.join()));
            nothing_secret(&self.printed.lock().expect("the lines"));
        }
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
