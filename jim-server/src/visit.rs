//! What is known of one request while it is served.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use jim_core::id::UserId;
use jim_core::model::Language;
use jim_core::secret::Random;
use poem::Request;
use poem::http::{HeaderMap, HeaderValue, header};

use crate::body::BodyRules;
use crate::patience::Patience;
use crate::problem::language::liked;

/// One request: its name, where it comes from, and what the line in the log will say of it.
#[derive(Debug)]
pub struct Visit {
    request_id: HeaderValue,
    source: IpAddr,
    body: BodyRules,
    patience: Patience,
    accept_language: Option<HeaderValue>,
    route: OnceLock<Arc<str>>,
    user: AtomicI64,
    unread: AtomicBool,
}

impl Visit {
    /// A request that begins; it is named by itself if its name is sane, else by us.
    pub(crate) fn new(headers: &HeaderMap, ids: &RequestIds, source: IpAddr, body: BodyRules) -> Self {
        let own = headers.get("x-request-id").filter(|id| is_sane(id.as_bytes()));
        let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
        Visit {
            request_id: own.cloned().unwrap_or_else(|| ids.next()),
            source,
            body,
            patience: Patience::new(),
            accept_language: headers.get(header::ACCEPT_LANGUAGE).cloned(),
            route: OnceLock::new(),
            user: AtomicI64::new(0),
            unread: AtomicBool::new(!empty || headers.contains_key(header::TRANSFER_ENCODING)),
        }
    }

    /// The visit that a request belongs to; `None` only outside of the server.
    #[must_use]
    pub fn of(request: &Request) -> Option<&Arc<Visit>> {
        request.data()
    }

    /// The request's name, in the answer's header, in problems and in the log.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// The same as a header.
    pub(crate) fn request_id_header(&self) -> HeaderValue {
        self.request_id.clone()
    }

    /// The address that the request comes from, as far as trusted proxies tell.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// Who asks, once that is known; the log says it.
    pub fn set_user(&self, user: UserId) {
        self.user.store(user.0, Ordering::Relaxed);
    }

    /// Who asks, if that is known.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        Some(UserId(self.user.load(Ordering::Relaxed))).filter(|user| *user != UserId::SYSTEM)
    }

    pub(crate) fn body(&self) -> BodyRules {
        self.body
    }

    /// The time that is left for the answer.
    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Does a part of a call that may take the time it needs.
    pub(crate) async fn unhurried<T>(request: &Request, part: impl Future<Output = T> + Send) -> T {
        match Visit::of(request) {
            Some(visit) => visit.patience.apart_from(part).await,
            None => part.await,
        }
    }

    /// The body was read to its end.
    pub(crate) fn set_read(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }

    /// Whether the answer leaves a body behind: hyper cuts such a connection, and its client must know.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    pub(crate) fn accept_language(&self) -> Option<&HeaderValue> {
        self.accept_language.as_ref()
    }

    /// The language that a request asks to be answered in.
    #[must_use]
    pub fn language(request: &Request) -> Language {
        liked(Visit::of(request).and_then(|visit| visit.accept_language()))
    }

    pub(crate) fn set_route(&self, route: &Arc<str>) {
        self.route.get_or_init(|| route.clone());
    }

    pub(crate) fn route(&self) -> Option<&str> {
        self.route.get().map(|route| &**route)
    }

    #[cfg(test)]
    pub(crate) fn for_test(accept_language: Option<&'static str>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(language) = accept_language {
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language));
        }
        Visit::new(&headers, &RequestIds::new(&jim_core::secret::SystemRandom), LOCALHOST, BodyRules::default())
    }
}

#[cfg(test)]
const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// 1 to 64 of `[A-Za-z0-9._-]`: nothing that could break a line of the log or a header.
fn is_sane(id: &[u8]) -> bool {
    // What looks like one of our tokens is not repeated in answers and logs.
    let token = id.starts_with(b"jim") && id.get(4) == Some(&b'_');
    (1..=64).contains(&id.len()) && !token && id.iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
}

/// Names for requests: no two alike in one process, and none like another process's.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(random: &dyn Random) -> Self {
        let bits = random.bits();
        let word = |at: usize| bits[at..at + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        RequestIds { process: word(0), count: AtomicU64::new(word(8) >> 16) }
    }

    fn next(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}-{count:012x}", self.process);
        HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

#[cfg(test)]
mod tests {
    use jim_core::secret::SystemRandom;

    use super::*;

    #[test]
    fn only_a_sane_name_is_taken_over() {
        let ids = RequestIds::new(&SystemRandom);
        let named = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", HeaderValue::from_bytes(id.as_bytes()).unwrap());
            Visit::new(&headers, &ids, LOCALHOST, BodyRules::default()).request_id() == id
        };
        let long = "x".repeat(64);
        for good in ["a", "A-z_9.", &long] {
            assert!(named(good), "{good}");
        }
        let too_long = "x".repeat(65);
        for bad in ["", "a b", "a\"b", "ä", "a;b", &too_long] {
            assert!(!named(bad), "{bad}");
        }
        assert_ne!(ids.next(), ids.next());
        assert!(is_sane(ids.next().as_bytes()));
    }
}
