//! Somebody who listens by the rule of numbers: a head or a push that is further on than what he knows makes him
//! read what is between.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::sender::answered;
use crate::checker::{Name, Reader, Seen};
use crate::support::{Event, PATIENCE, Person, Refused, Socket};

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
    let mut listener = Listener { person, known, seen: Reader::default() };
    let mut deadline = None;
    while !listener.is_done(&goal, &mut deadline) {
        match Socket::with_token(&listener.person.base, &listener.person.access).await {
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
            let head = socket.head(&room).expect("hello names each room");
            self.catch_up(&room, head).await;
        }
        self.seen.sockets.push(Vec::new());
        while !self.is_done(goal, deadline) {
            match socket.next_within(Duration::from_millis(200)).await {
                Some(Event::Frame(frame)) if frame["log"].as_str().is_some_and(|log| self.known.contains_key(log)) => {
                    let seen = seen(&frame);
                    self.seen.sockets.last_mut().expect("this socket").push(seen.clone());
                    self.catch_up(&seen.room, seen.seq - 1).await;
                    self.knows(&seen);
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

    /// Reads what is between the known and a number.
    async fn catch_up(&mut self, room: &str, upto: i64) {
        while self.known[room] < upto {
            let page = read(&self.person, room, self.known[room]).await;
            let page: Vec<_> = page["items"].as_array().expect("items").iter().map(seen).collect();
            assert!(!page.is_empty(), "{room} has entries up to {upto}, and none after {}", self.known[room]);
            for seen in &page {
                self.knows(seen);
            }
            self.seen.pages.push(page);
        }
    }
}

/// Reads all of somebody's rooms from the beginning.
pub(super) async fn read_all(person: &Person, rooms: &[String]) -> Reader {
    let mut reader = Reader::default();
    for room in rooms {
        let mut after = 0;
        loop {
            let page = read(person, room, after).await;
            let seen: Vec<_> = page["items"].as_array().expect("items").iter().map(seen).collect();
            after = seen.last().map_or(after, |seen| seen.seq);
            reader.pages.push(seen);
            if page["has_more"] == false {
                reader.heads.insert(room.clone(), page["last"].as_i64().expect("a number"));
                break;
            }
        }
    }
    reader
}

/// Reads a page, again and again until it is answered.
async fn read(person: &Person, room: &str, after: i64) -> Value {
    let path = format!("/rooms/{room}/entries?after={after}&limit=100");
    answered(person, Method::GET, &path, 200).await.json()
}

fn seen(entry: &Value) -> Seen {
    let room = entry["log"].as_str().expect("a room").to_owned();
    let client_ref = entry["data"]["client_ref"].as_str().map(ToOwned::to_owned);
    assert!(client_ref.is_some() || entry["data"]["hidden"] == true, "a message or a stub: {entry}");
    let by = entry["by"].as_i64().unwrap_or(0);
    let name = client_ref.map(|client_ref| Name { room: room.clone(), by, client_ref });
    Seen { room, seq: entry["seq"].as_i64().expect("a number"), name }
}
