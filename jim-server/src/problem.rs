//! What a refusal looks like on the wire: RFC 9457 `application/problem+json`.

pub(crate) mod language;
pub mod table;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use jim_core::time::Millis;
use jim_core::{Code, Error, FieldError};
use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;

use self::language::Language;
use self::table::http;
use crate::visit::Visit;

/// Where each code is explained: this and the code are a problem's `type`.
pub const TYPE_BASE: &str = "/docs/problems#";

/// Media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// What went wrong (RFC 9457). `code` never changes; `title` and `detail` are for people.
#[derive(Debug, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Problem {
    /// Where this kind of problem is explained, relative to this server.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    kind: String,
    /// The kind of problem in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// This very problem in words.
    detail: String,
    /// Stable name of the kind, such as `friend.blocked`.
    code: String,
    /// Names this request in the server's log.
    request_id: String,
    /// The fields that cannot be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<ProblemField>>,
    /// When the rule that refused ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// The next log-in needs a captcha.
    #[serde(skip_serializing_if = "Option::is_none")]
    captcha_required: Option<bool>,
}

/// A field that cannot be taken.
#[derive(Debug, Serialize, Object)]
pub struct ProblemField {
    /// Path of the field, such as `content.text`.
    field: String,
    /// Stable name of what is wrong, such as `too_long`.
    code: String,
    /// The same in words.
    detail: String,
}

/// The only error of handlers; `?` makes one of each error of `jim-core`.
#[derive(Debug)]
pub struct ApiError(Box<Refusal>);

#[derive(Debug, Default)]
struct Refusal {
    code: &'static str,
    detail: Option<Detail>,
    errors: Vec<FieldError>,
    until: Option<Millis>,
    retry_after: Option<Duration>,
    captcha_required: bool,
    allow: Option<HeaderValue>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// What happened, in each language.
#[derive(Debug)]
struct Detail {
    en: Cow<'static, str>,
    zh: Cow<'static, str>,
}

impl ApiError {
    /// A refusal with nothing to add to its code.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        ApiError(Box::new(Refusal { code, ..Refusal::default() }))
    }

    /// Fields that cannot be taken.
    #[must_use]
    pub fn fields(code: &'static str, errors: Vec<FieldError>) -> Self {
        ApiError(Box::new(Refusal { code, errors, ..Refusal::default() }))
    }

