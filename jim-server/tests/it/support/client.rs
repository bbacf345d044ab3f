//! The HTTP side of a client, and what it is answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::time::Instant;

/// What takes longer is told, for whoever looks at a test that failed or took long.
const LONG: Duration = Duration::from_secs(15);

/// Where a server is reached; it moves when the server is restarted. Of many nodes each is asked in turn.
#[derive(Clone, Default)]
pub(crate) struct Base {
    nodes: Arc<RwLock<Vec<String>>>,
    turn: Arc<AtomicUsize>,
    stuck: Arc<AtomicBool>,
}

impl Base {
    /// Of one node.
    pub(crate) fn of(url: &str) -> Base {
        let base = Base::default();
        base.set(vec![url.to_owned()]);
        base
    }

    pub(crate) fn set(&self, nodes: Vec<String>) {
        *self.nodes.write().expect("the addresses") = nodes;
    }

    /// Such as `http://127.0.0.1:40000`; of the node whose turn it is.
    pub(crate) fn url(&self) -> String {
        let nodes = self.nodes.read().expect("the addresses");
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % nodes.len().max(1);
        nodes.get(turn).cloned().unwrap_or_default()
    }

    /// From now on calls go to the first node; sockets still to each in turn.
    pub(crate) fn stick(&self) {
        self.stuck.store(true, Ordering::Relaxed);
    }

    /// Where the next call goes.
    fn for_call(&self) -> String {
        if self.stuck.load(Ordering::Relaxed) { self.nodes()[0].url() } else { self.url() }
    }

    /// Each node by itself.
    pub(crate) fn nodes(&self) -> Vec<Base> {
        self.nodes.read().expect("the addresses").iter().map(|url| Base::of(url)).collect()
    }

    /// Such as `127.0.0.1:40000`.
    pub(crate) fn authority(&self) -> String {
        self.url().replace("http://", "")
    }
}

/// Somebody who calls the API, with or without a token.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) base: Base,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(base: Base) -> Client {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client");
        Client { http, base, token: None }
    }

    /// The same client with another token.
    pub(crate) fn bearer(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same client without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client { token: None, ..self.clone() }
    }

    /// A call that is not sent yet. A path of the API, or of the root if it begins with `//`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = self.base.for_call();
        let url =
            path.strip_prefix("//").map_or_else(|| format!("{base}/api/v1{path}"), |root| format!("{base}/{root}"));
        let call = self.http.request(method, url);
        match &self.token {
            Some(token) => call.bearer_auth(token),
            None => call,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn put(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::PUT, path)).await
    }

    /// A POST without a body.
    pub(crate) async fn act(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::POST, path)).await
    }

    /// A call with a JSON body.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(method, path).json(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, body).await
    }
}

/// What a call was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Sends a call that must be answered.
    pub(crate) async fn to(call: RequestBuilder) -> Answer {
        Answer::tried(call).await.expect("an answer")
    }

    /// Sends a call that may fail on its way.
    pub(crate) async fn tried(call: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let (client, request) = call.build_split();
        let request = request?;
        let asked = format!("{} {}", request.method(), request.url().path());
        let began = Instant::now();
        let answer = client.execute(request).await;
        if began.elapsed() > LONG {
            eprintln!("{asked} took {:?}", began.elapsed());
        }
        let answer = answer?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await? })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a plain header"))
    }

    /// The body of an answer that must have this status; null if there is none.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert!(!self.header("x-request-id").is_empty(), "every answer has its id");
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// A refusal with this status and code, in the one form that all refusals have.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.problem();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{problem}");
        problem
    }

    /// The problem that every refusal is.
    #[track_caller]
    pub(crate) fn problem(&self) -> Value {
        assert!((400..600).contains(&self.status), "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        for field in ["type", "title", "detail", "code"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {problem}");
        }
        assert_eq!(problem["status"], self.status, "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        problem
    }

    /// The fields that a validation names, with their codes.
    pub(crate) fn broken_fields(&self) -> Vec<(String, String)> {
        let problem = self.problem();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect()
    }
}

/// A call that is made again until it is answered; told if that takes long.
pub(crate) struct Tries {
    began: Instant,
    asked: String,
    /// How often there was which status, and 0 for no answer.
    answers: BTreeMap<u16, u32>,
}

impl Tries {
    pub(crate) fn new() -> Tries {
        Tries { began: Instant::now(), asked: String::new(), answers: BTreeMap::new() }
    }

    /// Makes the call once more.
    pub(crate) async fn call(&mut self, call: RequestBuilder) -> Result<Answer, reqwest::Error> {
        if self.asked.is_empty() {
            self.asked = format!("{call:?}");
        }
        let answer = Answer::tried(call).await;
        *self.answers.entry(answer.as_ref().map_or(0, |answer| answer.status)).or_default() += 1;
        answer
    }
}

impl Drop for Tries {
    fn drop(&mut self) {
        if self.began.elapsed() > LONG {
            eprintln!("{} was done after {:?}: {:?}", self.asked, self.began.elapsed(), self.answers);
        }
    }
}
