//! The way back to an account whose password is forgotten.

use jim_core::model::{All as _, At as _, Email};
use jim_core::secret::Secret;
use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Accepted, Answer, Done, ip};
use super::emails::EmailBody;
use super::{Api, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::visit::Visit;

/// A new password, and the code that stands for the old one.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Recovery", example)]
struct RecoveryBody {
    /// The address of the account.
    email: String,
    /// The code of the newest mail; spaces, hyphens and case do not matter.
    code: String,
    /// The new password: 8 to 128 characters; not common, without the user name.
    #[oai(validator(min_length = 8, max_length = 128))]
    password: String,
}

impl poem_openapi::types::Example for RecoveryBody {
    fn example() -> Self {
        RecoveryBody {
            email: "ann@example.org".into(),
            code: "ACDEFGHJ".into(),
            password: "staple battery horse".into(),
        }
    }
}

/// The operations of this file.
pub struct RecoveryApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Auth")]
impl RecoveryApi {
    /// Ask for a way back
    ///
    /// Sends a code to the address if it is an account's, in the language of `Accept-Language`. Whether it is one is not
    /// told: the answer is the same and takes as long. An address gets one mail in a minute; another one comes after it.
    ///
    /// Codes: `email.off`, `rate.limited`.
    #[oai(path = "/auth/recovery", method = "post", operation_id = "beginRecovery")]
    async fn begin(&self, request: &Request, body: Body<EmailBody>) -> Answer<Accepted> {
        self.0.throttles.recovery.check(ip(request)).await?;
        let (email,) = (Email::parse(&body.0.email).at("email"),).all()?;
        self.0.jim.recovery().begin(email, Visit::language(request)).await?;
        Ok(Accepted::Accepted)
    }

    /// Set a new password
    ///
    /// Ends all sessions. A code is good once, for `auth.code_seconds` and five guesses; an address that is no account's
    /// and a wrong code answer alike. A second factor is still asked for when one logs in.
    ///
    /// Codes: `email.code_invalid`, `rate.limited`.
    #[oai(path = "/auth/recovery/confirm", method = "post", operation_id = "confirmRecovery")]
    async fn confirm(&self, request: &Request, body: Body<RecoveryBody>) -> Answer<Done> {
        // It costs a hash, as a log-in does.
        self.0.throttles.login.check(ip(request)).await?;
        let body = body.0;
        self.0.jim.recovery().confirm(&body.email, &body.code, &Secret::new(body.password)).await?;
        Ok(Done::Done)
    }
}
