use async_trait::async_trait;

use super::Res;
use crate::time::Millis;

/// What is good once and was used, kept until its time is over.
#[async_trait]
pub trait SpentRepo: Send {
    /// Spends a thing by its hash: of many who do, exactly one is told `true`.
    async fn spend(&mut self, hash: &str, until: Millis) -> Res<bool>;
    /// Forgets what was good until `now` or less.
    async fn forget_before(&mut self, now: Millis) -> Res<()>;
}
