//! Servers as processes of their own, and what the kernel tells of them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, timeout};

use crate::Res;
use crate::bars::Plan;

/// The message of the line that a server prints when it takes connections.
pub(crate) const LISTENING: &str = "server.listening";
/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// The unit of CPU times in `/proc`, which Linux fixes at a hundredth of a second for programs.
const TICK: f64 = 0.01;

/// A server in a process of its own. It ends when this is dropped.
pub(crate) struct Server {
    /// Where it takes connections.
    pub(crate) address: String,
    child: Child,
    // A control ends when nobody holds its standard input any more.
    _stdin: Option<ChildStdin>,
}

impl Server {
    /// Starts a program and waits until it says where it listens.
    pub(crate) async fn start(mut command: Command) -> Res<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no standard output")?;
        let mut lines = BufReader::with_capacity(64 * 1024, stdout).lines();
        let mut said = Vec::new();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = listening(&line) {
                    return Res::Ok(address);
                }
                said.push(line);
            }
            Err(format!("the server ended before it listened; it said: {}", said.join("\n")).into())
        });
        let address = address.await.map_err(|_| "the server does not say that it listens")??;
        // A full pipe would stop the server at its next line. Lines are not told apart: the driver shall cost little.
        let mut rest = lines.into_inner();
        tokio::spawn(async move { tokio::io::copy_buf(&mut rest, &mut tokio::io::sink()).await });
        Ok(Server { address, _stdin: child.stdin.take(), child })
    }

    fn pid(&self) -> Res<String> {
        Ok(self.child.id().ok_or("the server has ended")?.to_string())
    }

    /// The CPU time that it has used so far, in seconds.
    pub(crate) fn cpu(&self) -> Res<f64> {
        cpu(&self.pid()?)
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident(&self) -> Res<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()).ok_or("no VmRSS in /proc")?;
        Ok(kilobytes.parse::<f64>()? * 1024.0)
    }

    /// How many sockets it holds, those that listen too.
    pub(crate) fn sockets(&self) -> Res<usize> {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.pid()?))?;
        // What is closed meanwhile has no link any more.
        let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        Ok(links.filter(|link| link.to_string_lossy().starts_with("socket:")).count())
    }

    /// How many files it may have open.
    pub(crate) fn file_limit(&self) -> Res<u64> {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.pid()?))?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        let soft = line.and_then(|rest| rest.split_whitespace().next()).ok_or("no file limit in /proc")?;
        Ok(soft.parse().unwrap_or(u64::MAX))
    }

    /// Ends it the hard way: what it answered must be stored.
    pub(crate) async fn kill(mut self) -> Res<()> {
        Ok(self.child.kill().await?)
    }
}

/// Waits until it is gone: what it used of the CPU is only then counted as ours.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let end = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The address in the line of a server that begins to listen, whatever the log's layout.
fn listening(line: &str) -> Option<String> {
    if !line.contains(LISTENING) {
        return None;
    }
    let line: Value = serde_json::from_str(line).ok()?;
    let address = line.get("address").or_else(|| line.get("fields")?.get("address"))?;
    address.as_str().map(|address| address.trim_start_matches("http://").to_owned())
}

/// The CPU time that a process has used so far, in seconds.
pub(crate) fn cpu(pid: &str) -> Res<f64> {
    Ok(cpu_times(pid)?[..2].iter().sum())
}

/// User and system time of a process, and those of its children that have ended.
fn cpu_times(pid: &str) -> Res<[f64; 4]> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in brackets, which may hold anything.
    let mut fields = stat.rsplit_once(") ").ok_or("/proc/PID/stat has no name")?.1.split(' ').skip(11);
    let mut times = [0.0; 4];
    for time in &mut times {
        *time = fields.next().ok_or("/proc/PID/stat is short")?.parse::<f64>()? * TICK;
    }
    Ok(times)
}

/// The CPU time that all programs of the machine have used since it started, in seconds.
fn machine_cpu() -> Res<f64> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().ok_or("/proc/stat is empty")?.split_whitespace().skip(1);
    let times: Vec<f64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    // The fourth and fifth are idle time and waiting for disks; those after the eighth are parts of the first two.
    Ok(times.iter().take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, time)| time * TICK).sum())
}

/// The CPU time that this process has used so far, in seconds.
pub(crate) fn own_cpu() -> Res<f64> {
    cpu("self")
}

/// Lets this process, and those that it starts, open as many files as the machine allows.
pub(crate) fn raise_file_limit() -> Res<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}

/// How many files this process may have open.
pub(crate) fn file_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The machine when the run began.
pub(crate) struct Machine {
    began: Instant,
    others: f64,
}

impl Machine {
    pub(crate) fn now() -> Res<Self> {
        Ok(Machine { began: Instant::now(), others: machine_cpu()? - cpu_times("self")?.iter().sum::<f64>() })
    }
}

/// What one must know of the machine and the run to read the figures.
pub(crate) fn describe(plan: &Plan, server_file_limit: u64, before: &Machine) -> Res<String> {
    let cores = std::thread::available_parallelism()?;
    let now = Machine::now()?;
    let took = (now.began - before.began).as_secs_f64();
    let others = (now.others - before.others) / (took * f64::from(u32::try_from(cores.get())?));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let version = std::process::Command::new(&plan.binary).arg("--version").output()?;
    Ok(format!(
        "{cores} cores for driver and server together; file limit {} in the driver, {} in the server; {}; Linux {}; \
         databases on {}, a durable write of 4 kB takes {:.2} ms; rounds of {} s, {} of each; {took:.0} s in all, in which other programs took {:.0}% of the CPU time",
        file_limit(),
        server_file_limit,
        String::from_utf8_lossy(&version.stdout).trim(),
        kernel.trim(),
        file_system(&plan.folder)?,
        durable_write(&plan.folder)?.as_secs_f64() * 1e3,
        plan.round.as_secs(),
        plan.rounds,
        others.max(0.0) * 100.0,
    ))
}

fn file_system(folder: &Path) -> Res<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (at, kind) = (words.next()?, words.next()?);
        folder.starts_with(at).then_some((at.len(), kind))
    });
    Ok(mounts.max().map_or("an unknown file system", |(_, kind)| kind).to_owned())
}

/// The median of some writes with fdatasync: what a commit alone would cost.
fn durable_write(folder: &Path) -> Res<Duration> {
    use std::io::Write as _;
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::new();
    for _ in 0..101 {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_either_layout() {
        let flat = r#"{"msg":"server.listening","address":"127.0.0.1:80"}"#;
        let nested = r#"{"fields":{"message":"server.listening","address":"http://127.0.0.1:80"}}"#;
        assert_eq!(listening(flat).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(listening(nested).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(listening("server.listening"), None);
        assert_eq!(listening(r#"{"address":"127.0.0.1:80"}"#), None);
    }
}
