//! World channels: everybody reads them, and writes while they are open. Administrators moderate them.

use serde_json::{Value, json};

use super::audit::{Act, Actor, write_down};
use super::members::Muted;
use super::room_rights::is_admin;
use super::rooms::note;
use super::{Context, permission};
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, Seq, UserId, WorldId};
use crate::model::Kind;
use crate::model::group::FOREVER;
use crate::model::world::{SLOWEST, World, WorldChange, WorldRow};
use crate::repo::{Lock, Unit};
use crate::time::Millis;

/// World channels.
#[derive(Clone)]
pub struct Worlds {
    context: Context,
}

impl Worlds {
    pub(super) fn new(context: Context) -> Self {
        Worlds { context }
    }

    /// All of them. Also says which number of the caller's own log this includes.
    pub async fn list(&self, who: UserId) -> Result<(Vec<World>, Seq)> {
        let mut unit = self.context.read().await?;
        let worlds = unit.worlds().list().await?.into_iter().map(Into::into).collect();
        Ok((worlds, unit.user_log().head(who).await?))
    }

    /// One of them.
    pub async fn get(&self, id: WorldId) -> Result<World> {
        let row = self.context.read().await?.worlds().get(id).await?;
        Ok(row.ok_or(Code::NotFound)?.into())
    }

    /// Opens or closes a world channel, or makes it slow; for administrators.
    pub async fn change(&self, actor: impl Into<Actor>, id: WorldId, change: WorldChange) -> Result<World> {
        let actor = &actor.into();
        let who = actor.id();
        if change.slow_mode_seconds.is_some_and(|seconds| seconds > SLOWEST) {
            return Err(Error::field("slow_mode_seconds", "out_of_range", format!("0 to {SLOWEST}")));
        }
        let mut unit = self.moderate(who, id).await?;
        let now = self.context.now();
        let mut row = unit.worlds().get(id).await?.ok_or(Code::NotFound)?;
        let before = row.clone();
        if let Some(open) = change.open.filter(|open| *open != row.open) {
            row.open = open;
            let kind = if open { Kind::WORLD_OPENED } else { Kind::WORLD_CLOSED };
            note(&mut unit, &RoomId::World(id), kind, who, &json!({ "open": open }), now).await?;
        }
        if let Some(seconds) = change.slow_mode_seconds.filter(|seconds| *seconds != row.slow_mode_seconds) {
            row.slow_mode_seconds = seconds;
            if seconds == 0 {
                unit.worlds().forget_turns(id).await?;
            }
            note(&mut unit, &RoomId::World(id), Kind::WORLD_SLOWED, who, &json!({ "slow_mode_seconds": seconds }), now)
                .await?;
        }
        unit.worlds().set(&row).await?;
        if row != before {
            let act = act("world.changed", format!("world/{id}"), switches(&before), switches(&row));
            write_down(&mut unit, actor, act, now).await?;
        }
        self.context.logs.finish(unit).await?;
        Ok(row.into())
    }

    /// Silences somebody until a time, or for good; for administrators, who cannot be silenced themselves.
    pub async fn mute(&self, actor: impl Into<Actor>, id: WorldId, user: UserId, until: Option<Millis>) -> Result<()> {
        let actor = &actor.into();
        let who = actor.id();
        let now = self.context.now();
        if until.is_some_and(|until| until <= now) {
            return Err(Error::field("until", "past", "a time to come"));
        }
        let mut unit = self.moderate(who, id).await?;
        unit.users().get(user).await?.ok_or(Code::NotFound)?;
        if is_admin(&mut unit, user).await? {
            return Err(Code::AdminRequired.into());
        }
        let old = unit.worlds().muted_until(id, user).await?.filter(|until| *until > now);
        if old != Some(until.unwrap_or(FOREVER)) {
            unit.worlds().set_muted(id, user, Some(until.unwrap_or(FOREVER))).await?;
            let data = Muted::until(user, until);
            note(&mut unit, &RoomId::World(id), Kind::MEMBER_MUTED, who, &data, now).await?;
            let act =
                act("world.muted", format!("user/{user}"), mute(id, old), mute(id, Some(until.unwrap_or(FOREVER))));
            write_down(&mut unit, actor, act, now).await?;
        }
        self.context.logs.finish(unit).await
    }

    /// Lets somebody write again; for administrators.
    pub async fn unmute(&self, actor: impl Into<Actor>, id: WorldId, user: UserId) -> Result<()> {
        let actor = &actor.into();
        let who = actor.id();
        let now = self.context.now();
        let mut unit = self.moderate(who, id).await?;
        if let Some(until) = unit.worlds().muted_until(id, user).await?.filter(|until| *until > now) {
            note(&mut unit, &RoomId::World(id), Kind::MEMBER_UNMUTED, who, &json!({ "user_id": user }), now).await?;
            let act = act("world.unmuted", format!("user/{user}"), mute(id, Some(until)), Value::Null);
            write_down(&mut unit, actor, act, now).await?;
        }
        unit.worlds().set_muted(id, user, None).await?;
        self.context.logs.finish(unit).await
    }

    /// A unit that locks a world channel, for an administrator.
    async fn moderate(&self, who: UserId, id: WorldId) -> Result<Unit> {
        let mut unit = self.context.logs.store.write(&[Lock::World(id)]).await?;
        unit.worlds().get(id).await?.ok_or(Code::NotFound)?;
        permission::world_act(is_admin(&mut unit, who).await?)?;
        Ok(unit)
    }
}

fn act(action: &'static str, target: String, before: Value, after: Value) -> Act {
    Act { action, target, before, after }
}

fn switches(row: &WorldRow) -> Value {
    json!({ "open": row.open, "slow_mode_seconds": row.slow_mode_seconds })
}

/// A mute, for the audit log; nothing where there is none.
fn mute(world: WorldId, until: Option<Millis>) -> Value {
    match until {
        None => Value::Null,
        Some(FOREVER) => json!({ "world_id": world }),
        Some(until) => json!({ "world_id": world, "until": until }),
    }
}
