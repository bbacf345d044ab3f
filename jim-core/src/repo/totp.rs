use async_trait::async_trait;

use super::Res;
use crate::id::UserId;
use crate::secret::{Secret, TokenHash};

/// What an authenticator and the server share, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpRow {
    /// The key as text.
    pub key: Secret,
    /// Whether its owner has shown that an authenticator has it. Until then nothing asks for a code.
    pub confirmed: bool,
    /// The newest step of which a code was used.
    pub last_step: i64,
}

/// Second factors.
#[async_trait]
pub trait TotpRepo: Send {
    /// A person's second factor.
    async fn get(&mut self, user: UserId) -> Res<Option<TotpRow>>;
    /// Gives a person a key that is not confirmed, in place of the one before and its recovery codes.
    async fn set(&mut self, user: UserId, key: &Secret) -> Res<()>;
    /// Confirms a key with a code of a step, and stores its recovery codes; `false` if there is none to confirm.
    async fn confirm(&mut self, user: UserId, step: i64, recovery: &[TokenHash]) -> Res<bool>;
    /// Uses a code of a step. `false` if the key is not confirmed, or a code of that step or a later one was used: of
    /// many at once, one is told `true`.
    async fn take_step(&mut self, user: UserId, step: i64) -> Res<bool>;
    /// Uses a recovery code; `false` if there is none like it. Of many at once, one is told `true`.
    async fn take_recovery(&mut self, user: UserId, hash: &TokenHash) -> Res<bool>;
    /// Removes a second factor with its recovery codes; `false` if there is none.
    async fn remove(&mut self, user: UserId) -> Res<bool>;
}
