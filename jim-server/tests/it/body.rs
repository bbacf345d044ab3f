//! Bodies over real sockets, against a small API behind the server's own edge.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jim_server::accept::{self, Deadlines};
use jim_server::app::App;
use jim_server::body::{Body, BodyRules};
use jim_server::edge::Rules;
use jim_server::problem::ApiError;
use jim_server::reply::{Created, Raw};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{exchange, rest, told};

struct Small;

/// A thing.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
struct Thing {
    /// Its text.
    text: String,
    /// Its size.
    size: Option<u8>,
}

#[OpenApi(prefix_path = "/api/v1")]
#[expect(clippy::unused_async, reason = "poem-openapi wants every handler async")]
impl Small {
    /// Give it back
    #[oai(path = "/things", method = "post")]
    async fn things(&self, Body(thing): Body<Thing>) -> Result<Created<Thing>, ApiError> {
        Ok(Created::Thing(Json(thing)))
    }

    /// Sum
    #[oai(path = "/things/:id/sum", method = "get")]
    async fn sum(&self, id: Path<u32>, more: Query<Option<u32>>) -> Result<Raw<u32>, ApiError> {
        Raw::of(&(id.0 + more.0.unwrap_or(0)))
    }

    /// Fall over
    #[oai(path = "/panic", method = "post")]
    async fn panic(&self) -> Result<Json<u8>, ApiError> {
        panic!("hunter2")
    }
}

async fn small() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let rules = || Rules { body: BodyRules { bytes: 65_536, timeout: Duration::from_secs(1) }, ..Rules::default() };
    let deadlines =
        Deadlines { head: Duration::from_secs(10), unread: Duration::from_mins(1), drain: Duration::from_secs(1) };
    let app = App::new(Small, Vec::new(), &(), rules, false);
    tokio::spawn(accept::serve(listener, Arc::new(app.public), deadlines, CancellationToken::new()));
    address
}

#[tokio::test]
async fn bodies_are_taken_or_told_why_not() {
    let url = format!("http://{}/api/v1/things", small().await);
    let client = Client::new();
    let long = format!("{{\"text\":\"{}\"}}", "a".repeat(70_000));
    for (kind, body, status, code) in [
        (Some("application/json"), r#"{"text":"hi","size":3}"#, 201, ""),
        (Some("application/json; charset=UTF-8"), r#"{"text":"hi"}"#, 201, ""),
        (None, r#"{"text":"hi"}"#, 415, "request.unsupported_media_type"),
        (Some("text/plain"), r#"{"text":"hi"}"#, 415, "request.unsupported_media_type"),
        (Some("application/x-www-form-urlencoded"), "text=hi", 415, "request.unsupported_media_type"),
        (None, "", 422, "request.invalid"),
        (Some("application/json"), "", 400, "request.malformed"),
        (Some("application/json"), "{", 400, "request.malformed"),
        (Some("application/json"), r#"{"text":"a","text":"b"}"#, 400, "request.malformed"),
        (Some("application/json"), r#"{"text":1}"#, 422, "request.invalid"),
        (Some("application/json"), r#"{"text":"a","txet":"b"}"#, 422, "request.unknown_field"),
        (Some("application/json"), &long, 413, "request.too_large"),
    ] {
        let mut request = client.post(&url).body(body.to_owned());
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let (answered, said) = told(request.send().await.unwrap()).await;
        assert_eq!(answered, status, "{kind:?} {body:.40} {said}");
        assert_eq!(said["code"].as_str().unwrap_or_default(), code, "{said}");
    }
    let (_, said) = told(client.post(&url).json(&json!({"text": "a", "x": 1})).send().await.unwrap()).await;
    assert_eq!(said["errors"][0]["field"], "x");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_with_408() {
    let address = small().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        "POST /api/v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let started = Instant::now();
    let (mut reading, mut writing) = stream.into_split();
    let drip = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = [0; 2048];
    let read = tokio::io::AsyncReadExt::read(&mut reading, &mut answer).await.unwrap();
    let answer = std::str::from_utf8(&answer[..read]).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request.timeout"), "{answer}");
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&started.elapsed()));
    drip.abort();
}

#[tokio::test]
async fn an_endless_chunked_body_is_cut_with_413() {
    let address = small().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
    for _ in 0..17 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("request.too_large"), "{answer}");
}

#[tokio::test]
async fn one_message_may_come_in_many_pieces() {
    let address = small().await;
    let body = "POST /api/v1/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n5\r\n{\"tex\r\n8\r\nt\": \"hi\"\r\n1\r\n}\r\n0\r\n\r\n";
    let answer = exchange(address, body.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("\"hi\""), "{answer}");
}

#[tokio::test]
async fn parameters_and_panics_come_out_as_problems() {
    let base = format!("http://{}/api/v1", small().await);
    let client = Client::new();
    let get = |path: &str| client.get(format!("{base}{path}")).send();
    let (status, sum) = told(get("/things/3/sum?more=4").await.unwrap()).await;
    assert_eq!((status, sum), (200, json!(7)));
    for path in ["/things/x/sum", "/things/-1/sum", "/things/%ff/sum", "/things//sum", "/things/99999999999/sum"] {
        let (status, body) = told(get(path).await.unwrap()).await;
        assert_eq!((status, &body["code"]), (404, &json!("resource.not_found")), "{path}");
        assert!(!body.to_string().contains("param0"));
    }
    let (status, body) = told(get("/things/3/sum?more=hunter2").await.unwrap()).await;
    assert_eq!((status, &body["code"], &body["errors"][0]["field"]), (422, &json!("request.invalid"), &json!("more")));
    assert!(!body.to_string().contains("hunter2"));
    let (status, body) = told(client.post(format!("{base}/panic")).send().await.unwrap()).await;
    assert_eq!((status, &body["code"]), (500, &json!("server.error")));
    assert!(!body.to_string().contains("hunter2"));
    assert_eq!(get("/things/3/sum").await.unwrap().status(), 200);
}

#[tokio::test]
async fn who_sends_far_too_much_still_reads_why_not() {
    let address = small().await;
    for (path, status) in [("/api/v1/things", "413"), ("/api/v1/none", "404")] {
        for _ in 0..20 {
            // Reads only when all is written, as most clients do.
            let answer = tokio::task::spawn_blocking(move || {
                let mut stream = std::net::TcpStream::connect(address)?;
                stream.set_read_timeout(Some(Duration::from_secs(5)))?;
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\n\r\n"
                );
                stream.write_all(head.as_bytes())?;
                stream.write_all(&vec![b' '; 3_000_000])?;
                let mut answer = [0; 64];
                let read = stream.read(&mut answer)?;
                Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer[..read]).into_owned())
            });
            let answer = answer.await.unwrap().unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
    }
}
