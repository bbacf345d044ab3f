//! A running Jim over stores in memory, people in it, and what they hear.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jim_core::Jim;
use jim_core::bus::{Bus, LocalBus, Topic};
use jim_core::error::{Code, Result};
use jim_core::hub::{Close, Listener};
use jim_core::id::{RoomId, Seq, SessionId, UserId};
use jim_core::log::Frame;
use jim_core::model::entry::LogId;
use jim_core::model::{ClientRef, Content, Entry, Limits, NewMessage};
use jim_core::repo::{Appended, RoomLogRepo, Slice, Store};
use jim_core::service::{Options, Sent};
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::fixtures;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::faulty::{FaultyBus, FaultyLog};

/// No wait of a test is longer; a machine that is busy needs some of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The rhythm of the audit in tests, the shortest there is.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// Options for tests: the audit is quick, and queues are long enough.
pub(crate) fn options() -> Options {
    Options { heartbeat: HEARTBEAT, queue_frames: 4096, ..Options::default() }
}

/// A Jim that runs until it is dropped.
pub(crate) struct Node {
    pub(crate) jim: Jim,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

impl Node {
    pub(crate) async fn run(
        store: Arc<dyn Store>,
        log: Arc<dyn RoomLogRepo>,
        bus: Arc<dyn Bus>,
        options: Options,
    ) -> Node {
        Node::start(Jim::builder(store, log).bus(bus).options(options).build().await.unwrap())
    }

    pub(crate) fn start(jim: Jim) -> Node {
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (jim, stop) = (jim.clone(), stop.clone());
            async move { jim.run(stop).await }
        });
        Node { jim, stop, running: Some(running) }
    }

    /// Ends it without a goodbye.
    pub(crate) async fn crash(mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        let _ = running.await;
    }

    /// Stops it and waits until it has stopped.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let running = self.running.take().unwrap();
        tokio::time::timeout(PATIENCE, running).await.expect("a node stops").unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A running Jim, and its stores in the hand of the test.
pub(crate) struct Town {
    pub(crate) node: Node,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) log: Arc<FaultyLog>,
}

impl Town {
    pub(crate) async fn new() -> Town {
        Town::with(Arc::new(LocalBus::default()), options()).await
    }

    pub(crate) async fn with(bus: Arc<dyn Bus>, options: Options) -> Town {
        let store = Arc::new(MemoryStore::default());
        let log = FaultyLog::new(Arc::new(MemoryRoomLog::default()), 7);
        let node = Node::run(store.clone(), log.clone(), bus, options).await;
        Town { node, store, log }
    }

    pub(crate) fn jim(&self) -> &Jim {
        &self.node.jim
    }

    /// So many people with a session each, called `p-0`, `p-1` …
    pub(crate) async fn people(&self, count: usize) -> Vec<Person> {
        let mut people = Vec::new();
        for (n, id) in fixtures::users(&*self.store, "p", count).await.into_iter().enumerate() {
            people.push(Person { id, session: fixtures::session(&*self.store, id, &format!("p-{n}")).await });
        }
        people
    }

    /// Two friends and their room, which nobody has greeted.
    pub(crate) async fn friends(&self) -> (Person, Person, RoomId) {
        let people = self.people(2).await;
        (people[0], people[1], self.befriend(people[0].id, people[1].id).await)
    }

    pub(crate) async fn befriend(&self, a: UserId, b: UserId) -> RoomId {
        fixtures::friends(&*self.store, a, b).await;
        fixtures::open(&*self.store, a, b).await
    }

    pub(crate) async fn attach(&self, person: Person) -> Ear {
        Ear::open(self.jim(), person.id, person.session).await.unwrap()
    }
}

/// Two nodes, of which the second hears nothing of the first: its bus is its own, and its audit is slow.
pub(crate) struct Apart {
    pub(crate) town: Town,
    pub(crate) other: Node,
    /// The bus of the second node, and its way to the room logs.
    bus: Arc<FaultyBus>,
    pub(crate) log: Arc<FaultyLog>,
}

impl Apart {
    pub(crate) async fn new() -> Apart {
        let quiet = || Options { heartbeat: Duration::from_mins(10), ..options() };
        let town = Town::with(FaultyBus::new(1), quiet()).await;
        let (bus, log) = (FaultyBus::new(2), FaultyLog::new(town.log.clone(), 3));
        let other = Node::run(town.store.clone(), log.clone(), bus.clone(), quiet()).await;
        Apart { town, other, bus, log }
    }

    /// Listens at the second node.
    pub(crate) async fn attach(&self, person: Person) -> Ear {
        Ear::open(&self.other.jim, person.id, person.session).await.unwrap()
    }

    /// Stores what somebody had decided to send before, and tells nobody.
    pub(crate) async fn stored(&self, room: RoomId, by: UserId, client_ref: &str) -> Arc<Entry> {
        let appended = self.town.log.append(&[fixtures::new_entry(room, by, client_ref, client_ref)]).await.unwrap();
        let [Appended::New(entry)] = &appended[..] else { panic!("{appended:?}") };
        entry.clone()
    }

