//! The address of one's own account.

use jim_core::model::{All as _, At as _, Email};
use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Accepted, Answer, Done, ip};
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::visit::Visit;

/// An address.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "EmailWish", example)]
pub(super) struct EmailBody {
    /// One address, such as `ann@example.org`.
    pub(super) email: String,
}

impl poem_openapi::types::Example for EmailBody {
    fn example() -> Self {
        EmailBody { email: "ann@example.org".into() }
    }
}

/// A code that was sent.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "EmailCode", example)]
struct CodeBody {
    /// The code of the newest mail; spaces, hyphens and case do not matter.
    code: String,
}

impl poem_openapi::types::Example for CodeBody {
    fn example() -> Self {
        CodeBody { code: "ACDEFGHJ".into() }
    }
}

/// The operations of this file.
pub struct EmailsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Me")]
impl EmailsApi {
    /// Bind an address
    ///
    /// Sends a code to the address, in the language of `Accept-Language`. The answer is the same whoever has the address,
    /// and does not wait for the mail. An address gets one mail in a minute; another one comes after it.
    ///
    /// Codes: `auth.required`, `email.off`, `rate.limited`.
    #[oai(path = "/me/email", method = "post", operation_id = "bindEmail")]
    async fn bind(&self, caller: Auth, request: &Request, body: Body<EmailBody>) -> Answer<Accepted> {
        self.0.throttles.recovery.check(ip(request)).await?;
        let (email,) = (Email::parse(&body.0.email).at("email"),).all()?;
        self.0.jim.emails().bind(caller.0.user, email, Visit::language(request)).await?;
        Ok(Accepted::Accepted)
    }

    /// Confirm the address
    ///
    /// Binds the address that the newest code was sent to. A code is good once, for `auth.code_seconds` and five guesses.
    ///
    /// Codes: `auth.required`, `email.code_invalid`, `email.taken`.
    #[oai(path = "/me/email/confirm", method = "post", operation_id = "confirmEmail")]
    async fn confirm(&self, caller: Auth, body: Body<CodeBody>) -> Answer<Done> {
        self.0.jim.emails().confirm(caller.0.user, &body.0.code).await?;
        Ok(Done::Done)
    }

    /// Remove the address
    ///
    /// Without one there is no way back to an account whose password is forgotten.
    ///
    /// Codes: `auth.required`.
    #[oai(path = "/me/email", method = "delete", operation_id = "removeEmail")]
    async fn remove(&self, caller: Auth) -> Answer<Done> {
        self.0.jim.emails().remove(caller.0.user).await?;
        Ok(Done::Done)
    }
}
