//! The bus over RabbitMQ: one exchange for a system, one queue for each of its nodes, one binding for each topic that a
//! node hears.

mod error;
mod session;
mod target;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use lapin::types::ShortString;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio_util::task::AbortOnDropHandle;

use super::remote::{AHEAD, Health, Inbox, QUEUE, SPEAKING, Topics};
use super::{Bus, BusError, Delivery, Topic};
use target::Target;

pub use error::RabbitConnectError;

/// How the bus uses a RabbitMQ.
#[derive(Debug, Clone)]
pub struct RabbitOptions {
    /// What the exchange's name begins with, at most 250 bytes. Systems that share a virtual host differ in it.
    pub prefix: String,
    /// Bytes of frames that may wait for a hub that is slow, and as many again on the server for a node that is slow.
    /// Beyond them frames are dropped, and the hub is told of the gap.
    pub inbox_bytes: usize,
}

impl Default for RabbitOptions {
    fn default() -> Self {
        RabbitOptions { prefix: "jim:".into(), inbox_bytes: 64 << 20 }
    }
}

/// What can fail by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The connections stand, and what is wanted is heard.
    Connection,
    /// The server takes frames. It takes none while it is short of memory or disk.
    Publishing,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Connection => "the connection",
            Part::Publishing => "publishing",
        })
    }
}

struct Parcel {
    topic: Topic,
    frame: Bytes,
}

/// What the bus and its task share.
struct Shared {
    target: Target,
    exchange: ShortString,
    /// Bytes that may wait in the node's queue on the server.
    queue_bytes: usize,
    health: Health<Part>,
    topics: Topics,
    inbox: Inbox,
}

impl Shared {
    /// A frame that does not come back from the server is heard here all the same.
    fn keep(&self, parcel: Parcel) {
        if self.topics.is_wanted(parcel.topic) {
            self.inbox.put(parcel.topic, parcel.frame);
        }
    }
}

/// The bus over RabbitMQ.
///
/// `publish` promises that a frame is on its way, in the order of calls for each topic; it is not yet at the server,
/// which neither confirms nor stores it. What cannot be published reaches the listeners of this node all the same;
/// those of other nodes miss it until they compare heads. While the server is known to be out of reach, `publish` fails
/// at once, and `subscribe` too; what was to be subscribed is subscribed when the server is back, and a gap is told
/// then.
pub struct RabbitBus {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Parcel>,
    deliveries: Mutex<Option<mpsc::Receiver<Delivery>>>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl RabbitBus {
    /// Connects to `amqp://[user:password@]host[:port][/vhost]`, or the same with `amqps` for TLS. The user must be
    /// allowed to configure, write and read the exchange and queues that the server names (`amq.gen-…`). To be called
    /// in a tokio runtime, on which the bus lives until it is dropped.
    pub async fn connect(url: &str, options: RabbitOptions) -> Result<Arc<Self>, RabbitConnectError> {
        let target = Target::parse(url)?;
        let exchange = ShortString::try_new(format!("{}bus", options.prefix));
        let exchange = exchange.map_err(|error| RabbitConnectError::Misfit {
            at: target.at(),
            why: format!("takes no prefix that is this long: {error}"),
        })?;
        let (inbox, waiting) = Inbox::new(options.inbox_bytes);
        let shared = Arc::new(Shared {
            target,
            exchange,
            queue_bytes: options.inbox_bytes,
            health: Health::new("the bus"),
            topics: Topics::default(),
            inbox,
        });
        let session = shared.open().await?;
        let (queue, parcels) = mpsc::channel(QUEUE);
        let (hub, deliveries) = mpsc::channel(AHEAD);
        let (running, draining) = (shared.clone(), shared.clone());
        let tasks = [
            tokio::spawn(async move { running.run(session, parcels).await }),
            tokio::spawn(async move { draining.inbox.drain(waiting, hub).await }),
        ];
        let deliveries = Mutex::new(Some(deliveries));
        Ok(Arc::new(RabbitBus { shared, queue, deliveries, _tasks: tasks.map(AbortOnDropHandle::new) }))
    }
}

#[async_trait]
impl Bus for RabbitBus {
    async fn publish(&self, topic: Topic, frame: Bytes) -> Result<(), BusError> {
        let parcel = Parcel { topic, frame };
        if !self.shared.health.is_up() {
            self.shared.keep(parcel);
            return Err(unavailable("no connection takes frames"));
        }
        self.queue.send_timeout(parcel, SPEAKING).await.map_err(|error| {
            let (SendTimeoutError::Timeout(parcel) | SendTimeoutError::Closed(parcel)) = error;
            self.shared.keep(parcel);
            unavailable("the server takes too long")
        })
    }

    async fn subscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        let Shared { topics: all, health, .. } = &*self.shared;
        all.hear(topics, |_| health.is_down(&Part::Connection)).await.map_err(unavailable)
    }

    async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.shared.topics.unwant(topics);
        Ok(())
    }

    fn deliveries(&self) -> Option<mpsc::Receiver<Delivery>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_up(&self) -> bool {
        self.shared.health.is_up()
    }
}

fn unavailable(why: &'static str) -> BusError {
    BusError(Box::new(io::Error::new(io::ErrorKind::NotConnected, why)))
}
