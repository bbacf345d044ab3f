//! The Redis side against real servers: those of `scripts/services`, and own ones where a server is killed or moved.

mod bus;
mod cluster;
mod nodes;
mod outage;
mod sentinel;
mod server;
mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jim_core::bus::redis::{RedisBus, RedisOptions};
use jim_core::bus::{Bus, Delivery, Topic};
use jim_core::id::{GroupId, RoomId};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const DEADLINE: Duration = Duration::from_secs(20);

/// The URL in a variable that `scripts/services` sets.
pub(crate) fn url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: scripts/services run -- COMMAND"))
}

/// A prefix that no other test has.
pub(crate) fn prefix() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}:", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

fn room(n: i64) -> Topic {
    Topic::Room(RoomId::Group(GroupId(n)))
}

fn rooms(count: i64) -> Vec<Topic> {
    (1..=count).map(room).collect()
}

/// A node's side of a bus.
struct Node {
    bus: Arc<RedisBus>,
    deliveries: mpsc::Receiver<Delivery>,
}

impl Node {
    async fn bus(url: &str, prefix: &str) -> Arc<RedisBus> {
        RedisBus::connect(url, RedisOptions { prefix: prefix.into(), ..RedisOptions::default() }).await.unwrap()
    }

    async fn connect(url: &str, prefix: &str) -> Node {
        Node::with(url, RedisOptions { prefix: prefix.into(), ..RedisOptions::default() }).await
    }

    async fn with(url: &str, options: RedisOptions) -> Node {
        let bus = RedisBus::connect(url, options).await.unwrap();
        let deliveries = bus.deliveries().unwrap();
        Node { bus, deliveries }
    }

    async fn next(&mut self) -> Delivery {
        timeout(DEADLINE, self.deliveries.recv()).await.expect("something is heard in time").unwrap()
    }

    /// The next frame; a gap before it is passed over.
    async fn frame(&mut self) -> (Topic, Bytes) {
        loop {
            if let Delivery::Frame(topic, frame) = self.next().await {
                return (topic, frame);
            }
        }
    }

    /// Waits for a gap; frames before it are passed over.
    async fn gap(&mut self) {
        while !matches!(self.next().await, Delivery::Gap) {}
    }

    /// Publishes until the frame is heard here, as somebody would who tries again.
    async fn heard(&mut self, from: &RedisBus, topic: Topic) {
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

    async fn until_up(&self, up: bool) {
        let end = Instant::now() + DEADLINE;
        while self.bus.is_up() != up {
            assert!(Instant::now() < end, "up is not {up}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it is known that nothing can be published or subscribed.
    async fn until_mute(&self) {
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
