//! A client that keeps a copy, by one of the ways in which it can be told.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::Model;
use crate::support::{Person, Socket, seq};

/// How a client learns what is new.
pub(super) enum Way {
    /// It keeps a socket.
    Listens(Box<Socket>),
    /// It connects again, and reads what `hello` names.
    Returns,
    /// It asks for all that is newer in one call.
    CatchesUp,
}

/// A client and its copy.
pub(super) struct Follower {
    way: Way,
    model: Model,
    /// Frames with a number since they were last taken, and the last number of each log.
    heard: Vec<Value>,
    last: BTreeMap<String, i64>,
    /// The types of frames without a number since they were last taken.
    whispers: Vec<String>,
}

impl Follower {
    pub(super) async fn new(person: &Person, way: Way) -> Follower {
        let model = Model::fetch(person).await;
        Follower { way, model, heard: Vec::new(), last: BTreeMap::new(), whispers: Vec::new() }
    }

    pub(super) fn state(&self) -> Value {
        self.model.state()
    }

    /// In words.
    pub(super) fn way(&self) -> &'static str {
        match self.way {
            Way::Listens(_) => "listens",
            Way::Returns => "connects again",
            Way::CatchesUp => "catches up",
        }
    }

    /// Learns all that there is by now.
    pub(super) async fn follow(&mut self, person: &Person) {
        match self.way {
            Way::Listens(_) => self.listen(person).await,
            Way::Returns => self.come_back(person).await,
            Way::CatchesUp => self.catch_up(person).await,
        }
    }

    async fn listen(&mut self, person: &Person) {
        let head = person.log_head().await;
        let chats = person.chats("hidden=true&limit=100").await;
        let known = |model: &Model, log: &str| model.known.get(log).copied().unwrap_or(-1);
        let is_told = |model: &Model| {
            known(model, "me") >= head
                && chats.iter().all(|chat| {
                    let room = chat["room"].as_str().unwrap();
                    let told = known(model, room) >= chat["last_seq"].as_i64().unwrap();
                    told && model.read_mark(room) >= chat["read_seq"].as_i64()
                })
        };
        while !is_told(&self.model) {
            self.hear(person).await;
        }
    }

    /// Takes one frame.
    async fn hear(&mut self, person: &Person) {
        let Way::Listens(socket) = &mut self.way else { return };
        let frame = socket.event().await;
        if frame.get("log").is_none() {
            if frame["type"] == "read" && frame["user_id"] == person.id {
                self.model.read_to(frame["room"].as_str().unwrap(), seq(&frame));
            }
            self.whispers.push(frame["type"].as_str().unwrap().to_owned());
            return;
        }
        let last = self.last.entry(frame["log"].as_str().unwrap().to_owned()).or_default();
        assert!(*last < seq(&frame), "twice, or out of order: {frame}");
        *last = seq(&frame);
        if frame["type"] == "group.left" {
            // Who comes again hears the room anew.
            self.last.remove(frame["data"]["room"].as_str().unwrap());
        }
        self.model.apply(person, &frame).await;
        self.heard.push(frame);
    }

    async fn come_back(&mut self, person: &Person) {
        let socket = person.socket().await;
        let heads = socket.hello()["heads"].as_object().unwrap();
        // One's own log comes first: it opens rooms.
        let mut heads: Vec<_> = heads.iter().collect();
        heads.sort_by_key(|(log, _)| *log != "me");
        for (log, head) in heads {
            if self.model.known.get(log) < head.as_i64().as_ref() && self.model.known.contains_key(log) {
                self.model.read_on(person, log).await;
            }
        }
        for (room, read) in socket.hello()["reads"].as_object().unwrap() {
            self.model.read_to(room, read.as_i64().unwrap());
        }
    }

    async fn catch_up(&mut self, person: &Person) {
        loop {
            let mut rooms = self.model.known.clone();
            let log = rooms.remove("me").unwrap();
            let synced = person.post("/sync", &json!({ "log": log, "rooms": rooms, "limit": 7 })).await.is(200);
            for entry in synced["log"]["items"].as_array().unwrap() {
                self.model.apply(person, entry).await;
            }
            let mut more = synced["log"]["has_more"] == true;
            for (room, newer) in synced["rooms"].as_object().unwrap() {
                if newer["gone"] == true {
                    self.model.forget(room);
                    continue;
                }
                if let Some(to) = newer["gap"]["to"].as_i64() {
                    self.model.skip_to(person, room, to).await;
                }
                for entry in newer["items"].as_array().unwrap() {
                    self.model.apply(person, entry).await;
                }
                self.model.read_to(room, newer["read"].as_i64().unwrap());
                more |= newer["more"] == true;
            }
            let joined = synced["joined"].as_array().unwrap();
            if !more {
                // The log has told of them, and the next call names them.
                let missing = joined.iter().find(|room| !self.model.known.contains_key(room.as_str().unwrap()));
                assert_eq!(missing, None, "a room that the log did not tell of: {synced}");
            }
            if !more && joined.is_empty() {
                return;
            }
        }
    }

    /// What came with a number since this was last asked; at least so much is waited for.
    pub(super) async fn heard(&mut self, person: &Person, count: usize) -> Vec<Value> {
        while self.heard.len() < count {
            self.hear(person).await;
        }
        std::mem::take(&mut self.heard)
    }

    /// What came without a number since this was last asked; at least so much is waited for.
    pub(super) async fn whispers(&mut self, count: usize) -> Vec<String> {
        while self.whispers.len() < count {
            let Way::Listens(socket) = &mut self.way else { break };
            let frame = socket.event().await;
            assert!(frame.get("log").is_none(), "nothing with a number is left: {frame}");
            self.whispers.push(frame["type"].as_str().unwrap().to_owned());
        }
        std::mem::take(&mut self.whispers)
    }
}
