//! The subject: how it is started, who lives in it, and what it tells of itself.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::bars::Plan;
use crate::http::{Connection, render};
use crate::process::{Server, file_limit};
use crate::{Res, sockets};

/// Private rooms that the load is spread over.
const ROOMS: usize = 100;
/// Registrations at once.
const TOGETHER: usize = 8;
/// Sockets that one person may have in a measurement; more than are opened.
const SOCKETS: &str = "100000";

/// Two friends and their room.
#[derive(Clone)]
pub(crate) struct Pair {
    /// The room's name.
    pub(crate) room: String,
    /// The access token of the one who writes.
    pub(crate) sender: String,
    /// The access token of the one who listens.
    pub(crate) receiver: String,
}

/// A data folder with people in it. Servers under test begin with copies, so that all begin with the same.
pub(crate) struct Seed {
    /// The people.
    pub(crate) pairs: Vec<Pair>,
    /// How many files the server may have open.
    pub(crate) file_limit: u64,
    folder: PathBuf,
}

impl Seed {
    /// Registers people and makes friends of them, through the API of a server of their own.
    pub(crate) async fn plant(plan: &Plan) -> Res<Self> {
        let folder = plan.folder.join("seed");
        std::fs::create_dir(&folder)?;
        let server = start(&plan.binary, &folder, &[]).await?;
        let pairs = make_pairs(&server.address).await?;
        let file_limit = server.file_limit()?;
        server.kill().await?;
        Ok(Seed { pairs, file_limit, folder })
    }

    /// As many sockets as are wanted, or as the file limits of both sides allow.
    pub(crate) fn sockets(&self, wanted: usize) -> usize {
        sockets::allowed(wanted, file_limit(), self.file_limit)
    }

    /// A fresh copy of the data, in a folder of that name.
    pub(crate) fn copy(&self, plan: &Plan, name: &str) -> Res<PathBuf> {
        let folder = plan.folder.join(name);
        std::fs::create_dir(&folder)?;
        copy_files(&self.folder, &folder)?;
        Ok(folder)
    }
}

fn copy_files(from: &Path, to: &Path) -> Res<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&to)?;
            copy_files(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Starts the server with nothing but defaults in a folder, and settings as environment.
pub(crate) async fn start_plain(binary: &Path, folder: &Path, settings: &[(&str, &str)]) -> Res<Server> {
    let mut command = Command::new(binary);
    command.arg("serve").current_dir(folder).env_clear();
    command.env("JIM__SERVER__LISTEN", "127.0.0.1:0").envs(settings.iter().copied());
    Server::start(command).await
}

/// Starts the server for load: no limits of rate, as many sockets as files.
pub(crate) async fn start(binary: &Path, folder: &Path, settings: &[(&str, &str)]) -> Res<Server> {
    let mut all = vec![
        ("JIM__RATE__ENABLED", "false"),
        ("JIM__AUTH__ACCESS_SECONDS", "86400"),
        ("JIM__LIMITS__SOCKETS_PER_USER", SOCKETS),
        ("JIM__LIMITS__SOCKETS_PER_SESSION", SOCKETS),
    ];
    all.extend(settings);
    start_plain(binary, folder, &all).await
}

/// Registers the people of the private rooms, who become friends and write their first words.
/// No captcha and no lock steps in.
pub(crate) const OPEN_DOORS: [(&str, &str); 2] =
    [("JIM__AUTH__CAPTCHA_AFTER", "1000"), ("JIM__AUTH__LOCK_AFTER", "1000")];

pub(crate) async fn make_pairs(address: &str) -> Res<Vec<Pair>> {
    let mut makers = JoinSet::new();
    for maker in 0..TOGETHER {
        let address = address.to_owned();
        makers.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut pairs = Vec::new();
            for number in (maker..ROOMS).step_by(TOGETHER) {
                pairs.push(make_pair(&mut connection, number).await?);
            }
            Res::Ok(pairs)
        });
    }
    let mut pairs = Vec::new();
    while let Some(made) = makers.join_next().await {
        pairs.extend(made??);
    }
    Ok(pairs)
}

/// Registers two people, makes friends of them and lets the first one write, so that their room is open.
pub(crate) async fn make_pair(connection: &mut Connection, number: usize) -> Res<Pair> {
    let (writer, sender) = register(connection, &format!("writer-{number}")).await?;
    let (listener, receiver) = register(connection, &format!("reader-{number}")).await?;
    let request = connection.post("/api/v1/friend-requests", &sender, &json!({ "user_id": listener })).await?;
    let accept = format!("/api/v1/friend-requests/{}/accept", request["id"]);
    connection.post(&accept, &receiver, &json!({})).await?;
    let room = format!("p:{}:{}", writer.min(listener), writer.max(listener));
    let first = json!({ "client_ref": "first", "content": { "kind": "text", "text": "Hello." } });
    connection.post(&format!("/api/v1/rooms/{room}/messages"), &sender, &first).await?;
    Ok(Pair { room, sender, receiver })
}

async fn register(connection: &mut Connection, username: &str) -> Res<(i64, String)> {
    let person = json!({ "username": username, "password": "plum tart at noon" });
    let made = connection.post("/api/v1/auth/register", "", &person).await?;
    let id = made["user"]["id"].as_i64();
    let token = made["session"]["access_token"].as_str();
    id.zip(token.map(str::to_owned)).ok_or_else(|| format!("not a registration: {}", shape(&made)).into())
}

/// The names in an answer, without what they hold.
fn shape(value: &Value) -> String {
    value.as_object().map_or_else(|| "no object".into(), |fields| fields.keys().cloned().collect::<Vec<_>>().join(", "))
}

/// What the server has counted since it started.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) sends: f64,
    pub(crate) commits: f64,
    pub(crate) encodings: f64,
    pub(crate) deliveries: f64,
}

impl Counted {
    pub(crate) async fn read(server: &Server) -> Res<Self> {
        let mut connection = Connection::open(&server.address).await?;
        connection.ask(&render("GET", "/metrics", "", "")).await?;
        let text = std::str::from_utf8(connection.body())?;
        Ok(Counted {
            sends: metric(text, "jim_sends_total")?,
            commits: metric(text, "jim_commits_total")?,
            encodings: metric(text, "jim_encodings_total")?,
            deliveries: metric(text, "jim_deliveries_total")?,
        })
    }

    /// What was counted since an earlier reading.
    pub(crate) fn since(self, before: Counted) -> Counted {
        Counted {
            sends: self.sends - before.sends,
            commits: self.commits - before.commits,
            encodings: self.encodings - before.encodings,
            deliveries: self.deliveries - before.deliveries,
        }
    }
}

/// The sum of a counter over its labels.
fn metric(text: &str, name: &str) -> Res<f64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let values = lines.filter(|rest| rest.starts_with(['{', ' '])).filter_map(|rest| rest.rsplit(' ').next());
    let values: Vec<f64> = values.map(str::parse).collect::<Result<_, _>>()?;
    if values.is_empty() { Err(format!("/metrics has no {name}").into()) } else { Ok(values.iter().sum()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_summed_over_its_labels_and_no_other() {
        let text = "# TYPE jim_sends_total counter\njim_sends_total 7\njim_sends_total_x 9\njim_y{a=\"b c\"} 1\njim_y{a=\"d\"} 2\n";
        assert!((metric(text, "jim_sends_total").unwrap() - 7.0).abs() < 1e-9);
        assert!((metric(text, "jim_y").unwrap() - 3.0).abs() < 1e-9);
        assert!(metric(text, "jim_z").is_err());
    }
}
