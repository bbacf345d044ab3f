//! A node inside this process over the databases of a cluster, whose calls of storage and bus are counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use jim_core::Jim;
use jim_core::bus::redis::{RedisBus, RedisOptions};
use jim_core::bus::{Bus, BusError, Delivery, Topic};
use jim_core::id::{RoomId, Seq, UserId};
use jim_core::model::entry::{Entry, Head, NewEntry};
use jim_core::model::user::UserState;
use jim_core::model::{ClientRef, Content, Limits, NewMessage};
use jim_core::repo::{
    Appended, Lock, PrivateRights, Res, RoomLogRepo, Slice, Store, StoredSession, Unit, Unread, UnreadCount,
};
use jim_core::secret::TokenHash;
use jim_core::store::mongo::{MongoOptions, MongoRoomLog};
use jim_core::store::redis::RedisShared;
use jim_core::store::sql::{MySqlOptions, MySqlStore};
use jim_core::time::Millis;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::cluster::Cluster;
use crate::load::next_number;

tokio::task_local! {
    /// Set where the node does something by itself, which nobody waits for.
    static UPKEEP: ();
}

/// What was counted since the node started.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Units that were opened; what is asked in them is not counted.
    pub(crate) units: AtomicU64,
    /// Questions for the rights of private sends.
    pub(crate) rights: AtomicU64,
    /// Appends of batches.
    pub(crate) appends: AtomicU64,
    /// Any other call of storage.
    pub(crate) others: AtomicU64,
    /// Frames of people and rooms that were published, and their bytes.
    pub(crate) published: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Frames of people and rooms that came to this node.
    pub(crate) heard: AtomicU64,
}

impl Counts {
    /// Units, questions for rights, appends and other calls.
    pub(crate) fn calls(&self) -> [u64; 4] {
        [&self.units, &self.rights, &self.appends, &self.others].map(|count| count.load(Relaxed))
    }
}

fn count(counter: &AtomicU64) {
    if UPKEEP.try_with(|()| ()).is_err() {
        counter.fetch_add(1, Relaxed);
    }
}

/// The node. It stops when this is dropped.
pub(crate) struct Node {
    pub(crate) jim: Jim,
    pub(crate) counts: Arc<Counts>,
    _running: AbortOnDropHandle<()>,
}

impl Node {
    /// Starts it.
    pub(crate) async fn start(cluster: &Cluster) -> crate::Res<Self> {
        let counts = Arc::<Counts>::default();
        let mysql = MySqlStore::open(&cluster.store_url().parse()?, MySqlOptions::default()).await?;
        let rooms: Arc<dyn RoomLogRepo> = match cluster.rooms_url() {
            Some(url) => MongoRoomLog::connect(&url, MongoOptions::default()).await?,
            None => mysql.clone(),
        };
        let store = Arc::new(CountingStore { store: mysql, counts: counts.clone() });
        let rooms = Arc::new(CountingLog { rooms, counts: counts.clone() });
        let builder = Jim::builder(store, rooms);
        let prefix = format!("jim:{}:", builder.epoch().await?);
        let shared = RedisShared::connect(&cluster.bus_url(), &prefix).await?;
        let bus = RedisBus::connect(&cluster.bus_url(), RedisOptions { prefix, ..RedisOptions::default() }).await?;
        let bus = Arc::new(CountingBus { bus, counts: counts.clone(), forwarder: Mutex::default() });
        let jim = builder.bus(bus).presence(shared).build().await?;
        let running = jim.clone();
        let run = async move { UPKEEP.scope((), running.run(CancellationToken::new())).await };
        Ok(Node { jim, counts, _running: AbortOnDropHandle::new(tokio::spawn(run)) })
    }

