//! The bus carries frames between nodes. It may lose them, double them and reorder them: the logs heal that.

mod local;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::id::{RoomId, UserId};

pub use local::LocalBus;

/// Who should hear a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The sockets of one person.
    User(UserId),
    /// The sockets of everybody in a room.
    Room(RoomId),
}

/// What the bus brings.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A frame.
    Frame(Topic, Bytes),
    /// Frames may have been lost; every log must be compared with its head.
    Gap,
}

/// The bus is out of reach.
#[derive(Debug, thiserror::Error)]
#[error("the bus is unavailable")]
pub struct BusError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Carries frames between nodes.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Hands a frame to every node that subscribes to the topic.
    async fn publish(&self, topic: Topic, frame: Bytes) -> Result<(), BusError>;
    /// Whether anybody may hear a topic; `false` only when it is certain that nobody does, and a frame would be made
    /// for nothing.
    fn is_heard(&self, _topic: Topic) -> bool {
        true
    }
    /// Begins to hear topics; returns when that is certain. Twice is as once.
    async fn subscribe(&self, topics: &[Topic]) -> Result<(), BusError>;
    /// Stops to hear topics.
    async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), BusError>;
    /// What this node hears; `None` on the second call.
    fn deliveries(&self) -> Option<mpsc::Receiver<Delivery>>;
}
