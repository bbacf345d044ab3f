//! Buses over a server, whatever it is, and a node at one.

mod every;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jim_core::bus::rabbitmq::{RabbitBus, RabbitOptions};
use jim_core::bus::redis::{RedisBus, RedisOptions};
use jim_core::bus::{Bus, Delivery, Topic};
use jim_core::id::{GroupId, RoomId};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The URL in a variable that `scripts/services` sets.
pub(crate) fn url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: scripts/services run -- COMMAND"))
}

/// A prefix that no other test has.
pub(crate) fn prefix() -> String {
    format!("{}:", jim_core::testkit::servers::name())
}

pub(crate) fn room(n: i64) -> Topic {
    Topic::Room(RoomId::Group(GroupId(n)))
}

pub(crate) fn rooms(count: i64) -> Vec<Topic> {
    (1..=count).map(room).collect()
}

/// A bus by its URL.
pub(crate) async fn open(url: &str, prefix: &str) -> Arc<dyn Bus> {
    open_bounded(url, prefix, RedisOptions::default().inbox_bytes).await
}

/// A bus by its URL, with bytes that may wait for its hub.
async fn open_bounded(url: &str, prefix: &str, inbox_bytes: usize) -> Arc<dyn Bus> {
    let prefix = prefix.to_owned();
    if url.starts_with("amqp") {
        RabbitBus::connect(url, RabbitOptions { prefix, inbox_bytes }).await.unwrap()
    } else {
        RedisBus::connect(url, RedisOptions { prefix, inbox_bytes }).await.unwrap()
    }
}

/// A node's side of a bus.
pub(crate) struct Node {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) deliveries: mpsc::Receiver<Delivery>,
}

impl Node {
    pub(crate) async fn connect(url: &str, prefix: &str) -> Node {
        Node::on(open(url, prefix).await)
    }

    fn on(bus: Arc<dyn Bus>) -> Node {
        let deliveries = bus.deliveries().unwrap();
        Node { bus, deliveries }
    }

    async fn next(&mut self) -> Delivery {
        timeout(DEADLINE, self.deliveries.recv()).await.expect("something is heard in time").unwrap()
    }

    /// The next frame; a gap before it is passed over.
    pub(crate) async fn frame(&mut self) -> (Topic, Bytes) {
        loop {
            if let Delivery::Frame(topic, frame) = self.next().await {
                return (topic, frame);
            }
        }
    }

    /// Waits for a gap; frames before it are passed over.
    pub(crate) async fn gap(&mut self) {
        while !matches!(self.next().await, Delivery::Gap) {}
    }

    /// Publishes until the frame is heard here, as somebody would who tries again.
    pub(crate) async fn heard(&mut self, from: &dyn Bus, topic: Topic) {
        let frame = Bytes::from(prefix());
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            let _ = from.publish(topic, frame.clone()).await;
            let heard = timeout(Duration::from_millis(100), async { while self.frame().await.1 != frame {} }).await;
            if heard.is_ok() {
                return;
            }
        }
        panic!("{topic} is not heard");
    }

    pub(crate) async fn until_up(&self, up: bool) {
        let end = Instant::now() + DEADLINE;
        while self.bus.is_up() != up {
            assert!(Instant::now() < end, "up is not {up}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it is known that nothing can be published or subscribed.
    pub(crate) async fn until_mute(&self) {
        self.until_up(false).await;
        let end = Instant::now() + DEADLINE;
        while self.bus.publish(Topic::Nodes, Bytes::new()).await.is_ok()
            || self.bus.subscribe(&[Topic::Nodes]).await.is_ok()
        {
            assert!(Instant::now() < end, "the bus takes what it cannot bring");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.bus.unsubscribe(&[Topic::Nodes]).await.unwrap();
    }
}
