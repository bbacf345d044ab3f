//! Cross-origin calls from browsers, for listed origins only and never with credentials.
//!
//! poem's own layer answers 403 to every origin that is not listed, also to a page of this server.

use std::collections::HashSet;

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept-Language, Authorization, Content-Type, Last-Event-ID, Range, Upload-Offset, X-Request-Id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, WWW-Authenticate, X-Request-Id");
/// Two hours, the most that browsers keep.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origins that may call.
#[derive(Debug)]
pub(crate) struct Cors(HashSet<HeaderValue>);

impl Cors {
    pub(crate) fn new(origins: &[String]) -> Self {
        Cors(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// The answer to a browser that asks whether a listed origin may call.
    pub(crate) fn preflight(&self, request: &Request) -> Option<Response> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && self.0.contains(request.headers().get(header::ORIGIN)?);
        asks.then(|| {
            let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            response
        })
    }

    /// Lets a page of a listed origin read the answer.
    pub(crate) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin.filter(|origin| self.0.contains(*origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(origin: &str) -> (Option<Response>, HeaderMap) {
        let cors = Cors::new(&["https://a.example".to_owned()]);
        let request = Request::builder()
            .method(Method::OPTIONS)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .finish();
        let mut headers = HeaderMap::new();
        cors.mark(request.headers().get("origin"), &mut headers);
        (cors.preflight(&request), headers)
    }

    #[test]
    fn only_listed_origins_may_call_and_without_credentials() {
        let (preflight, headers) = asked("https://a.example");
        assert_eq!(preflight.unwrap().status(), StatusCode::NO_CONTENT);
        assert_eq!(headers["access-control-allow-origin"], "https://a.example");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        for foreign in ["https://b.example", "https://a.example.org", "http://a.example", "null", ""] {
            let (preflight, headers) = asked(foreign);
            assert!(preflight.is_none() && !headers.contains_key("access-control-allow-origin"), "{foreign}");
            assert_eq!(headers["vary"], "Origin");
        }
    }
}
