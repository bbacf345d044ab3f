//! The data folder: one server at a time, and clear words when it cannot be used.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Server, befriend, serve, within};

/// What a server says that must not start: one line on stderr, and a code that is not zero.
async fn refused(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    within(Duration::from_secs(20), "the server gives up", async || child.try_wait().unwrap()).await;
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert!(status.code().is_some_and(|code| code != 0), "{status}: {said}");
    assert_eq!(said.lines().count(), 1, "one clear line: {said}");
    said
}

#[tokio::test]
async fn a_second_server_on_one_folder_is_refused_in_one_line() {
    let mut server = Server::start().await;
    let ann = server.person("ann").await;
    let folder = server.data().display().to_string();
    for _ in 0..2 {
        let said = refused(serve(server.data(), &[])).await;
        assert!(said.contains("another server") && said.contains(&folder), "{said}");
    }
    ann.get("/me").await.is(200);
    // A crash leaves no lock behind.
    server.kill();
    server.restart().await;
    ann.get("/me").await.is(200);
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The server as somebody whom file modes bind: root drops to nobody.
fn as_nobody(home: &TempDir, data: &Path) -> Command {
    let sound = serve(data, &[]);
    if !is_root() {
        return sound;
    }
    // The build folder may be closed to others.
    let binary = home.path().join("jim");
    if !binary.exists() {
        fs::copy(sound.get_program(), &binary).unwrap();
        fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(binary).args(sound.get_args());
    command.current_dir(home.path()).stdin(Stdio::null());
    command.envs(sound.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused_in_one_line() {
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    let data = home.path().join("data");
    // A folder that a server has used, and then everything in it is read-only.
    let mut server = Server::on(&data, &[]).await;
    server.person("ann").await;
    server.terminate();
    server.ended(Duration::from_secs(10)).await;
    for file in fs::read_dir(&data).unwrap() {
        fs::set_permissions(file.unwrap().path(), Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(&data, Permissions::from_mode(0o555)).unwrap();
    let empty = home.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(&empty, Permissions::from_mode(0o555)).unwrap();
    for folder in [data.clone(), empty.clone(), empty.join("inside")] {
        let said = refused(as_nobody(&home, &folder)).await;
        assert!(said.to_lowercase().contains("permission denied"), "{said}");
        assert!(said.contains(&folder.display().to_string()), "{said}");
    }
    for folder in [&data, &empty] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
    for file in fs::read_dir(&data).unwrap() {
        fs::set_permissions(file.unwrap().path(), Permissions::from_mode(0o644)).unwrap();
    }
    // Nothing was harmed.
    let server = Server::on(&data, &[]).await;
    server.stranger().get("/meta").await.is(200);
}

#[tokio::test]
async fn a_file_where_the_folder_should_be_is_refused_in_one_line() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("data");
    fs::write(&file, "a file").unwrap();
    let said = refused(serve(&file, &[])).await;
    assert!(said.contains(&file.display().to_string()), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "a file");
}

/// A small file system of its own, unmounted when dropped.
struct Disk(TempDir);

impl Disk {
    /// `Err` says why there is none.
    fn mount(megabytes: usize) -> Result<Disk, String> {
        if !is_root() {
            return Err("only root can mount a small disk".into());
        }
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        match mount {
            Ok(output) if output.status.success() => Ok(Disk(folder)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_loses_nothing_and_works_again_when_there_is_room() {
    let disk = match Disk::mount(12) {
        Ok(disk) => disk,
        Err(why) => {
            let line = format!("a full disk is not tried here: {why}\n");
            return std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    };
    let filler = disk.0.path().join("filler");
    fs::write(&filler, vec![1; 6 << 20]).unwrap();
    let mut server = Server::on(&disk.0.path().join("data"), &[]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let room = befriend(&ann, &ben).await;
    let text = "x".repeat(4000);
    let mut acked = Vec::new();
    let full = loop {
        let answer = ann.say(&room, &format!("m{}", acked.len()), &text).await;
        if answer.status != 201 {
            break answer;
        }
        acked.push(answer.json());
        assert!(acked.len() < 5000, "the disk is not full yet");
    };
    full.refused(507, "storage.full");
    assert!(acked.len() > 100, "{}", acked.len());
    // Again, and by others, and what is read is still read.
    ben.say(&room, "b", &text).await.refused(507, "storage.full");
    let wish = serde_json::json!({ "username": "cleo", "password": "a long password" });
    server.stranger().post("/auth/register", &wish).await.refused(507, "storage.full");
    assert_eq!(ben.whole_history(&room).await[1..], acked);
    assert_eq!(ann.say(&room, "m0", &text).await.is(200), acked[0], "a repeat needs no room");
    server.stranger().get("//health/live").await.is(200);

    fs::remove_file(&filler).unwrap();
    let next = format!("m{}", acked.len());
    acked.push(ann.say(&room, &next, &text).await.is(201));
    assert_eq!(ben.whole_history(&room).await[1..], acked, "what was refused left no trace");
    server.stranger().post("/auth/register", &wish).await.is(201);
    server.kill();
    server.restart().await;
    assert_eq!(ben.whole_history(&room).await[1..], acked);
}

#[tokio::test]
async fn a_folder_that_the_server_makes_is_for_its_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let _server = Server::on(&data, &[]).await;
    let mode = fs::metadata(&data).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o700, "{mode:o}");
    for file in fs::read_dir(&data).unwrap() {
        let (name, mode) = file.map(|file| (file.path(), file.metadata().unwrap().mode() & 0o777)).unwrap();
        assert_eq!(mode, 0o600, "{name:?} {mode:o}");
    }
}
