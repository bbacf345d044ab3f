//! Who may register.

use jim_core::Error;
use jim_core::model::Registration;
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, found};
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;

/// Who may register by themselves.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "RegistrationRule", example, skip_serializing_if_is_none)]
struct RegistrationObject {
    /// `open`, `closed` or `window`.
    mode: String,
    /// Hours of each day in UTC, such as `08:00-18:00` or `22:00-06:00`; with the mode `window` only.
    window: Option<String>,
}

impl Example for RegistrationObject {
    fn example() -> Self {
        RegistrationObject { mode: "window".into(), window: Some("08:00-18:00".into()) }
    }
}

impl From<Registration> for RegistrationObject {
    fn from(registration: Registration) -> Self {
        let window = registration.window().map(|hours| hours.to_string());
        RegistrationObject { mode: registration.mode().into(), window }
    }
}

/// The operations of this file.
pub struct RegistrationApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Administration")]
impl RegistrationApi {
    /// Who may register
    ///
    /// For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`.
    #[oai(path = "/admin/registration", method = "get", operation_id = "getRegistration")]
    async fn get(&self, caller: Auth, request: &Request) -> Answer<Json<RegistrationObject>> {
        found(self.0.jim.registrations().get(&caller.actor(request)).await?)
    }

    /// Open or close registration
    ///
    /// From now on and over restarts, whatever the configuration says. For administrators, who can make accounts while it
    /// is closed.
    ///
    /// Codes: `auth.required`, `admin.required`.
    #[oai(path = "/admin/registration", method = "put", operation_id = "setRegistration")]
    async fn set(
        &self,
        caller: Auth,
        request: &Request,
        body: Body<RegistrationObject>,
    ) -> Answer<Json<RegistrationObject>> {
        let wanted = Registration::parse(&body.0.mode, body.0.window.as_deref());
        let wanted = wanted.map_err(|(field, broken)| Error::field(field, broken.code, broken.detail))?;
        found(self.0.jim.registrations().set(&caller.actor(request), wanted).await?)
    }
}
