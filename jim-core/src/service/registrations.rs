//! Who may register: what an administrator said last, or what the host decided.

use super::Context;
use super::audit::{Act, Actor, allow, write_down};
use crate::error::{Error, Result};
use crate::id::WorldId;
use crate::model::Registration;
use crate::repo::{Lock, Unit};

/// Where it is kept.
const KEY: &str = "registration";

/// Who may register.
#[derive(Clone)]
pub struct Registrations {
    context: Context,
}

impl Registrations {
    pub(super) fn new(context: Context) -> Self {
        Registrations { context }
    }

    /// What is set; for administrators.
    pub async fn get(&self, actor: &Actor) -> Result<Registration> {
        let mut unit = self.context.read().await?;
        allow(&mut unit, actor).await?;
        read(&self.context, &mut unit).await
    }

    /// Sets it from now on, over restarts and whatever the host decided; for administrators.
    pub async fn set(&self, actor: &Actor, wanted: Registration) -> Result<Registration> {
        // One turn for what is the whole server's: the audit log says what was before.
        let mut unit = self.context.logs.store.write(&[Lock::World(WorldId::FIRST)]).await?;
        allow(&mut unit, actor).await?;
        let before = read(&self.context, &mut unit).await?;
        if before != wanted {
            unit.settings().set(KEY, &json(wanted)?.to_string()).await?;
            let act =
                Act { action: "registration.changed", target: KEY.into(), before: json(before)?, after: json(wanted)? };
            write_down(&mut unit, actor, act, self.context.now()).await?;
            self.context.logs.finish(unit).await?;
        }
        Ok(wanted)
    }

    /// Whether people may register by themselves now.
    pub async fn is_open(&self) -> Result<bool> {
        let mut unit = self.context.read().await?;
        Ok(read(&self.context, &mut unit).await?.is_open(self.context.now()))
    }
}

fn json(registration: Registration) -> Result<serde_json::Value> {
    serde_json::to_value(registration).map_err(|error| Error::Internal(error.into()))
}

pub(super) async fn read(context: &Context, unit: &mut Unit) -> Result<Registration> {
    match unit.settings().get(KEY).await? {
        Some(text) => serde_json::from_str(&text).map_err(|error| Error::Internal(error.into())),
        None => Ok(context.options.registration),
    }
}
