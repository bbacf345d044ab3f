use async_trait::async_trait;

use super::Res;
use crate::model::Email;
use crate::model::code::Purpose;
use crate::secret::TokenHash;
use crate::time::Millis;

/// A code that was sent, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRow {
    /// What it is good for.
    pub purpose: Purpose,
    /// Of whom, in a form that each purpose has for itself.
    pub subject: String,
    /// Its hash.
    pub hash: TokenHash,
    /// The address that it shows to be one's own.
    pub email: Option<Email>,
    /// Until when it is good.
    pub until: Millis,
}

/// Codes that were sent.
#[async_trait]
pub trait CodeRepo: Send {
    /// Stores a code that nobody has guessed at, in place of the one before of its purpose and subject.
    async fn set(&mut self, code: &CodeRow) -> Res<()>;
    /// Counts a guess and returns the code that it is to be held against; `None` if there is none whose time lasts, or
    /// as many as `tries` were counted before. Of many who guess at once, no more than that get it.
    async fn guess(&mut self, purpose: Purpose, subject: &str, now: Millis, tries: u16) -> Res<Option<CodeRow>>;
    /// Removes a code; `false` if there is none. Of many at once, one is told that it was he.
    async fn remove(&mut self, purpose: Purpose, subject: &str) -> Res<bool>;
    /// Removes those whose time is over.
    async fn forget_before(&mut self, now: Millis) -> Res<()>;
}
