//! What I have chosen to be.

use jim_core::model::{All as _, At as _, Status};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, found};
use super::me::MeObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;

/// What friends are to see.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "StatusChange", example)]
struct StatusBody {
    /// `online`, `away`, `dnd` or `invisible`.
    status: String,
}

impl poem_openapi::types::Example for StatusBody {
    fn example() -> Self {
        StatusBody { status: "away".into() }
    }
}

/// The operations of this file.
pub struct StatusesApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Me")]
impl StatusesApi {
    /// Choose what friends see
    ///
    /// It stays until it is chosen anew. Who is `invisible` looks offline in everything. My other devices are told, and
    /// friends if they see a difference. What comes to me does not change by it.
    ///
    /// Codes: `auth.required`.
    #[oai(path = "/me/status", method = "put", operation_id = "setStatus")]
    async fn set(&self, caller: Auth, body: Body<StatusBody>) -> Answer<Json<MeObject>> {
        let (status,) = (Status::parse(&body.0.status).at("status"),).all()?;
        found(self.0.jim.statuses().set(caller.0.user, status).await?)
    }
}
