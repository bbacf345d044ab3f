//! World channels.

use jim_core::model::world::{World, WorldChange};
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Done, found, named};
use super::members::MuteBody;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;

/// A world channel: everybody reads it, and writes while it is open.
#[derive(Object)]
#[oai(rename = "World")]
pub(super) struct WorldObject {
    id: i64,
    /// Its room.
    room: String,
    name: String,
    /// Whether others than administrators may write.
    open: bool,
    /// Seconds that somebody has to wait between two messages; 0 for none.
    slow_mode_seconds: u32,
}

impl From<World> for WorldObject {
    fn from(world: World) -> Self {
        let World { id, room, name, open, slow_mode_seconds } = world;
        WorldObject { id: id.0, room: room.to_string(), name, open, slow_mode_seconds }
    }
}

/// World channels, by id.
#[derive(Object)]
struct WorldList {
    items: Vec<WorldObject>,
    /// Always null: there are few.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// What changes; what is absent stays.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "WorldChange", example)]
struct WorldBody {
    /// Whether others than administrators may write.
    open: Option<bool>,
    /// Seconds between two messages of one person, up to a day; 0 for none.
    slow_mode_seconds: Option<u32>,
}

impl Example for WorldBody {
    fn example() -> Self {
        WorldBody { open: Some(true), slow_mode_seconds: Some(5) }
    }
}

/// The operations of this file.
pub struct WorldsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Worlds")]
impl WorldsApi {
    /// World channels
    ///
    /// Codes: `auth.required`.
    #[oai(path = "/world", method = "get", operation_id = "listWorlds")]
    async fn list(&self, caller: Auth) -> Answer<Json<WorldList>> {
        let (worlds, log) = self.0.jim.worlds().list(caller.0.user).await?;
        found(WorldList { items: worlds.into_iter().map(Into::into).collect(), next: None, log: log.0 })
    }

    /// A world channel
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/world/:id", method = "get", operation_id = "getWorld")]
    async fn get(&self, _caller: Auth, id: Path<String>) -> Answer<Json<WorldObject>> {
        found(self.0.jim.worlds().get(named(&id.0)?).await?)
    }

    /// Open, close or slow a world channel
    ///
    /// For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`.
    #[oai(path = "/world/:id", method = "patch", operation_id = "updateWorld")]
    async fn update(
        &self,
        caller: Auth,
        request: &Request,
        id: Path<String>,
        body: Body<WorldBody>,
    ) -> Answer<Json<WorldObject>> {
        let change = WorldChange { open: body.0.open, slow_mode_seconds: body.0.slow_mode_seconds };
        found(self.0.jim.worlds().change(caller.actor(request), named(&id.0)?, change).await?)
    }

    /// Silence somebody in a world channel
    ///
    /// Until a time, or for good. For administrators, who cannot be silenced themselves: `admin.required` is the answer
    /// for them too.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`.
    #[oai(path = "/world/:id/mutes/:user_id", method = "put", operation_id = "muteInWorld")]
    async fn mute(
        &self,
        caller: Auth,
        request: &Request,
        id: Path<String>,
        user_id: Path<String>,
        body: Body<MuteBody>,
    ) -> Answer<Done> {
        let until = body.0.until()?;
        self.0.jim.worlds().mute(caller.actor(request), named(&id.0)?, named(&user_id.0)?, until).await?;
        Ok(Done::Done)
    }

    /// Let somebody write in a world channel again
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`.
    #[oai(path = "/world/:id/mutes/:user_id", method = "delete", operation_id = "unmuteInWorld")]
    async fn unmute(&self, caller: Auth, request: &Request, id: Path<String>, user_id: Path<String>) -> Answer<Done> {
        self.0.jim.worlds().unmute(caller.actor(request), named(&id.0)?, named(&user_id.0)?).await?;
        Ok(Done::Done)
    }
}
