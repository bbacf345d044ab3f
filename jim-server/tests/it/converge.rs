//! Reading once and applying what is told gives the same as reading anew, for every operation and every way of being
//! told; and each change is told once, to exactly those whom it concerns.

mod administration;
mod anything;
mod follower;
mod model;
mod rules;
mod script;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, Person, Server, Sink, seq};
use follower::{Follower, Way};
use model::Model;

/// People on a server, whose clients listen, and what was told so far.
pub(crate) struct Stage {
    pub(crate) server: Server,
    /// Where its mails go.
    sink: Sink,
    /// The last of them is an administrator.
    pub(crate) people: Vec<Person>,
    /// Of each person one who listens, one who connects again and again, and one who catches up in one call.
    followers: Vec<[Follower; 3]>,
    /// The last number of each log that was looked at.
    seen: BTreeMap<String, i64>,
    /// Operations that were done.
    done: BTreeSet<&'static str>,
}

impl Stage {
    async fn new() -> Stage {
        let sink = Sink::start().await;
        let [url, from] = sink.settings();
        let mail = [(url.0, &*url.1), (from.0, &*from.1)];
        let server = Server::with(&[("socket.queue_frames", "8192"), mail[0], mail[1]]).await;
        server.stick();
        let mut people = Vec::new();
        for name in ["ann", "ben", "cleo", "dora"] {
            people.push(server.person(name).await);
        }
        people.push(server.admin("root").await);
        let mut followers = Vec::new();
        for person in &people {
            // Some listen by a socket, some by a stream of events.
            let listener = if followers.len() % 2 == 0 { person.socket().await } else { person.events().await };
            let listening = Way::Listens(Box::new(listener));
            let ways = [listening, Way::Returns, Way::CatchesUp];
            let mut three = Vec::new();
            for way in ways {
                three.push(Follower::new(person, way).await);
            }
            followers.push(three.try_into().unwrap_or_else(|_| unreachable!("three ways")));
        }
        Stage { server, sink, people, followers, seen: BTreeMap::new(), done: BTreeSet::new() }
    }

    /// Holds what an operation told against what it has to tell: per person the types of his own log, per room those of
    /// the room's, and per person, with a `~`, what has no number. What comes on each socket is exactly that.
    async fn told(&mut self, operation: &'static str, expected: &[(&str, &[&str])]) {
        self.done.insert(operation);
        let mut told: BTreeMap<String, BTreeMap<i64, String>> = BTreeMap::new();
        for (person, [listener, ..]) in self.people.iter().zip(&mut self.followers) {
            listener.follow(person).await;
            let mut entries = person.log(self.seen.get(&person.name).copied().unwrap_or_default()).await;
            for entry in &entries {
                told.entry(person.name.clone()).or_default().insert(seq(entry), kind(entry));
            }
            for chat in person.chats("hidden=true&limit=100").await {
                let room = chat["room"].as_str().unwrap();
                let known = self.seen.get(room).copied().unwrap_or_default();
                for entry in person.whole_history(room).await {
                    if seq(&entry) > known {
                        told.entry(room.to_owned()).or_default().insert(seq(&entry), kind(&entry));
                        entries.push(entry);
                    }
                }
            }
            let order = |entry: &Value| (entry["log"].to_string(), seq(entry));
            entries.sort_by_key(order);
            let mut heard = listener.heard(person, entries.len()).await;
            heard.sort_by_key(order);
            assert_eq!(names(&heard), names(&entries), "{operation}, on the socket of {}", person.name);
            let whispers = expected.iter().filter(|(who, _)| *who == person.name).flat_map(|(_, kinds)| *kinds);
            let whispers: Vec<_> = whispers.filter_map(|kind| kind.strip_prefix('~')).collect();
            assert_eq!(listener.whispers(whispers.len()).await, whispers, "{operation}, to {}", person.name);
        }
        let kinds =
            |kinds: &[&str]| kinds.iter().filter(|kind| !kind.starts_with('~')).map(ToString::to_string).collect();
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (log, all) in expected {
            wanted.insert((*log).to_owned(), kinds(all));
        }
        wanted.retain(|_, kinds| !kinds.is_empty());
        let got = told.iter().map(|(log, entries)| (log.clone(), entries.values().cloned().collect())).collect();
        assert_eq!(wanted, got, "what {operation} tells");
        for (log, entries) in told {
            self.seen.insert(log, *entries.last_key_value().unwrap().0);
        }
    }

    /// Sets or takes away a mark.
    async fn mark(&self, who: &Person, method: &Method, path: &str, body: &Value) {
        let call = who.request(method.clone(), path);
        Answer::to(if body.is_null() { call } else { call.json(body) }).await.is(204);
    }

    /// Brings every client up to date and compares each with one that reads everything anew.
    async fn compare(&mut self, when: &str) {
        for (person, three) in self.people.iter().zip(&mut self.followers) {
            for follower in three.iter_mut() {
                follower.follow(person).await;
            }
            let fresh = Model::fetch(person).await.state();
            for follower in three {
                let kept = follower.state();
                if let Some(difference) = difference(&kept, &fresh) {
                    panic!("{}, who {}, {when}: {difference}", person.name, follower.way());
                }
            }
        }
    }
}

/// Where two values differ first, and how.
fn difference(kept: &Value, fresh: &Value) -> Option<String> {
    match (kept, fresh) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            let differs = |(name, value)| difference(a.get(name)?, value).map(|inner| format!("/{name}{inner}"));
            b.iter().find_map(differs).or_else(|| (!a.keys().eq(b.keys())).then(|| format!(" {kept} is not {fresh}")))
        }
        _ => (kept != fresh).then(|| format!(" {kept} is not {fresh}")),
    }
}

fn kind(entry: &Value) -> String {
    entry["type"].as_str().unwrap().to_owned()
}

/// Entries in short.
fn names(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| format!("{} {} {}", entry["log"], entry["seq"], entry["type"])).collect()
}

#[tokio::test]
async fn each_change_is_told_once_to_exactly_those_whom_it_concerns() {
    let mut stage = Stage::new().await;
    script::play(&mut stage).await;
    stage.compare("after each operation").await;
    // What the script leaves out tells nobody anything, or is no operation of somebody who is logged in.
    stage.done.extend(["makeCaptcha", "register", "logIn", "logInExternally", "refresh", "createTicket", "sync"]);
    stage.done.extend(["beginRecovery", "confirmRecovery"]);
    let document = stage.server.stranger().get("//openapi.json").await.is(200);
    let operations = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
    let changing = operations.filter(|(method, _)| *method != "get");
    let changing: BTreeSet<&str> = changing.filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
    assert_eq!(stage.done, changing);
}

#[tokio::test]
async fn what_is_told_and_what_is_read_anew_converge_after_anything_at_all() {
    let mut stage = Stage::new().await;
    anything::play(&mut stage, 20_260, 300).await;
    stage.compare("at the end").await;
}
