//! Servers to test against.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The binary in a folder of its own, killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where its data is, for as long as it lives.
    _folder: TempDir,
}

/// The binary with a clean environment, in a folder of its own.
pub(crate) fn jim(folder: &TempDir, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jim"));
    command.current_dir(folder.path()).env_clear().env("JIM__SERVER__LISTEN", "127.0.0.1:0").envs(env.iter().copied());
    command
}

impl Server {
    /// Starts the binary and waits until it listens.
    pub(crate) fn start(env: &[(&str, &str)]) -> Server {
        let folder = TempDir::new().unwrap();
        let mut child = jim(&folder, env).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, address) = std::sync::mpsc::channel();
        let kept = log.clone();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if line["msg"] == "server.listening" {
                    let _ = found.send(line["address"].as_str().unwrap().parse().unwrap());
                }
                kept.lock().unwrap().push(line);
            }
        });
        let address = address.recv_timeout(Duration::from_secs(20)).expect("the server listens");
        Server { child, log, reader: Some(reader), address, _folder: folder }
    }

    /// The lines of its log with this message so far.
    pub(crate) fn log(&self, message: &str) -> Vec<Value> {
        self.log.lock().unwrap().iter().filter(|line| line["msg"] == message).cloned().collect()
    }

    /// Everything it has logged so far, as text.
    pub(crate) fn whole_log(&self) -> String {
        self.log.lock().unwrap().iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Where a path of it is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells it to stop, and waits for its exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        for _ in 0..400 {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What it said last may still be in the pipe.
                self.reader.take().map(JoinHandle::join);
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes bytes on a fresh connection and reads until it is closed, for at most ten seconds.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    rest(&mut stream).await
}

/// What comes until the connection is closed, for at most ten seconds.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), async {
        let mut buffer = [0; 4096];
        // A reset after the answer is a close.
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..read]);
        }
    });
    read.await.expect("the connection is closed");
    String::from_utf8(answer).unwrap()
}

/// The status of an answer and its body as JSON.
pub(crate) async fn told(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}
