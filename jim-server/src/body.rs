//! JSON bodies of requests: small, in time, well formed, and nothing in them that is not asked for.

mod scan;
mod shape;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use crate::problem::ApiError;
use crate::problem::table::http;
use crate::visit::Visit;

pub use scan::{Fault, scan};

/// Media type of every body but files.
pub const JSON: &str = "application/json";

/// How deep a body may nest.
pub const MAX_DEPTH: usize = 32;

/// How much a body may hold and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyRules {
    /// Most bytes.
    pub bytes: usize,
    /// Longest time until the last byte.
    pub timeout: Duration,
}

impl Default for BodyRules {
    fn default() -> Self {
        BodyRules { bytes: 65_536, timeout: Duration::from_secs(10) }
    }
}

/// A JSON body. `T` must carry `#[serde(deny_unknown_fields)]`; a request without body and type counts as `{}`.
///
/// # Errors
/// 415 for another type, 413 and 408 over the rules, 400 `request.malformed` for what is no JSON, has a key twice
/// or nests deeper than [`MAX_DEPTH`], 422 `request.unknown_field` and `request.invalid` with the field's path.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> Body<T> {
    /// Reads a body that is there as a whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| ApiError::new(http::MALFORMED).detail("The body is not UTF-8.", "请求体不是 UTF-8 编码。"))?;
        scan(text, MAX_DEPTH).map_err(Fault::refused)?;
        // serde would take an array for a struct, field by field.
        if !text.trim_start().starts_with('{') {
            return Err(shape::no_object());
        }
        serde_json::from_str(text).map(Body).map_err(|_| shape::refused::<T>(text))
    }
}

/// What a `Content-Type` says of a body.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Other,
    Unsaid,
}

fn kind(request: &Request) -> Kind {
    // Nothing is unpacked here.
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Kind::Other;
    }
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return Kind::Unsaid };
    let Ok(value) = value.to_str() else { return Kind::Other };
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(JSON));
    let in_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if is_json && in_utf8 { Kind::Json } else { Kind::Other }
}

/// The whole body within the rules.
async fn read(request: &Request, body: &mut RequestBody, rules: BodyRules) -> Result<Bytes, ApiError> {
    let said = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if said.is_some_and(|length: usize| length > rules.bytes) {
        return Err(ApiError::new(http::TOO_LARGE));
    }
    let body = body.take().map_err(|error| ApiError::from_poem(error.into()))?;
    let chunks = std::pin::pin!(body.into_bytes_stream());
    tokio::time::timeout(rules.timeout, collect(chunks, rules.bytes))
        .await
        .unwrap_or_else(|_| Err(ApiError::new(http::TIMEOUT)))
}

/// All chunks as one; a body of one chunk, which nearly all are, is not copied.
async fn collect<E>(mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin, limit: usize) -> Result<Bytes, ApiError> {
    let mut whole = Bytes::new();
    let mut several = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(http::MALFORMED))?;
        if whole.len() + several.len() + chunk.len() > limit {
            return Err(ApiError::new(http::TOO_LARGE));
        }
        if whole.is_empty() && several.is_empty() {
            whole = chunk;
        } else {
            several.extend_from_slice(&std::mem::take(&mut whole));
            several.extend_from_slice(&chunk);
        }
    }
    Ok(if several.is_empty() { whole } else { several.freeze() })
}

impl<T: Type> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = JSON;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type + DeserializeOwned> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let visit = Visit::of(request);
        let rules = visit.map(|visit| visit.body()).unwrap_or_default();
        let kind = kind(request);
        if kind == Kind::Other {
            return Err(ApiError::new(http::UNSUPPORTED_MEDIA_TYPE).into());
        }
        // For what the client takes it has a limit of its own.
        let bytes = Visit::unhurried(request, read(request, body, rules)).await?;
        if let Some(visit) = visit {
            visit.set_read();
        }
        match kind {
            Kind::Unsaid if bytes.is_empty() => Ok(Body::parse(b"{}")?),
            Kind::Unsaid => Err(ApiError::new(http::UNSUPPORTED_MEDIA_TYPE).into()),
            _ => Ok(Body::parse(&bytes)?),
        }
    }
}

impl<'a, T: Type + DeserializeOwned> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        <Self as ParsePayload>::from_request(request, body).await
    }
}

#[cfg(test)]
mod tests;
