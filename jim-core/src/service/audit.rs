//! Who runs the server and acts, and the log of it: one row for each act, in the unit of the act.

use std::net::IpAddr;

use serde_json::Value;

use super::Context;
use crate::error::{Code, Result};
use crate::id::{AuditId, UserId};
use crate::model::audit::{AuditFilter, AuditRow};
use crate::page::{Cursors, Page};
use crate::repo::Unit;
use crate::time::Millis;

/// Who acts, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    user: Option<UserId>,
    ip: Option<IpAddr>,
}

impl Actor {
    /// Whoever has the command line; he may do everything.
    pub const SYSTEM: Actor = Actor { user: None, ip: None };

    /// A person who calls from an address.
    #[must_use]
    pub fn new(user: UserId, ip: IpAddr) -> Self {
        Actor { user: Some(user), ip: Some(ip) }
    }

    /// By which name logs know him.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.user.unwrap_or(UserId::SYSTEM)
    }

    /// Those among the actor and somebody whom a unit can lock.
    pub(super) fn and(&self, other: UserId) -> Vec<UserId> {
        self.user.into_iter().chain([other]).collect()
    }
}

impl From<UserId> for Actor {
    fn from(user: UserId) -> Self {
        Actor { user: Some(user), ip: None }
    }
}

/// Refuses whoever does not run the server.
pub(super) async fn allow(unit: &mut Unit, actor: &Actor) -> Result<()> {
    let Some(user) = actor.user else { return Ok(()) };
    let user = unit.users().get(user).await?;
    if user.is_some_and(|user| user.is_admin()) { Ok(()) } else { Err(Code::AdminRequired.into()) }
}

/// What is written down of an act.
pub(super) struct Act {
    /// Such as `user.disabled`.
    pub(super) action: &'static str,
    /// Such as `user/3`.
    pub(super) target: String,
    /// What was changed, as it was; null for nothing.
    pub(super) before: Value,
    /// The same, as it is then.
    pub(super) after: Value,
}

/// Writes an act down in its own unit.
pub(super) async fn write_down(unit: &mut Unit, actor: &Actor, act: Act, at: Millis) -> Result<()> {
    let some = |value: Value| Some(value).filter(|value| !value.is_null());
    let row = AuditRow {
        id: AuditId(0),
        at,
        by: actor.user,
        action: act.action.into(),
        target: act.target,
        ip: actor.ip.map(|ip| ip.to_string()),
        before: some(act.before),
        after: some(act.after),
    };
    unit.audit().add(&row).await?;
    Ok(())
}

/// The audit log.
#[derive(Clone)]
pub struct Audit {
    context: Context,
}

impl Audit {
    pub(super) fn new(context: Context) -> Self {
        Audit { context }
    }

    /// What was done, newest first; for administrators.
    pub async fn list(
        &self,
        actor: &Actor,
        filter: &AuditFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<AuditRow>> {
        let AuditFilter { by, action, target } = filter;
        let cursors = Cursors::new(&self.context.key, format!("audit:{}:{by:?}:{action:?}:{target:?}", actor.id()));
        let mut unit = self.context.read().await?;
        allow(&mut unit, actor).await?;
        let before = cursors.read(cursor)?;
        let rows = unit.audit().list(filter, before, limit + 1).await?;
        let log = unit.user_log().head(actor.id()).await?;
        Ok(cursors.page(rows, limit, log, |row| row.id.to_string()))
    }
}
