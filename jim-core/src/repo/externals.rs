use async_trait::async_trait;

use super::Res;
use crate::id::UserId;

/// Which account stands for whom in the host's own books.
#[async_trait]
pub trait ExternalRepo: Send {
    /// The account of somebody by the host's id, compared by its bytes.
    async fn find(&mut self, external: &str) -> Res<Option<UserId>>;
    /// Binds an account to the host's id; `false` if another one is bound to it.
    async fn add(&mut self, external: &str, user: UserId) -> Res<bool>;
    /// Forgets whom an account stands for.
    async fn remove(&mut self, user: UserId) -> Res<()>;
}
