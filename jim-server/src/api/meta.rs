//! What this server is and allows.

use std::borrow::Cow;

use jim_core::Jim;
use jim_core::model::Limits;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

use crate::api::Tag;
use crate::api::answer::{Answer, found};
use crate::app::BASE;
use crate::config::Config;

/// What a newer client asks before it uses something newer.
const FEATURES: &[&str] = &[
    "friends",
    "blocks",
    "private_rooms",
    "groups",
    "world",
    "replies",
    "mentions",
    "retraction",
    "pins",
    "typing",
    "read_marks",
    "conversations",
    "sync",
    "push",
    "totp",
    "account_deletion",
    "administration",
    "presence",
    "labels",
    "events",
];

/// The same, with what this server is set up for.
fn features(config: &Config) -> impl Iterator<Item = &'static str> {
    let mail = !config.mail.url.expose().is_empty();
    FEATURES.iter().copied().chain(mail.then_some("email"))
}

/// Tells everybody what this server is.
#[derive(Clone)]
pub struct MetaApi {
    answer: Meta,
    jim: Jim,
}

/// What this server is and allows.
#[derive(Debug, Clone, Object)]
struct Meta {
    /// Version of the server.
    version: String,
    /// Version of the API, the last part of its base.
    api: String,
    /// Changes when a backup is restored: clients drop what they keep.
    epoch: String,
    /// Names of what not every server has.
    features: Vec<String>,
    /// Whether accounts can be made.
    registration: MetaRegistration,
    /// Kinds of captcha that can be asked for.
    captcha_kinds: Vec<String>,
    /// Every limit a client may meet.
    limits: AllLimits,
}

/// Whether accounts can be made.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Registration")]
struct MetaRegistration {
    /// They can, now.
    open: bool,
    /// A captcha is asked for.
    captcha: bool,
}

impl MetaApi {
    /// What the configuration says, and the backend of what may change.
    #[must_use]
    pub fn new(config: &Config, jim: Jim) -> Self {
        let mut features: Vec<String> = features(config).map(str::to_owned).collect();
        if jim.externals().are_known() {
            features.push("external_users".to_owned());
        }
        MetaApi {
            answer: Meta {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                api: "v1".to_owned(),
                epoch: jim.epoch().to_owned(),
                features,
                registration: MetaRegistration { open: false, captcha: config.captcha.registration },
                captcha_kinds: jim.captchas().kinds().into_iter().map(ToOwned::to_owned).collect(),
                limits: AllLimits(config.limits.clone()),
            },
            jim,
        }
    }
}

#[OpenApi(prefix_path = BASE, tag = "Tag::Meta")]
impl MetaApi {
    /// What this server is and allows
    ///
    /// Needs no log-in. A client sends a newer field only if its feature is named here.
    #[oai(path = "/meta", method = "get", operation_id = "meta")]
    async fn meta(&self) -> Answer<Json<Meta>> {
        let mut answer = self.answer.clone();
        answer.registration.open = self.jim.registrations().is_open().await?;
        found(answer)
    }
}

/// The limits as they are configured, each a number or a range.
#[derive(Debug, Clone)]
struct AllLimits(Limits);

impl Type for AllLimits {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Limits".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let schema = MetaSchema {
            description: Some("Numbers, or ranges with `min` and `max`; lengths are in characters."),
            additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
            example: serde_json::to_value(Limits::default()).ok(),
            ..MetaSchema::new("object")
        };
        MetaSchemaRef::Inline(Box::new(schema))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ToJSON for AllLimits {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(&self.0).ok()
    }
}

/// Never done here; objects of poem-openapi want it.
impl ParseFromJSON for AllLimits {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map(AllLimits).map_err(ParseError::custom)
    }
}
