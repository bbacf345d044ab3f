use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::RawValue;

use super::Res;
use super::room_log::Slice;
use crate::id::{Seq, UserId};
use crate::model::entry::{Kind, UserEntry};
use crate::time::Millis;

/// What an account is told.
#[derive(Debug, Clone)]
pub struct UserEvent {
    /// What happened.
    pub kind: Kind,
    /// What the list would show, as JSON.
    pub body: Arc<RawValue>,
}

/// The numbered log of each account.
#[async_trait]
pub trait UserLogRepo: Send {
    /// Appends with the next number.
    async fn append(&mut self, user: UserId, event: &UserEvent, at: Millis) -> Res<UserEntry>;
    /// Entries in ascending order.
    async fn read(&mut self, user: UserId, slice: Slice<'_>, limit: u16) -> Res<Vec<UserEntry>>;
    /// Number of the last entry; zero if there is none.
    async fn head(&mut self, user: UserId) -> Res<Seq>;
    /// The same for up to 1,000 accounts, in the order asked.
    async fn heads(&mut self, users: &[UserId]) -> Res<Vec<Seq>>;
    /// Removes all entries of an account that is gone; the next one would be number 1.
    async fn clear(&mut self, user: UserId) -> Res<()>;
}
