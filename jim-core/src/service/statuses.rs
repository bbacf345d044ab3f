//! What people have chosen to be: there, away, not to be disturbed, not to be seen.

use super::{Context, event, users};
use crate::error::{Code, Result};
use crate::id::UserId;
use crate::model::{Kind, Me, Status};

/// What people have chosen to be.
#[derive(Clone)]
pub struct Statuses {
    context: Context,
}

/// What one's other devices are told.
#[derive(serde::Serialize)]
struct Chosen {
    status: Status,
}

impl Statuses {
    pub(crate) fn new(context: Context) -> Self {
        Statuses { context }
    }

    /// Chooses what friends see; it stays until it is chosen anew. Nothing else changes: who is not to be disturbed gets
    /// every frame.
    pub async fn set(&self, who: UserId, status: Status) -> Result<Me> {
        let connected = self.context.hub.is_connected(who).await;
        let mut unit = self.context.write(&[who]).await?;
        let mut user = unit.users().get(who).await?.ok_or(Code::NotFound)?;
        let now = self.context.now();
        let before = std::mem::replace(&mut user.standing.status, status);
        let me = users::me(&mut unit, user, now).await?;
        if before != status {
            // Who vanishes was last seen now, and who was not seen did not come and go.
            if before != Status::Invisible && connected {
                unit.statuses().set_seen(&[who], now).await?;
            }
            unit.statuses().set_status(who, status).await?;
            unit.tell(who, event(Kind::STATUS_CHANGED, &Chosen { status })?, now).await?;
            self.context.logs.finish(unit).await?;
            self.context.hub.show_soon(who, connected, status == Status::Invisible).await;
        }
        Ok(me)
    }
}
