//! The second factor of one's own account.

use jim_core::secret::Secret;
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Done, found, ip};
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::picture;
use crate::problem::ApiError;

/// One's own password.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "OwnPassword", example)]
struct PasswordBody {
    /// The password.
    password: String,
}

impl poem_openapi::types::Example for PasswordBody {
    fn example() -> Self {
        PasswordBody { password: "correct horse battery".into() }
    }
}

/// A code of an authenticator.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "TotpCode", example)]
struct CodeBody {
    /// Six digits.
    code: String,
}

impl poem_openapi::types::Example for CodeBody {
    fn example() -> Self {
        CodeBody { code: "287082".into() }
    }
}

/// What goes into an authenticator.
#[derive(Object)]
#[oai(rename = "TotpEnrolment")]
struct EnrolmentObject {
    /// The key in base32, to be typed.
    secret: String,
    /// The same as an `otpauth:` URI.
    uri: String,
    /// The URI as a QR code: a PNG in a `data:` URL.
    image: String,
}

/// What stands for a lost authenticator.
#[derive(Object)]
struct RecoveryCodes {
    /// Ten codes, each good for one log-in. They are never shown again.
    recovery_codes: Vec<String>,
}

/// The operations of this file.
pub struct TotpApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Me")]
impl TotpApi {
    /// Begin a second factor
    ///
    /// Makes a key for an authenticator. Nothing asks for its codes before it is confirmed; one that was not confirmed
    /// gives way to the next.
    ///
    /// Codes: `auth.required`, `auth.wrong_password`, `totp.active`, `auth.locked`, `rate.limited`.
    #[oai(path = "/me/totp", method = "post", operation_id = "beginTotp")]
    async fn begin(&self, caller: Auth, request: &Request, body: Body<PasswordBody>) -> Answer<Json<EnrolmentObject>> {
        // A stolen token must not be a way to try passwords.
        self.0.throttles.login.check(ip(request)).await?;
        let enrolment = self.0.jim.totp().begin(caller.0.user, &Secret::new(body.0.password)).await?;
        let image = picture::of_text(enrolment.uri.expose()).ok_or_else(|| ApiError::server("a URI has no picture"))?;
        found(EnrolmentObject {
            secret: enrolment.secret.expose().to_owned(),
            uri: enrolment.uri.expose().to_owned(),
            image,
        })
    }

    /// Switch the second factor on
    ///
    /// Wants a code that the authenticator shows. From then on each log-in does.
    ///
    /// Codes: `auth.required`, `totp.code_invalid`, `rate.limited`.
    #[oai(path = "/me/totp/confirm", method = "post", operation_id = "confirmTotp")]
    async fn confirm(&self, caller: Auth, request: &Request, body: Body<CodeBody>) -> Answer<Json<RecoveryCodes>> {
        self.0.throttles.login.check(ip(request)).await?;
        let codes = self.0.jim.totp().confirm(caller.0.user, &body.0.code).await?;
        found(RecoveryCodes { recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect() })
    }

    /// Switch the second factor off
    ///
    /// Its recovery codes end with it.
    ///
    /// Codes: `auth.required`, `auth.wrong_password`, `auth.locked`, `rate.limited`.
    #[oai(path = "/me/totp", method = "delete", operation_id = "removeTotp")]
    async fn remove(&self, caller: Auth, request: &Request, body: Body<PasswordBody>) -> Answer<Done> {
        self.0.throttles.login.check(ip(request)).await?;
        self.0.jim.totp().remove(caller.0.user, &Secret::new(body.0.password)).await?;
        Ok(Done::Done)
    }
}
