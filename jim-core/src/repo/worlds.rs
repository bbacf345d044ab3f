use async_trait::async_trait;

use super::Res;
use crate::id::{UserId, WorldId};
use crate::model::ClientRef;
use crate::model::world::WorldRow;
use crate::time::Millis;

/// World channels. The first, `w:1`, is always there.
#[async_trait]
pub trait WorldRepo: Send {
    /// One of them.
    async fn get(&mut self, id: WorldId) -> Res<Option<WorldRow>>;
    /// All of them by id.
    async fn list(&mut self) -> Res<Vec<WorldRow>>;
    /// Replaces all of one but its id; without effect if it is not there.
    async fn set(&mut self, world: &WorldRow) -> Res<()>;
    /// Until when somebody may not write there.
    async fn muted_until(&mut self, id: WorldId, user: UserId) -> Res<Option<Millis>>;
    /// Silences somebody until a time, or lets him write again.
    async fn set_muted(&mut self, id: WorldId, user: UserId, until: Option<Millis>) -> Res<()>;
    /// Notes that somebody writes a message now, unless he wrote another one at or after `since`: then says when that
    /// was. One statement decides, so of two at once one is refused.
    async fn take_turn(
        &mut self,
        id: WorldId,
        user: UserId,
        message: &ClientRef,
        now: Millis,
        since: Millis,
    ) -> Res<Option<Millis>>;
    /// Forgets everybody's turn in one of them.
    async fn forget_turns(&mut self, id: WorldId) -> Res<()>;
}
