//! How operations answer, and how they read what stands in a path or a query.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use bytes::Bytes;
use jim_core::id::Seq;
use jim_core::model::user::Change;
use jim_core::model::{Broken, Limits};
use jim_core::repo::Slice;
use jim_core::{Code, Error};
use poem::Request;
use poem_openapi::Object;
use poem_openapi::payload::Json;
use poem_openapi::types::{MaybeUndefined, ToJSON};

use crate::problem::ApiError;
use crate::visit::Visit;

pub(super) use crate::reply::{Accepted, Created, Done, Raw};

/// The answer of an operation whose refusals are problems.
pub(super) type Answer<T> = Result<T, ApiError>;

/// 200 with a thing.
#[expect(clippy::unnecessary_wraps, reason = "a handler ends with it")]
pub(super) fn found<T: ToJSON>(thing: impl Into<T>) -> Answer<Json<T>> {
    Ok(Json(thing.into()))
}

/// 201 with a thing.
#[expect(clippy::unnecessary_wraps, reason = "a handler ends with it")]
pub(super) fn created<T: ToJSON>(thing: impl Into<T>) -> Answer<Created<T>> {
    Ok(Created::Thing(Json(thing.into())))
}

/// What becomes of a field: nothing where it is missing, and `null` clears it.
pub(super) fn change<V, T>(
    field: MaybeUndefined<V>,
    parse: impl FnOnce(V) -> Result<T, Broken>,
) -> Result<Change<T>, Broken> {
    Ok(match field {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Clear,
        MaybeUndefined::Value(value) => Change::Set(parse(value)?),
    })
}

/// The address that a request comes from.
pub(super) fn ip(request: &Request) -> IpAddr {
    Visit::of(request).map_or(Ipv4Addr::UNSPECIFIED.into(), |visit| visit.source())
}

/// Reads a name out of a path. What cannot be parsed names nothing.
pub(super) fn named<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Refused(Code::NotFound))
}

/// The size of a page.
pub(super) fn page_size(limit: Option<u32>, limits: &Limits) -> Result<u16, Error> {
    limit.map_or(Ok(Limits::PAGE_DEFAULT.min(limits.page)), |limit| count("limit", limit, limits))
}

/// As many as a page may have at the most.
pub(super) fn count(field: &'static str, count: u32, limits: &Limits) -> Result<u16, Error> {
    let fits = u16::try_from(count).ok().filter(|count| (1..=limits.page).contains(count));
    fits.ok_or_else(|| Error::field(field, "out_of_range", format!("1 to {}", limits.page)))
}

/// The position in a log that `after` or `before` name; both at once name none.
pub(super) fn position(after: Option<u64>, before: Option<u64>) -> Result<Option<Slice<'static>>, Error> {
    let seq = |number: u64| Seq(i64::try_from(number).unwrap_or(i64::MAX));
    match (after, before) {
        (Some(_), Some(_)) => Err(Error::field("before", "conflict", "either after or before")),
        (Some(after), None) => Ok(Some(Slice::After(seq(after)))),
        (None, Some(before)) => Ok(Some(Slice::Before(seq(before)))),
        (None, None) => Ok(None),
    }
}

/// Joins things that were encoded before to a JSON array.
pub(super) fn array(items: &[Bytes]) -> Vec<u8> {
    let mut json = Vec::with_capacity(items.iter().map(|item| item.len() + 1).sum::<usize>() + 2);
    json.push(b'[');
    json.extend_from_slice(&items.join(&b','));
    json.push(b']');
    json
}

/// The numbers of a log that are not shown, and why.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub(super) struct Gap {
    /// The first number.
    pub(super) from: i64,
    /// The last number.
    pub(super) to: i64,
    /// `cleared` or `before_join`.
    pub(super) why: String,
}
