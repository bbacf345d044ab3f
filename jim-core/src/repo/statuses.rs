use async_trait::async_trait;

use super::Res;
use crate::id::UserId;
use crate::model::presence::Status;
use crate::time::Millis;

/// What people let others see of their being there. It is read with the account ([`UserRepo`](super::UserRepo)); of an
/// account that is not there, nothing is kept.
#[async_trait]
pub trait StatusRepo: Send {
    /// Sets what a person has chosen to be.
    async fn set_status(&mut self, user: UserId, status: Status) -> Res<()>;
    /// Says when the line under a person's name ends; `None`: it does not.
    async fn set_text_until(&mut self, user: UserId, until: Option<Millis>) -> Res<()>;
    /// These people could be seen at a time. A later time stands, and so does that of who has chosen to be invisible.
    /// At most 1,000 people, each once.
    async fn set_seen(&mut self, users: &[UserId], at: Millis) -> Res<()>;
    /// Forgets all that is kept of a person's being there.
    async fn forget(&mut self, user: UserId) -> Res<()>;
}
