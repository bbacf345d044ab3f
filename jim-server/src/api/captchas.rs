//! Captchas.

use jim_core::service::{Captcha, CaptchaAnswer};
use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Created, created, ip};
use super::{Api, Shared, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// What is wished.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MakeCaptcha", example)]
struct MakeBody {
    /// One of `captcha_kinds` of `GET /meta`; the first of them if absent.
    kind: Option<String>,
}

impl poem_openapi::types::Example for MakeBody {
    fn example() -> Self {
        MakeBody { kind: Some("image".into()) }
    }
}

/// An answer to a captcha, good for one try.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "CaptchaAnswer")]
pub(super) struct CaptchaBody {
    /// The captcha's id.
    id: String,
    /// What stands in the picture, without regard to case; or the text that was found.
    answer: String,
}

impl From<CaptchaBody> for CaptchaAnswer {
    fn from(body: CaptchaBody) -> Self {
        CaptchaAnswer { id: body.id, answer: body.answer }
    }
}

/// A captcha.
#[derive(Object)]
#[oai(rename = "Captcha", skip_serializing_if_is_none)]
struct CaptchaObject {
    /// Stands with the answer.
    id: String,
    /// `image` or `proof_of_work`.
    kind: String,
    /// A PNG as a data URL.
    image: Option<String>,
    /// What is to be computed.
    challenge: Option<ChallengeObject>,
    /// Until when it can be answered.
    expires_at: Time,
}

/// A text is to be found so that SHA-256 of `nonce:text` begins with so many zero bits.
#[derive(Object)]
#[oai(rename = "Challenge")]
struct ChallengeObject {
    /// What the hashed text begins with.
    nonce: String,
    /// How many bits are to be zero.
    zero_bits: u32,
}

impl From<Captcha> for CaptchaObject {
    fn from(captcha: Captcha) -> Self {
        let challenge = captcha
            .challenge
            .map(|challenge| ChallengeObject { nonce: challenge.nonce, zero_bits: challenge.zero_bits });
        CaptchaObject {
            id: captcha.id,
            kind: captcha.kind.to_owned(),
            image: captcha.image,
            challenge,
            expires_at: captcha.until.into(),
        }
    }
}

/// The operations of this file.
pub struct CaptchasApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Auth")]
impl CaptchasApi {
    /// Ask for a captcha
    ///
    /// It can be answered once, rightly or wrongly, within three minutes, where a call takes `captcha`.
    #[oai(path = "/auth/captcha", method = "post", operation_id = "makeCaptcha")]
    async fn make(&self, request: &Request, body: Body<MakeBody>) -> Answer<Created<CaptchaObject>> {
        let Shared { jim, throttles } = &*self.0;
        throttles.captcha.check(ip(request)).await?;
        created(jim.captchas().make(body.0.kind.as_deref()).await?)
    }
}
