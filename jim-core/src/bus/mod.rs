//! The bus carries frames between nodes. It may lose them, double them and reorder them: the logs heal that.

mod local;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "rabbitmq", feature = "redis"))]
mod remote;

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::id::{NotAnId, RoomId, UserId};

pub use local::LocalBus;

/// Who should hear a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The sockets of one person.
    User(UserId),
    /// The sockets of everybody in a room.
    Room(RoomId),
    /// The nodes themselves.
    Nodes,
}

impl fmt::Display for Topic {
    /// The name on the bus: `user:3`, `room:g:42`, `nodes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::User(user) => write!(f, "user:{user}"),
            Topic::Room(room) => write!(f, "room:{room}"),
            Topic::Nodes => f.write_str("nodes"),
        }
    }
}

impl FromStr for Topic {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match text.split_once(':') {
            Some(("user", user)) => user.parse().map(Topic::User),
            Some(("room", room)) => room.parse().map(Topic::Room),
            None if text == "nodes" => Ok(Topic::Nodes),
            _ => Err(NotAnId),
        }
    }
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
    /// Hands a frame to every node that subscribes to the topic. It may still be on its way when this returns; frames
    /// of one topic leave in the order of the calls. Never waits longer than a second for a bus that is in trouble.
    async fn publish(&self, topic: Topic, frame: Bytes) -> Result<(), BusError>;
    /// Whether there may be other nodes at it.
    fn is_shared(&self) -> bool {
        true
    }
    /// Whether anybody may hear a topic; `false` only when it is certain that nobody does, and a frame would be made
    /// for nothing.
    fn is_heard(&self, _topic: Topic) -> bool {
        true
    }
    /// Begins to hear topics; returns when that is certain. Twice is as once. An error says that it is not certain yet:
    /// the topics stay wanted, and a [`Delivery::Gap`] comes when they are heard at last.
    async fn subscribe(&self, topics: &[Topic]) -> Result<(), BusError>;
    /// Stops to hear topics.
    async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), BusError>;
    /// What this node hears; `None` on the second call.
    fn deliveries(&self) -> Option<mpsc::Receiver<Delivery>>;
    /// Whether the bus stands, as far as is known.
    fn is_up(&self) -> bool {
        true
    }
}