    /// Tells the second node.
    pub(crate) async fn tell(&self, frame: Frame) {
        let topic = match frame.header.as_ref().map(|header| header.log).unwrap() {
            LogId::Room(room) => Topic::Room(room),
            LogId::User(user) => Topic::User(user),
        };
        self.bus.publish(topic, frame.encode()).await.unwrap();
    }

    /// Tells it what somebody's own log says after a number.
    pub(crate) async fn tell_of_person(&self, user: UserId, after: i64) {
        let mut unit = self.town.store.read().await.unwrap();
        for entry in unit.user_log().read(user, Slice::After(Seq(after)), 100).await.unwrap() {
            self.tell(Frame::user(&entry)).await;
        }
    }

    /// Tells it what a room says after a number.
    pub(crate) async fn tell_of_room(&self, room: RoomId, after: i64) {
        for entry in self.town.log.read(&room, Slice::After(Seq(after)), 100).await.unwrap() {
            self.tell(Frame::room(&entry)).await;
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) session: SessionId,
}

/// A message of this reference; its text is the reference too.
pub(crate) fn message(client_ref: &str) -> NewMessage {
    let limits = Limits::default();
    let content = Content::text(client_ref, &limits).unwrap();
    NewMessage::new(ClientRef::parse(client_ref, &limits).unwrap(), content)
}

/// Sends a message and returns its number.
pub(crate) async fn send(jim: &Jim, who: UserId, room: RoomId, client_ref: &str) -> i64 {
    match jim.messages().send(who, room, &message(client_ref)).await.unwrap() {
        Sent::New(entry) | Sent::Again(entry) => entry.seq.0,
    }
}

/// Why a call was refused; `None` if it was not.
pub(crate) fn refusal<T>(answer: &Result<T>) -> Option<Code> {
    answer.as_ref().err().map(jim_core::Error::code)
}

/// Asks again and again until the answer is yes, but not for ever.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) {
    let answered = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.expect(what);
}

/// A listener that keeps what it hears, log by log, and panics where a number is not the next one.
pub(crate) struct Ear {
    pub(crate) listener: Listener,
    pub(crate) hello: Value,
    heard: HashMap<String, Vec<Value>>,
    /// What came without a number.
    pub(crate) whispers: Vec<Value>,
}

impl Ear {
    pub(crate) async fn open(jim: &Jim, user: UserId, session: SessionId) -> std::result::Result<Ear, Close> {
        let mut listener = jim.hub().attach(user, session).await.unwrap()?;
        let mut frames: Vec<Bytes> = Vec::new();
        listener.next(&mut frames, 1).await?;
        let hello: Value = serde_json::from_slice(&frames[0]).unwrap();
        assert_eq!(hello["type"], "hello");
        Ok(Ear { listener, hello, heard: HashMap::new(), whispers: Vec::new() })
    }

    /// The last number before the first that is heard; zero for a log that is new since `hello`.
    pub(crate) fn head(&self, log: &str) -> i64 {
        self.hello["heads"][log].as_i64().unwrap_or_default()
    }

    /// A log that is new since `hello` and begins above a number.
    pub(crate) fn begin(&mut self, log: &str, head: i64) {
        self.hello["heads"][log] = head.into();
    }

    /// What was heard of a log, in the order it came.
    pub(crate) fn heard(&self, log: &str) -> &[Value] {
        self.heard.get(log).map_or(&[], Vec::as_slice)
    }

    /// The number of the last frame of a log.
    pub(crate) fn last(&self, log: &str) -> i64 {
        self.heard(log).last().map_or_else(|| self.head(log), |frame| frame["seq"].as_i64().unwrap())
    }

    /// Takes what waits, or waits for something.
    pub(crate) async fn listen(&mut self) -> std::result::Result<(), Close> {
        let mut frames = Vec::new();
        self.listener.next(&mut frames, 64).await?;
        for frame in frames {
            let frame: Value = serde_json::from_slice(&frame).unwrap();
            let Some(seq) = frame["seq"].as_i64() else {
                self.whispers.push(frame);
                continue;
            };
            let log = frame["log"].as_str().unwrap().to_owned();
            assert_eq!(seq, self.last(&log) + 1, "the next number of {log} follows {:?}", self.heard(&log).last());
            self.heard.entry(log).or_default().push(frame);
        }
        Ok(())
    }

    /// Listens until a number of a log is heard.
    pub(crate) async fn until(&mut self, log: &str, seq: i64) {
        let heard = async {
            while self.last(log) < seq {
                self.listen().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(PATIENCE, heard).await;
        assert!(waited.is_ok(), "{log} is heard up to {} and not to {seq}", self.last(log));
    }

    /// Listens until the hub ends it.
    pub(crate) async fn end(&mut self) -> Close {
        let ended = async {
            loop {
                if let Err(why) = self.listen().await {
                    return why;
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the listener ends")
    }
}
