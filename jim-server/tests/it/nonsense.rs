//! Every operation of the server's own document is given nonsense: it answers with one of the statuses that the
//! document promises, never with a fault of the server.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Server, couple};

/// What stands where an operation wants something.
const TEXTS: &[&str] = &[
    "",
    "1",
    "2",
    "0",
    "-1",
    "9007199254740992",
    "x",
    "%00",
    "%ff",
    "p:1:2",
    "p:1:1",
    "w:1",
    "..",
    "%2e%2e%2f",
    "☃",
    "'--",
];

/// An operation of the document.
struct Operation {
    method: Method,
    path: String,
    query: Vec<String>,
    statuses: Vec<u16>,
}

async fn operations(server: &Server) -> Vec<Operation> {
    let document = server.stranger().get("//openapi.json").await.is(200);
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                query: query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect(),
                statuses: operation["responses"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(|status| status.parse().unwrap())
                    .collect(),
            });
        }
    }
    assert!(operations.len() > 25);
    operations
}

/// A value of any kind.
fn value(rng: &mut StdRng, depth: usize) -> Value {
    match rng.random_range(0..if depth > 3 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => rng.random_bool(0.5).into(),
        2 => rng.random_range(-2..4).into(),
        3 => json!(9_007_199_254_740_993_i64),
        4 => json!(-1.5e300),
        5 | 6 => TEXTS[rng.random_range(0..TEXTS.len())].into(),
        7 => (0..rng.random_range(0..3)).map(|_| value(rng, depth + 1)).collect(),
        _ => object(rng, depth),
    }
}

/// An object of fields that operations know, with values of any kind.
fn object(rng: &mut StdRng, depth: usize) -> Value {
    const NAMES: &[&str] = &[
        "username",
        "password",
        "nickname",
        "birth_date",
        "device",
        "refresh_token",
        "status_text",
        "old_password",
        "new_password",
        "remark",
        "user_id",
        "note",
        "greeting",
        "reason",
        "client_ref",
        "content",
        "kind",
        "text",
        "code",
    ];
    let mut fields = serde_json::Map::new();
    for _ in 0..rng.random_range(0..4) {
        fields.insert(NAMES[rng.random_range(0..NAMES.len())].into(), value(rng, depth + 1));
    }
    fields.into()
}

/// A path with something in each of its places, and perhaps a query.
fn path(operation: &Operation, rng: &mut StdRng) -> String {
    let mut text = || TEXTS[rng.random_range(0..TEXTS.len())];
    let mut path = operation.path.clone();
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        path.replace_range(open..=close, text());
    }
    let query: Vec<_> = operation.query.iter().map(|name| format!("{name}={}", text())).collect();
    let count = if query.is_empty() { 0 } else { rng.random_range(0..=query.len()) };
    format!("/{path}?{}", query[..count].join("&"))
}

#[tokio::test]
async fn nonsense_is_answered_as_the_document_says_and_never_with_a_fault() {
    let (server, ann, _ben, _room) = couple().await;
    let mut rng = StdRng::seed_from_u64(14);
    let mut refused = 0;
    for operation in operations(&server).await {
        // A session of its own, as some operations end it.
        let ann: Client = (*ann.log_in("desk").await).clone();
        for _ in 0..40 {
            let who = if rng.random_bool(0.2) { ann.anonymous() } else { ann.clone() };
            let path = path(&operation, &mut rng);
            let mut call = who.request(operation.method.clone(), &path);
            let body = match rng.random_range(0..4) {
                0 => String::new(),
                1 => value(&mut rng, 0).to_string(),
                _ => object(&mut rng, 0).to_string(),
            };
            if !body.is_empty() {
                let kind = if rng.random_bool(0.9) { "application/json" } else { "text/plain" };
                call = call.header("content-type", kind).body(body.clone());
            }
            let answer = Answer::to(call).await;
            let said = format!("{} {path} {body}: {answer:?}", operation.method);
            assert!(answer.status < 500, "{said}");
            // A path with nothing in one of its places, or with `..`, is another path.
            let other =
                path.contains("//rooms") || path[2..].contains("//") || path.contains("..") || path.contains("/?");
            let promised = operation.statuses.contains(&answer.status);
            assert!(promised || other && [404, 405].contains(&answer.status), "{said}");
            if answer.status >= 400 {
                answer.problem();
                refused += 1;
            }
        }
    }
    assert!(refused > 300, "hardly anything was refused: it was no nonsense");
    server.stranger().get("//health/ready").await.is(200);
}

#[tokio::test]
async fn a_refusal_says_the_same_in_each_language_but_for_the_words() {
    let (_server, ann, _ben, _room) = couple().await;
    let problems = async |language: &str| {
        let mut problems = Vec::new();
        for (method, path) in
            [(Method::GET, "/users/x"), (Method::POST, "/friend-requests"), (Method::GET, "/friends?limit=0")]
        {
            let call = ann.request(method, path).header("accept-language", language).json(&json!({}));
            let mut problem = Answer::to(call).await.problem();
            problem["request_id"].take();
            problems.push(problem);
        }
        problems
    };
    let (english, chinese) = (problems("en-GB,en;q=0.8").await, problems("zh-CN,zh;q=0.9,en;q=0.8").await);
    for (mut english, mut chinese) in english.into_iter().zip(chinese) {
        assert_ne!(english["title"], chinese["title"]);
        assert!(!chinese["title"].as_str().unwrap().is_ascii());
        for words in ["title", "detail", "errors"] {
            english[words].take();
            chinese[words].take();
        }
        assert_eq!(english, chinese);
    }
    assert_eq!(problems("xx").await, problems("en").await);
}
