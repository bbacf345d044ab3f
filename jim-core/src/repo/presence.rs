use std::time::Duration;

use async_trait::async_trait;

use super::Res;
use crate::id::UserId;

/// Which people are connected to any node. Nothing is told for ever: a node says again and again who is connected to
/// it, and what it said ends by itself. Time is that of the storage, so that nodes with clocks of their own agree.
///
/// A node is known by a name that no other node has, and that it has not had before it was started.
#[async_trait]
pub trait PresenceRepo: Send + Sync {
    /// These people are connected to a node; it holds for `ttl` from now, whatever was said before. At most 1,000
    /// people, each once. Returns those who were connected to no node.
    async fn beat(&self, node: &str, users: &[UserId], ttl: Duration) -> Res<Vec<UserId>>;
    /// These people are connected to a node no more. At most 1,000 people, each once. Returns those who were connected
    /// to this node alone.
    async fn leave(&self, node: &str, users: &[UserId]) -> Res<Vec<UserId>>;
    /// Whether each of some people is connected to any node, in the order asked. At most 1,000.
    async fn online(&self, users: &[UserId]) -> Res<Vec<bool>>;
}
