//! Log-in of the host's own users.

use jim_core::model::session::{Device, Source};
use jim_core::model::{All as _, At as _};
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, found, ip};
use super::auth::LoggedIn;
use super::{Api, Shared, Tag};
use crate::app::BASE;
use crate::body::Body;

/// Who comes from the host.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "External", example)]
struct ExternalBody {
    /// A JSON web token of the host's, with `sub`, `exp` and `aud: jim`.
    token: String,
    /// The name of this device, 1 to 64 characters.
    device: Option<String>,
}

impl poem_openapi::types::Example for ExternalBody {
    fn example() -> Self {
        ExternalBody { token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl".into(), device: None }
    }
}

/// The operations of this file.
pub struct ExternalsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Auth")]
impl ExternalsApi {
    /// Log in from the host
    ///
    /// The host's own users log in by a token that it signs. Who comes for the first time gets an account. On a server
    /// without keys of a host there is no such thing.
    ///
    /// Codes: `auth.invalid_token`, `auth.account_disabled`, `resource.not_found`, `rate.limited`.
    #[oai(path = "/auth/external", method = "post", operation_id = "logInExternally")]
    async fn log_in(&self, request: &Request, body: Body<ExternalBody>) -> Answer<Json<LoggedIn>> {
        let Shared { jim, throttles } = &*self.0;
        throttles.login.check(ip(request)).await?;
        let body = body.0;
        let (device,) = (body.device.map(|device| Device::parse(&device)).transpose().at("device"),).all()?;
        let source = Source { ip: ip(request), device };
        let (user, session) = jim.externals().log_in(&body.token, &source).await?;
        found(LoggedIn { user: user.into(), session: session.into() })
    }
}
