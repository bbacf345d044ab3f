//! Groups, as administrators run them.

use serde_json::{Value, json};

use super::audit::{Act, Actor, allow, write_down};
use super::group_lock::{Concerned, lock, lock_with};
use super::joining::active;
use super::{Context, groups};
use crate::error::{Code, Result};
use crate::id::{GroupId, UserId};
use crate::model::group::GroupRow;
use crate::page::{Cursors, Page};
use crate::repo::Unit;

/// Groups, as administrators run them.
#[derive(Clone)]
pub struct AdminGroups {
    context: Context,
}

impl AdminGroups {
    pub(super) fn new(context: Context) -> Self {
        AdminGroups { context }
    }

    /// Groups that have not ended and whose name holds a text, by id.
    pub async fn list(&self, actor: &Actor, text: &str, cursor: Option<&str>, limit: u16) -> Result<Page<GroupRow>> {
        let text = text.trim();
        let cursors = Cursors::new(&self.context.key, format!("admin-groups:{}:{text}", actor.id()));
        let mut unit = self.context.read().await?;
        allow(&mut unit, actor).await?;
        let after = cursors.read(cursor)?;
        let rows = unit.groups().search(text, after, limit + 1).await?;
        let log = unit.user_log().head(actor.id()).await?;
        Ok(cursors.page(rows, limit, log, |row| row.id.to_string()))
    }

    /// Ends a group for everybody; nothing happens where it has ended.
    pub async fn dissolve(&self, actor: &Actor, id: GroupId) -> Result<()> {
        let mut unit = lock_with(&self.context, &[], id, Concerned::Waiting).await?.0;
        allow(&mut unit, actor).await?;
        let row = unit.groups().get(id).await?.ok_or(Code::NotFound)?;
        if row.dissolved_at.is_some() {
            return Ok(());
        }
        let before = json!({ "owner_id": row.owner, "member_count": row.member_count });
        let now = self.context.now();
        groups::end(&mut unit, row, actor.id(), now).await?;
        write_down(&mut unit, actor, act("group.dissolved", id, before, Value::Null), now).await?;
        self.context.logs.finish(unit).await
    }

    /// Gives a group to another of its members; the old owner stays as an ordinary one.
    pub async fn transfer(&self, actor: &Actor, id: GroupId, to: UserId) -> Result<GroupRow> {
        let mut unit = lock(&self.context, &[], id).await?;
        allow(&mut unit, actor).await?;
        let mut row = living(&mut unit, id).await?;
        let heir = unit.members().get(id, to).await?.ok_or(Code::NotMember)?;
        if row.owner != to {
            active(&mut unit, to).await?;
            let (now, before) = (self.context.now(), json!({ "owner_id": row.owner }));
            groups::hand_over(&mut unit, &mut row, heir, actor.id(), now).await?;
            let act = act("group.transferred", id, before, json!({ "owner_id": to }));
            write_down(&mut unit, actor, act, now).await?;
        }
        self.context.logs.finish(unit).await?;
        Ok(row)
    }
}

async fn living(unit: &mut Unit, id: GroupId) -> Result<GroupRow> {
    let row = unit.groups().get(id).await?.ok_or(Code::NotFound)?;
    if row.dissolved_at.is_some() { Err(Code::GroupDissolved.into()) } else { Ok(row) }
}

fn act(action: &'static str, group: GroupId, before: Value, after: Value) -> Act {
    Act { action, target: format!("group/{group}"), before, after }
}
