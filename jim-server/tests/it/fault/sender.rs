//! Somebody who sends, and repeats what was not answered until it is.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use reqwest::{Method, RequestBuilder};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::checker::{Ack, Name};
use crate::support::{Answer, Person, Tries, message};

/// A moment after which nothing new from one person may reach another.
#[derive(Default)]
pub(super) struct Block {
    /// It is about to come: everybody sends as fast as he can, so that some sends meet it half-way.
    near: AtomicBool,
    asked: AtomicBool,
    answered: AtomicBool,
    /// The end of the room's log, read after the answer: what stands above it was stored after the block.
    head: OnceLock<i64>,
}

/// What became of everything that one person sent.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) acks: Vec<Ack>,
    pub(super) hidable: BTreeSet<Name>,
    pub(super) forbidden: BTreeSet<Name>,
    /// What was refused because the sender was silenced or removed. Nobody may ever see it.
    pub(super) refused: BTreeSet<Name>,
}

pub(super) struct Sender {
    /// Makes references of several senders of one person differ.
    label: usize,
    person: Person,
    rooms: Vec<String>,
    rng: StdRng,
    block: Option<Arc<Block>>,
    /// Somebody may silence or remove him.
    ordinary: bool,
    sent: Sent,
}

impl Sender {
    pub(super) fn new(label: usize, person: Person, rooms: Vec<String>, rng: StdRng) -> Sender {
        Sender { label, person, rooms, rng, block: None, ordinary: false, sent: Sent::default() }
    }

    /// Somebody who is blocked in the midst of it.
    pub(super) fn until(self, block: Arc<Block>) -> Sender {
        Sender { block: Some(block), ..self }
    }

    /// Somebody who is silenced and removed now and then.
    pub(super) fn ordinary(self) -> Sender {
        Sender { ordinary: true, ..self }
    }

    /// Sends until it is told to stop, and ends with nothing unanswered.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Sent {
        let mut number = 0;
        while !stop.is_cancelled() {
            number += 1;
            let room = self.rooms[self.rng.random_range(0..self.rooms.len())].clone();
            let name = Name { room, by: self.person.id, client_ref: format!("m-{}-{number}", self.label) };
            self.send(&name).await;
            if self.rng.random_bool(0.1) && !self.sent.acks.is_empty() {
                let old = self.sent.acks[self.rng.random_range(0..self.sent.acks.len())].name.clone();
                self.send(&old).await;
            }
            if !self.is(|block| &block.near) {
                // Many send at once, and the machine has other things to do.
                sleep(Duration::from_millis(self.rng.random_range(0..20))).await;
            }
        }
        if let Some(head) = self.block.as_ref().and_then(|block| block.head.get()) {
            let late = self.sent.acks.iter().filter(|ack| ack.seq > *head).map(|ack| ack.name.clone());
            self.sent.forbidden.extend(late);
        }
        self.sent
    }

    /// Sends one message until there is an answer.
    async fn send(&mut self, name: &Name) {
        let blocked = self.is(|block| &block.answered);
        let known = self.sent.acks.iter().any(|ack| ack.name == *name);
        if blocked && !known {
            self.sent.forbidden.insert(name.clone());
            self.sent.hidable.insert(name.clone());
        }
        let path = format!("/rooms/{}/messages", name.room);
        let body = message(&name.client_ref, &format!("{} says {}", self.person.name, name.client_ref));
        let mut tries = Tries::new();
        loop {
            match tries.call(self.person.request(Method::POST, &path).json(&body)).await {
                Ok(answer) if answer.status == 200 || answer.status == 201 => {
                    assert!(!blocked || answer.status == 200 && known, "a blocked person sent {name:?}");
                    let entry = answer.json();
                    assert_eq!(entry["data"]["client_ref"], name.client_ref, "{entry}");
                    let seq = entry["seq"].as_i64().expect("a number");
                    if self.is(|block| &block.asked) && !known {
                        self.sent.hidable.insert(name.clone());
                    }
                    return self.sent.acks.push(Ack { name: name.clone(), seq });
                }
                Ok(answer) if answer.status == 403 && self.is(|block| &block.asked) => {
                    assert!(!known, "what was sent before the block is still answered: {name:?}");
                    answer.refused(403, "friend.not_friend");
                    return;
                }
                Ok(answer) if self.ordinary && matches!(answer.status, 403 | 404) => {
                    assert!(!known, "what was stored before is still answered: {name:?}");
                    let code = answer.problem()["code"].as_str().unwrap_or_default().to_owned();
                    let told = ["group.member_muted", "group.muted", "resource.not_found"].contains(&&*code);
                    assert!(told, "{name:?}: {answer:?}");
                    self.sent.refused.insert(name.clone());
                    return;
                }
                Ok(answer) if answer.status != 503 => panic!("{name:?}: {answer:?}"),
                Ok(_) | Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn is(&self, flag: impl Fn(&Block) -> &AtomicBool) -> bool {
        self.block.as_ref().is_some_and(|block| flag(block).load(Ordering::SeqCst))
    }
}

/// Blocks somebody after a while.
pub(super) async fn block_after(pause: Duration, blocker: Person, other: Person, block: Arc<Block>) {
    sleep(pause).await;
    block.near.store(true, Ordering::SeqCst);
    sleep(Duration::from_millis(300)).await;
    block.asked.store(true, Ordering::SeqCst);
    answered(&blocker, Method::PUT, &format!("/blocks/{}", other.id), 204).await;
    block.answered.store(true, Ordering::SeqCst);
    block.near.store(false, Ordering::SeqCst);
    let newest = format!("/rooms/{}/entries?limit=1", blocker.room(&other));
    let head = answered(&blocker, Method::GET, &newest, 200).await.json()["last"].as_i64();
    block.head.set(head.expect("a number")).expect("one block");
}

/// Repeats a call until it is answered.
pub(super) async fn answered(person: &Person, method: Method, path: &str, status: u16) -> Answer {
    repeated(|| person.request(method.clone(), path), |answer| answer.status == status).await
}

/// Repeats a call until there is an answer, which must be of the right kind.
pub(super) async fn repeated(call: impl Fn() -> RequestBuilder, right: impl Fn(&Answer) -> bool) -> Answer {
    let mut tries = Tries::new();
    loop {
        match tries.call(call()).await {
            Ok(answer) if right(&answer) => return answer,
            Ok(answer) if answer.status != 503 => panic!("{:?}: {answer:?}", call()),
            Ok(_) | Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}
