//! The bus over Redis: one server, a master that sentinels choose, or a cluster with its sharded channels.

mod discover;
mod ear;
mod error;
mod layout;
mod servers;
mod target;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use redis::{RedisError, cmd};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio_util::task::AbortOnDropHandle;

use super::remote::{AHEAD, BATCH, Inbox, QUEUE, SPEAKING};
use super::{Bus, BusError, Delivery, Topic};
use ear::Hearing;

pub use error::RedisConnectError;
pub(crate) use layout::slot;
pub(crate) use servers::Servers;

/// How the bus uses a Redis.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// What every channel's name begins with. Systems that share a Redis differ in it.
    pub prefix: String,
    /// Bytes of frames that may wait for a hub that is slow. Beyond them frames are dropped, and the hub is told of
    /// the gap.
    pub inbox_bytes: usize,
}

impl Default for RedisOptions {
    fn default() -> Self {
        RedisOptions { prefix: "jim:".into(), inbox_bytes: 64 << 20 }
    }
}

/// What topics are called on the server.
#[derive(Clone)]
struct Names(Arc<str>);

impl Names {
    fn name(&self, topic: Topic) -> String {
        format!("{}{topic}", self.0)
    }

    fn topic(&self, name: &[u8]) -> Option<Topic> {
        str::from_utf8(name).ok()?.strip_prefix(&*self.0)?.parse().ok()
    }

    fn slot(&self, topic: Topic) -> u16 {
        slot(&self.name(topic))
    }
}

struct Parcel {
    topic: Topic,
    slot: u16,
    name: String,
    frame: Bytes,
}

/// The bus over Redis.
///
/// `publish` promises that a frame is on its way, in the order of calls for each topic; it is not yet at the server.
/// What cannot be published reaches the listeners of this node all the same; those of other nodes miss it until they
/// compare heads. While the server is known to be out of reach, `publish` fails at once, and `subscribe` too; what was
/// to be subscribed is subscribed when the server is back, and a gap is told then.
///
/// For `rediss://` the process must have installed a default `CryptoProvider` of `rustls`.
pub struct RedisBus {
    hearing: Hearing,
    queue: mpsc::Sender<Parcel>,
    deliveries: Mutex<Option<mpsc::Receiver<Delivery>>>,
    _tasks: [AbortOnDropHandle<()>; 3],
}

impl RedisBus {
    /// Connects to `redis://`, `redis+sentinel://` or `redis+cluster://`, or the same with `rediss` for TLS. Needs
    /// Redis 6.2, as a cluster 7.0. To be called in a tokio runtime, on which the bus lives until it is dropped.
    pub async fn connect(url: &str, options: RedisOptions) -> Result<Arc<Self>, RedisConnectError> {
        let servers = Servers::connect(url, "the bus").await?;
        let (inbox, waiting) = Inbox::new(options.inbox_bytes);
        let (queue, parcels) = mpsc::channel(QUEUE);
        let (hub, deliveries) = mpsc::channel(AHEAD);
        let names = Names(options.prefix.into());
        let hearing = Hearing { servers, topics: Arc::default(), inbox: Arc::new(inbox), names };
        let speaking = hearing.clone();
        let inbox = hearing.inbox.clone();
        let tasks = [
            tokio::spawn(hearing.clone().run()),
            tokio::spawn(async move { speaking.speak(parcels).await }),
            tokio::spawn(async move { inbox.drain(waiting, hub).await }),
        ];
        Ok(Arc::new(RedisBus {
            hearing,
            queue,
            deliveries: Mutex::new(Some(deliveries)),
            _tasks: tasks.map(AbortOnDropHandle::new),
        }))
    }
}

impl Hearing {
    /// Publishes what is queued, whatever has gathered at once.
    async fn speak(&self, mut queue: mpsc::Receiver<Parcel>) {
        let verb = if self.servers.is_cluster() { "SPUBLISH" } else { "PUBLISH" };
        let mut batch: Vec<Parcel> = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            let ask = |parcel: &Parcel| (parcel.slot, cmd(verb).arg(&parcel.name).arg(&parcel.frame[..]).take());
            let asks: Vec<_> = batch.iter().map(ask).collect();
            let answers = self.servers.run(&asks).await;
            for (parcel, answer) in batch.drain(..).zip(answers) {
                if let Err(error) = answer {
                    tracing::debug!(error.cause = %error, "a frame was not published");
                    self.keep(parcel.topic, parcel.frame);
                }
            }
        }
    }

    /// A frame that does not come back from the server is heard here all the same.
    fn keep(&self, topic: Topic, frame: Bytes) {
        if self.topics.is_wanted(topic) {
            self.inbox.put(topic, frame);
        }
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, topic: Topic, frame: Bytes) -> Result<(), BusError> {
        let name = self.hearing.names.name(topic);
        let slot = slot(&name);
        if !self.hearing.servers.reaches(slot) {
            self.hearing.keep(topic, frame);
            return Err(unavailable("no connection stands"));
        }
        let queued = self.queue.send_timeout(Parcel { topic, slot, name, frame }, SPEAKING).await;
        queued.map_err(|error| {
            let (SendTimeoutError::Timeout(parcel) | SendTimeoutError::Closed(parcel)) = error;
            self.hearing.keep(parcel.topic, parcel.frame);
            unavailable("the server takes too long")
        })
    }

    async fn subscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        let Hearing { topics: all, names, .. } = &self.hearing;
        let deaf = |topics: &[Topic]| topics.iter().all(|topic| self.hearing.is_deaf(names.slot(*topic)));
        all.hear(topics, deaf).await.map_err(unavailable)
    }

    async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.hearing.topics.unwant(topics);
        Ok(())
    }

    fn deliveries(&self) -> Option<mpsc::Receiver<Delivery>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_up(&self) -> bool {
        self.hearing.servers.is_up()
    }
}

fn unavailable(why: &'static str) -> BusError {
    BusError(Box::new(RedisError::from((redis::ErrorKind::Io, why))))
}
