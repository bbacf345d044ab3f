//! What happens around every request, in one layer: its name, its source, the problem format, headers that protect
//! browsers, and its one line in the log.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jim_core::secret::SystemRandom;
use poem::http::{HeaderMap, HeaderValue, header};
use poem::{Addr, Endpoint, Request, Response};
use tokio::time::Instant;
use url::form_urlencoded;

use crate::body::BodyRules;
use crate::cors::Cors;
use crate::problem::ApiError;
use crate::problem::table::http;
use crate::source::{Network, source};
use crate::visit::{RequestIds, Visit};

/// Header that names a request.
pub const REQUEST_ID: header::HeaderName = header::HeaderName::from_static("x-request-id");

/// Pages may do nothing; those that are pages bring a policy of their own.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// What the layer needs to know.
#[derive(Debug, Default)]
pub struct Rules {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Network>,
    /// Origins that may call from a browser; none: no CORS.
    pub origins: Vec<String>,
    /// What a body may be.
    pub body: BodyRules,
}

/// The layer around an endpoint. It never fails: every error is an answer.
pub struct Edge<E> {
    inner: E,
    proxies: Vec<Network>,
    cors: Option<Cors>,
    body: BodyRules,
    ids: RequestIds,
}

impl<E: Endpoint<Output = Response>> Edge<E> {
    /// Puts the layer around an endpoint.
    #[must_use]
    pub fn new(inner: E, rules: Rules) -> Self {
        let cors = (!rules.origins.is_empty()).then(|| Cors::new(&rules.origins));
        Edge { inner, proxies: rules.proxies, cors, body: rules.body, ids: RequestIds::new(&SystemRandom) }
    }

    async fn respond(&self, request: Request, visit: &Visit) -> Response {
        if let Some(preflight) = self.cors.as_ref().and_then(|cors| cors.preflight(&request)) {
            return preflight;
        }
        if is_ambiguous(&request) {
            return ApiError::new(http::MALFORMED).answer(visit);
        }
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        // Who is told to come again is in the same place as who has hung up: what he began is whole or is not there.
        let answer = tokio::select! {
            biased;
            answer = answer => answer,
            () = visit.patience().ends() => return ApiError::late().answer(visit),
        };
        match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => ApiError::from_poem(error).answer(visit),
            // What it panicked with is in the log by the hook of `telemetry.rs`.
            Err(_) => ApiError::server("the handler panicked").answer(visit),
        }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let from = source(peer(&request), request.headers(), &self.proxies);
        let visit = Arc::new(Visit::new(request.headers(), &self.ids, from, self.body));
        request.set_data(visit.clone());
        let method = method(&request);
        let origin = self.cors.as_ref().and_then(|_| request.headers().get(header::ORIGIN).cloned());

        let mut response = self.respond(request, &visit).await;

        let headers = response.headers_mut();
        protect(headers);
        headers.insert(REQUEST_ID, visit.request_id_header());
        if visit.is_unread() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(cors) = &self.cors {
            cors.mark(origin.as_ref(), headers);
        }
        tracing::info!(
            target: "jim::request",
            request_id = visit.request_id(),
            method,
            route = visit.route().unwrap_or("unmatched"),
            status = response.status().as_u16(),
            duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            user_id = visit.user().map(|user| user.0),
            "request"
        );
        Ok(response)
    }
}

/// Whether a header or a key of the query that has one value stands there twice: two readers would read two requests.
fn is_ambiguous(request: &Request) -> bool {
    let once = [header::AUTHORIZATION, header::CONTENT_TYPE, header::HOST, header::ORIGIN];
    let mut keys = HashSet::new();
    let query = request.uri().query().unwrap_or_default();
    once.iter().any(|name| request.headers().get_all(name).iter().nth(1).is_some())
        || form_urlencoded::parse(query.as_bytes()).any(|(key, _)| !keys.insert(key))
}

/// The method as the log says it; what a client makes up is not repeated.
fn method(request: &Request) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    known.into_iter().find(|known| request.method() == *known).unwrap_or("other")
}

/// Who is at the other end of the connection.
fn peer(request: &Request) -> IpAddr {
    match &request.remote_addr().0 {
        Addr::SocketAddr(address) => address.ip(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// Headers that keep browsers from sniffing, framing, caching and telling where they were.
fn protect(headers: &mut HeaderMap) {
    headers.reserve(8);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make;
    use serde_json::Value;

    use super::*;

    async fn called(edge: &impl Endpoint<Output = Response>, request: Request) -> (Response, Value) {
        let mut response = edge.call(request).await.unwrap();
        let body = response.take_body().into_vec().await.unwrap();
        (response, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_of_ours_and_says_nothing() {
        let edge = Edge::new(
            make(|request: Request| async move {
                assert!(request.uri().path() != "/", "hunter2");
                Ok::<_, poem::Error>(Response::default())
            }),
            Rules::default(),
        );
        let (response, body) = called(&edge, Request::default()).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (500, &Value::from("server.error")));
        assert_eq!(body["request_id"].as_str(), response.header("x-request-id"));
        assert!(!body.to_string().contains("hunter2"));
        let (response, _) = called(&edge, Request::builder().uri_str("/x").finish()).await;
        assert_eq!(response.status().as_u16(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_takes_too_long_is_answered_all_the_same() {
        let edge = Edge::new(make(|_| std::future::pending::<poem::Result<Response>>()), Rules::default());
        let began = Instant::now();
        let (response, body) = called(&edge, Request::default()).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (503, &Value::from("service.unavailable")));
        assert_eq!(response.header("retry-after"), Some("1"));
        assert!(began.elapsed() < std::time::Duration::from_secs(5));
    }

    #[tokio::test]
    async fn every_answer_is_protected_and_named() {
        let edge = Edge::new(
            make(|_| async { Err::<Response, poem::Error>(poem::error::NotFoundError.into()) }),
            Rules::default(),
        );
        let request = Request::builder().header("x-request-id", "abc-1").header("origin", "https://a.example").finish();
        let (response, body) = called(&edge, request).await;
        for (name, value) in [
            ("x-request-id", "abc-1"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(response.header(name), Some(value), "{name}");
        }
        assert_eq!(body["request_id"], "abc-1");
        assert!(response.header("access-control-allow-origin").is_none());
    }
}
