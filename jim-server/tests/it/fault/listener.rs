//! Somebody who listens by the rule of numbers: a head or a push that is further on than what he knows makes him
//! read what is between.

use std::collections::BTreeMap;
use std::time::Duration;

use jim_core::time::Millis;
use reqwest::Method;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::sender::repeated;
use crate::checker::{Change, Name, Reader, Seen};
use crate::support::{Answer, Event, PATIENCE, Person, Refused, Socket};

/// The last number of each room; none while it still grows.
pub(super) type Goal = watch::Receiver<Option<BTreeMap<String, i64>>>;

struct Listener {
    person: Person,
    known: BTreeMap<String, i64>,
    seen: Reader,
}

/// Listens until everything up to the goal is known, or it takes too long.
pub(super) async fn listen(person: Person, rooms: Vec<String>, goal: Goal) -> Reader {
    let known = rooms.into_iter().map(|room| (room, 0)).collect();
    let seen = Reader { user: person.id, ..Reader::default() };
    let mut listener = Listener { person, known, seen };
    let mut deadline = None;
    while !listener.is_done(&goal, &mut deadline) {
        match Socket::with_token(&listener.person.base, &listener.person.access).await {
            // A node that cannot reach its databases sends whoever comes away again.
            Ok(socket) if socket.turned_away.is_some() => sleep(Duration::from_millis(20)).await,
            Ok(socket) => listener.follow(socket, &goal, &mut deadline).await,
            Err(Refused::Answer(answer)) if answer.status() != 503 => panic!("{answer:?}"),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    listener.seen
}

impl Listener {
    fn is_done(&mut self, goal: &Goal, deadline: &mut Option<Instant>) -> bool {
        let Some(heads) = goal.borrow().clone() else { return false };
        self.seen.heads = self.known.keys().map(|room| (room.clone(), heads[room])).collect();
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
        self.seen.heads.iter().all(|(room, head)| self.known[room] >= *head) || Instant::now() >= deadline
    }

    /// Follows one socket until it ends.
    async fn follow(&mut self, mut socket: Socket, goal: &Goal, deadline: &mut Option<Instant>) {
        for room in self.known.keys().cloned().collect::<Vec<_>>() {
            match socket.head(&room) {
                Some(head) => drop(self.catch_up(&room, head).await),
                None => assert!(is_group(&room), "hello names each room"),
            }
        }
        self.seen.sockets.push(Vec::new());
        while !self.is_done(goal, deadline) {
            match socket.next_within(Duration::from_millis(200)).await {
                Some(Event::Frame(frame)) if frame["log"].as_str().is_some_and(|log| self.known.contains_key(log)) => {
                    let seen = seen(&frame);
                    self.seen.sockets.last_mut().expect("this socket").push(seen.clone());
                    if self.catch_up(&seen.room, seen.seq - 1).await {
                        self.knows(&seen);
                    }
                }
                Some(Event::Frame(frame)) if frame["type"] == "group.joined" => {
                    let (room, head) = (frame["data"]["room"].as_str(), frame["data"]["head"].as_i64());
                    self.catch_up(room.expect("a room"), head.expect("a number")).await;
                }
                Some(Event::Frame(_)) | None => {}
                Some(Event::Closed(_)) => return,
            }
        }
    }

    fn knows(&mut self, seen: &Seen) {
        let known = self.known.get_mut(&seen.room).expect("his room");
        *known = seen.seq.max(*known);
    }

    /// Reads what is between the known and a number; `false` when he is in the room no more.
    async fn catch_up(&mut self, room: &str, upto: i64) -> bool {
        while self.known[room] < upto {
            let Some(page) = read(&self.person, room, self.known[room]).await else { return false };
            let page: Vec<_> = page["items"].as_array().expect("items").iter().map(seen).collect();
            assert!(!page.is_empty(), "{room} has entries up to {upto}, and none after {}", self.known[room]);
            for seen in &page {
                self.knows(seen);
            }
            self.seen.pages.push(page);
        }
        true
    }
}

/// Reads all of somebody's rooms from the beginning.
pub(super) async fn read_all(person: &Person, rooms: &[String]) -> Reader {
    let mut reader = Reader { user: person.id, ..Reader::default() };
    for room in rooms {
        let mut after = 0;
        loop {
            let page = read(person, room, after).await.expect("his room");
            let seen: Vec<_> = page["items"].as_array().expect("items").iter().map(seen).collect();
            after = seen.last().map_or(after, |seen| seen.seq);
            reader.pages.push(seen);
            if page["has_more"] == false {
                reader.heads.insert(room.clone(), page["last"].as_i64().expect("a number"));
                reader.from.insert(room.clone(), page["first"].as_i64().expect("a number"));
                break;
            }
        }
    }
    reader
}

/// Reads a page, again and again until it is answered; nothing of a group that he is not in.
async fn read(person: &Person, room: &str, after: i64) -> Option<Value> {
    let path = format!("/rooms/{room}/entries?after={after}&limit=100");
    let allowed = |answer: &Answer| answer.status == 200 || answer.status == 404 && is_group(room);
    let answer = repeated(|| person.request(Method::GET, &path), allowed).await;
    (answer.status == 200).then(|| answer.json())
}

pub(super) fn is_group(room: &str) -> bool {
    room.starts_with("g:")
}

fn seen(entry: &Value) -> Seen {
    let room = entry["log"].as_str().expect("a room").to_owned();
    let (seq, by) = (entry["seq"].as_i64().expect("a number"), entry["by"].as_i64().unwrap_or(0));
    let (kind, data) = (entry["type"].as_str().expect("a type"), &entry["data"]);
    let name = match data["client_ref"].as_str() {
        Some(client_ref) => Some(client_ref.to_owned()),
        None if data["hidden"] == true => None,
        None => {
            assert!(is_group(&room), "a message or a stub: {entry}");
            // No message has such a reference.
            Some(format!("#{seq} {kind} {data}"))
        }
    };
    let name = name.map(|client_ref| Name { room: room.clone(), by, client_ref });
    Seen { room, seq, at: millis(&entry["at"]), name, change: change(kind, data) }
}

fn millis(time: &Value) -> i64 {
    time.as_str().and_then(|text| text.parse::<Millis>().ok()).expect("a time").0
}

/// What an entry changes about the people of its room.
fn change(kind: &str, data: &Value) -> Change {
    let user = || data["user_id"].as_i64().expect("a person");
    match kind {
        "member.joined" => Change::Joined { user: user(), spared: data["role"] != "member" },
        "member.promoted" | "member.demoted" => Change::Ranked { user: user(), spared: kind == "member.promoted" },
        "member.removed" | "member.left" => Change::Gone(user()),
        "member.muted" => Change::Muted { user: user(), until: data.get("until").map(millis) },
        "member.unmuted" => Change::Unmuted(user()),
        "group.muted" => Change::AllMuted,
        "group.unmuted" => Change::AllUnmuted,
        "message.sent" | "group.created" => Change::Nothing,
        other => panic!("nobody does such a thing here: {other}"),
    }
}