    /// The method is none of those allowed.
    #[must_use]
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        ApiError(Box::new(Refusal { code: http::METHOD_NOT_ALLOWED, allow: Some(allow), ..Refusal::default() }))
    }

    /// A fault of ours; the cause goes to the log and nowhere else.
    pub fn server(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        ApiError(Box::new(Refusal { code: Code::Server.as_str(), cause: Some(cause.into()), ..Refusal::default() }))
    }

    /// There was no answer in time; what was asked may have happened all the same.
    #[must_use]
    pub fn late() -> Self {
        let cause = Some("the call took too long".into());
        ApiError(Box::new(Refusal { code: Code::Unavailable.as_str(), cause, ..Refusal::default() }))
    }

    /// Says what happened; must not hold what the client sent.
    #[must_use]
    pub fn detail(mut self, en: impl Into<Cow<'static, str>>, zh: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(Detail { en: en.into(), zh: zh.into() });
        self
    }

    /// The stable name of this refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The same refusal, whoever refused: poem's own errors keep their kind and lose their texts.
    #[must_use]
    pub fn from_poem(error: poem::Error) -> Self {
        let error = match error.downcast::<ApiError>() {
            Ok(own) => return own,
            Err(error) => error,
        };
        if let Some(bad) = error.downcast_ref::<poem_openapi::error::ParseParamError>() {
            return ApiError::fields(Code::Invalid.as_str(), vec![unreadable(bad.name)]);
        }
        if error.is::<poem_openapi::error::ParsePathError>() || error.is::<poem::error::ParsePathError>() {
            return Code::NotFound.into();
        }
        match error.status() {
            StatusCode::UNAUTHORIZED => Code::AuthRequired.into(),
            StatusCode::NOT_FOUND => Code::NotFound.into(),
            StatusCode::METHOD_NOT_ALLOWED => ApiError::new(http::METHOD_NOT_ALLOWED),
            StatusCode::REQUEST_TIMEOUT => ApiError::new(http::TIMEOUT),
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(http::TOO_LARGE),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::new(http::UNSUPPORTED_MEDIA_TYPE),
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable.into(),
            status if status.is_client_error() => ApiError::new(http::MALFORMED),
            _ => ApiError::server(error),
        }
    }

    /// The answer to a request; a fault of ours is logged here, once.
    #[must_use]
    pub fn answer(&self, visit: &Visit) -> Response {
        self.log(visit);
        self.respond(visit.request_id(), language::liked(visit.accept_language()))
    }

    fn log(&self, visit: &Visit) {
        let Some(cause) = &self.0.cause else { return };
        let causes = std::iter::successors(Some(&**cause as &dyn StdError), |error| StdError::source(*error));
        let cause = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let (request_id, code) = (visit.request_id(), self.0.code);
        if code == Code::Server.as_str() {
            tracing::error!(request_id, code, cause, "request.failed");
        } else {
            tracing::warn!(request_id, code, cause, "request.failed");
        }
    }

    fn respond(&self, request_id: &str, language: Language) -> Response {
        let Refusal { code, detail, errors, until, retry_after, captcha_required, allow, .. } = &*self.0;
        let row = table::of(code);
        let (title, detail) = match language {
            Language::En => (row.en, detail.as_ref().map_or(row.en, |detail| &*detail.en)),
            Language::Zh => (row.zh, detail.as_ref().map_or(row.zh, |detail| &*detail.zh)),
        };
        let problem = Problem {
            kind: format!("{TYPE_BASE}{}", row.code),
            title: title.to_owned(),
            status: row.status,
            detail: detail.to_owned(),
            code: row.code.to_owned(),
            request_id: request_id.to_owned(),
            errors: (!errors.is_empty()).then(|| errors.iter().map(ProblemField::from).collect()),
            until: until.map(|until| until.to_string()),
            captcha_required: captcha_required.then_some(true),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder().status(status).content_type(CONTENT_TYPE).body(body);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, whole_seconds(retry_after.unwrap_or_default()).into());
        }
        if let Some(allow) = allow {
            headers.insert(header::ALLOW, allow.clone());
        }
        response
    }
}

/// A parameter that cannot be read.
fn unreadable(field: &str) -> FieldError {
    FieldError { field: field.to_owned(), code: "invalid", detail: "This value cannot be read.".to_owned() }
}

/// Rounded up, and never none: who comes back at once comes back too early.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

impl From<&FieldError> for ProblemField {
    fn from(error: &FieldError) -> Self {
        ProblemField { field: error.field.clone(), code: error.code.to_owned(), detail: error.detail.clone() }
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        ApiError::new(code.as_str())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let mut refusal = Refusal { code: error.code().as_str(), ..Refusal::default() };
        match error {
            Error::RefusedUntil { until, .. } => refusal.until = Some(until),
            Error::CaptchaNext(_) => refusal.captcha_required = true,
            Error::Invalid(errors) => refusal.errors = errors,
            Error::Limited { retry_after, .. } => refusal.retry_after = Some(retry_after),
            Error::Unavailable(cause) => refusal.cause = Some(Box::new(cause)),
            Error::Internal(cause) => refusal.cause = Some(cause),
            _ => {}
        }
        ApiError(Box::new(refusal))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code)
    }
}

impl StdError for ApiError {}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(table::of(self.0.code).status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        self.respond("", Language::En)
    }
}

/// Declares nothing: which problems an operation has is said in its description and written by `openapi.rs`, as two
/// declarations of one status would make the document invalid.
impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        MetaResponses { responses: Vec::new() }
    }

    fn register(_registry: &mut Registry) {}
}

#[cfg(test)]
mod tests;
