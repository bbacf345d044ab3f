//! How operations answer, and how they read what stands in a path or a query.

use std::marker::PhantomData;
use std::str::FromStr;

use bytes::Bytes;
use jim_core::id::Seq;
use jim_core::model::Limits;
use jim_core::repo::Slice;
use jim_core::{Code, Error};
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};

use crate::problem::ApiError;

/// 200 with a thing.
#[derive(ApiResponse)]
pub(crate) enum Found<T: ToJSON> {
    /// The thing.
    #[oai(status = 200)]
    Thing(Json<T>),
}

/// 201 with the thing that was made.
#[derive(ApiResponse)]
pub(crate) enum Created<T: ToJSON> {
    /// The thing that was made.
    #[oai(status = 201)]
    Thing(Json<T>),
}

/// 204.
#[derive(ApiResponse)]
pub(crate) enum Done {
    /// It is so now.
    #[oai(status = 204)]
    Done,
}

/// The answer of an operation whose refusals are problems.
pub(crate) type Answer<T> = Result<T, ApiError>;

/// 200 with a thing.
pub(crate) fn found<T: ToJSON>(thing: impl Into<T>) -> Answer<Found<T>> {
    Ok(Found::Thing(Json(thing.into())))
}

/// 201 with a thing.
pub(crate) fn created<T: ToJSON>(thing: impl Into<T>) -> Answer<Created<T>> {
    Ok(Created::Thing(Json(thing.into())))
}

/// JSON that was encoded before, in the shape of `T`. Entries are answered as they are stored and pushed.
pub(crate) struct Stored<T>(pub(crate) Bytes, PhantomData<T>);

impl<T> Stored<T> {
    pub(crate) fn new(json: Bytes) -> Self {
        Stored(json, PhantomData)
    }
}

impl<T: Type> Payload for Stored<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(_: &str) -> bool {
        true
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Stored<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type("application/json").body(self.0)
    }
}

/// Reads a name out of a path. What cannot be parsed names nothing.
pub(crate) fn named<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Refused(Code::NotFound))
}

/// The size of a page.
pub(crate) fn page_size(limit: Option<u32>, limits: &Limits) -> Result<u16, Error> {
    let Some(limit) = limit else { return Ok(Limits::PAGE_DEFAULT.min(limits.page)) };
    let fits = u16::try_from(limit).ok().filter(|limit| (1..=limits.page).contains(limit));
    fits.ok_or_else(|| Error::field("limit", "out_of_range", format!("1 to {}", limits.page)))
}

/// The position in a log that `after` or `before` name; both at once name none.
pub(crate) fn position(after: Option<u64>, before: Option<u64>) -> Result<Option<Slice<'static>>, Error> {
    let seq = |number: u64| Seq(i64::try_from(number).unwrap_or(i64::MAX));
    match (after, before) {
        (Some(_), Some(_)) => Err(Error::field("before", "conflict", "either after or before")),
        (Some(after), None) => Ok(Some(Slice::After(seq(after)))),
        (None, Some(before)) => Ok(Some(Slice::Before(seq(before)))),
        (None, None) => Ok(None),
    }
}

/// Joins things that were encoded before to a JSON array.
pub(crate) fn array(items: &[Bytes]) -> Vec<u8> {
    let mut json = Vec::with_capacity(items.iter().map(|item| item.len() + 1).sum::<usize>() + 2);
    json.push(b'[');
    json.extend_from_slice(&items.join(&b','));
    json.push(b']');
    json
}

/// The numbers of a log that are not shown, and why.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub(crate) struct Gap {
    /// The first number.
    pub(crate) from: i64,
    /// The last number.
    pub(crate) to: i64,
    /// `retention`, `cleared` or `before_join`.
    pub(crate) why: String,
}
