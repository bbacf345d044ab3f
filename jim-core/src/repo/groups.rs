use async_trait::async_trait;

use super::Res;
use crate::id::{GroupId, UserId};
use crate::model::group::GroupRow;

/// Groups. A group that ended stays, so that its id is never used again.
#[async_trait]
pub trait GroupRepo: Send {
    /// Adds a group without members and gives it an id; the row's own id and count do not matter.
    async fn add(&mut self, group: &GroupRow) -> Res<GroupId>;
    /// One group, ended ones too.
    async fn get(&mut self, id: GroupId) -> Res<Option<GroupRow>>;
    /// Replaces all of a group but its count of members.
    async fn set(&mut self, group: &GroupRow) -> Res<()>;
    /// Those of these groups that exist, ended ones too, by id.
    async fn list_by_id(&mut self, ids: &[GroupId]) -> Res<Vec<GroupRow>>;
    /// Groups of a person that have not ended, by id.
    async fn list(&mut self, user: UserId, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>>;
    /// How many these are.
    async fn count(&mut self, user: UserId) -> Res<u32>;
    /// Groups of all people that have not ended and whose name holds a text, taken literally, by id.
    async fn search(&mut self, text: &str, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>>;
}
