use async_trait::async_trait;

use super::Res;
use crate::id::UserId;
use crate::model::Email;
use crate::time::Millis;

/// Addresses that people have shown to be theirs.
#[async_trait]
pub trait EmailRepo: Send {
    /// A person's address.
    async fn get(&mut self, user: UserId) -> Res<Option<Email>>;
    /// Whose address this is, by its folded form.
    async fn find_by_address(&mut self, email: &Email) -> Res<Option<UserId>>;
    /// Gives a person an address in place of the one before. `Conflict` if it is another's; nothing is changed then.
    async fn set(&mut self, user: UserId, email: &Email, at: Millis) -> Res<()>;
    /// Takes a person's address away; `false` if there is none.
    async fn remove(&mut self, user: UserId) -> Res<bool>;
}