    /// Sends a message as the server does for a request: who it is, and then the send.
    pub(crate) async fn send(&self, token: &str, room: RoomId) -> crate::Res<()> {
        let client_ref = format!("counted-{:016x}", next_number());
        let client_ref = ClientRef::parse(&client_ref, &Limits::default()).map_err(|_| "not a reference")?;
        let content = Content::Text { text: "m".repeat(160) };
        let message = NewMessage { client_ref, content, reply_to: None, mentions: None };
        let caller = self.jim.sessions().authenticate(token).await?;
        self.jim.messages().send(caller.user, room, &message).await?;
        Ok(())
    }
}

struct CountingStore {
    store: Arc<dyn Store>,
    counts: Arc<Counts>,
}

#[async_trait]
impl Store for CountingStore {
    async fn read(&self) -> Res<Unit> {
        count(&self.counts.units);
        self.store.read().await
    }

    async fn write(&self, locks: &[Lock]) -> Res<Unit> {
        count(&self.counts.units);
        self.store.write(locks).await
    }

    async fn private_rights(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
        count(&self.counts.rights);
        self.store.private_rights(asks).await
    }

    fn known_private_rights(&self, writer: UserId, other: UserId) -> Option<PrivateRights> {
        self.store.known_private_rights(writer, other)
    }

    async fn session_by_access(&self, hash: &TokenHash) -> Res<Option<(StoredSession, Option<UserState>)>> {
        count(&self.counts.units);
        self.store.session_by_access(hash).await
    }

    async fn ping(&self) -> Res<()> {
        count(&self.counts.others);
        self.store.ping().await
    }

    async fn now(&self) -> Res<Option<Millis>> {
        count(&self.counts.others);
        self.store.now().await
    }

    async fn maintain(&self) -> Res<()> {
        count(&self.counts.others);
        self.store.maintain().await
    }
}

struct CountingLog {
    rooms: Arc<dyn RoomLogRepo>,
    counts: Arc<Counts>,
}

#[async_trait]
impl RoomLogRepo for CountingLog {
    fn lanes(&self) -> usize {
        self.rooms.lanes()
    }

    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        count(&self.counts.appends);
        self.rooms.append(batch).await
    }

    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        count(&self.counts.others);
        self.rooms.read(room, slice, limit).await
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        count(&self.counts.others);
        self.rooms.heads(rooms).await
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        count(&self.counts.others);
        self.rooms.find_ref(room, by, client_ref).await
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        count(&self.counts.others);
        self.rooms.erase(room, seq, stub).await
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        count(&self.counts.others);
        self.rooms.unread(asks).await
    }
}

struct CountingBus {
    bus: Arc<RedisBus>,
    counts: Arc<Counts>,
    forwarder: Mutex<Option<AbortOnDropHandle<()>>>,
}

#[async_trait]
impl Bus for CountingBus {
    async fn publish(&self, topic: Topic, frame: Bytes) -> Result<(), BusError> {
        if topic != Topic::Nodes {
            self.counts.published.fetch_add(1, Relaxed);
            self.counts.bytes.fetch_add(frame.len() as u64, Relaxed);
        }
        self.bus.publish(topic, frame).await
    }

    async fn subscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.bus.subscribe(topics).await
    }

    async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.bus.unsubscribe(topics).await
    }

    fn deliveries(&self) -> Option<mpsc::Receiver<Delivery>> {
        let mut from = self.bus.deliveries()?;
        let (to, deliveries) = mpsc::channel(1);
        let counts = self.counts.clone();
        let forward = async move {
            while let Some(delivery) = from.recv().await {
                if matches!(delivery, Delivery::Frame(topic, _) if topic != Topic::Nodes) {
                    counts.heard.fetch_add(1, Relaxed);
                }
                if to.send(delivery).await.is_err() {
                    return;
                }
            }
        };
        let forwarder = AbortOnDropHandle::new(tokio::spawn(forward));
        *self.forwarder.lock().unwrap_or_else(PoisonError::into_inner) = Some(forwarder);
        Some(deliveries)
    }

    fn is_up(&self) -> bool {
        self.bus.is_up()
    }
}
