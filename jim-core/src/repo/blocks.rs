use async_trait::async_trait;

use super::Res;
use crate::id::{Seq, UserId};
use crate::model::block::BlockRow;
use crate::time::Millis;

/// Blocks.
#[async_trait]
pub trait BlockRepo: Send {
    /// The block of one by another.
    async fn get(&mut self, user: UserId, blocked: UserId) -> Res<Option<BlockRow>>;
    /// A person's blocks by id of the blocked, above `after`.
    async fn list(&mut self, user: UserId, after: Option<UserId>, limit: u16) -> Res<Vec<BlockRow>>;
    /// Those of some people who block a person; at most 1,000 are asked for.
    async fn blockers(&mut self, user: UserId, of: &[UserId]) -> Res<Vec<UserId>>;
    /// Blocks; `false` if it stood already.
    async fn add(&mut self, user: UserId, blocked: UserId, at: Millis) -> Res<bool>;
    /// Remembers the number above which the blocked is hidden, once: a later call changes nothing.
    async fn set_cut(&mut self, user: UserId, blocked: UserId, cut: Seq) -> Res<()>;
    /// Unblocks; `false` if there was no block.
    async fn remove(&mut self, user: UserId, blocked: UserId) -> Res<bool>;
}
