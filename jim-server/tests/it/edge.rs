//! Routes, headers and the log of the real binary.

use reqwest::{Client, Method, StatusCode};
use serde_json::json;

use crate::support::{Server, eventually, told};

#[tokio::test]
async fn meta_health_and_pages_are_there() {
    let server = Server::with(&[("limits.friends", "7")]).await;
    let (status, meta) = told(reqwest::get(server.url("/api/v1/meta")).await.unwrap()).await;
    assert_eq!((status, &meta["api"], &meta["limits"]["friends"]), (200, &json!("v1"), &json!(7)));
    assert_eq!(meta["limits"]["username"], json!({"min": 3, "max": 32}));
    assert_eq!(meta["registration"], json!({"open": true, "captcha": false}));
    let (status, live) = told(reqwest::get(server.url("/health/live")).await.unwrap()).await;
    assert_eq!((status, live), (200, json!({"status": "up"})));
    let (status, ready) = told(reqwest::get(server.url("/health/ready")).await.unwrap()).await;
    assert_eq!((status, &ready["parts"]["mail"]), (200, &json!("off")));
    for (path, kind) in [
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/swagger", "text/html; charset=utf-8"),
        ("/docs/problems", "text/html; charset=utf-8"),
    ] {
        let response = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!((response.status(), &response.headers()["content-type"]), (StatusCode::OK, &kind.parse().unwrap()));
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("http"), "{policy}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let server = Server::start().await;
    let client = Client::new();
    for path in ["/", "/x", "/api/v1", "/api/v1/", "/api/v1/x", "/api/v1/meta/", "/api/v1/meta/x", "/%ff", "//docs"] {
        let response = client.get(server.url(path)).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let (status, body) = told(response).await;
        assert_eq!(
            (status, &body["code"], &body["request_id"]),
            (404, &json!("resource.not_found"), &json!(id)),
            "{path}"
        );
    }
    for method in [Method::POST, Method::OPTIONS, Method::TRACE, Method::from_bytes(b"BREW").unwrap()] {
        let response = client.request(method, server.url("/api/v1/meta")).send().await.unwrap();
        assert_eq!(response.headers()["allow"], "GET, HEAD");
        let (status, body) = told(response).await;
        assert_eq!((status, &body["code"]), (405, &json!("request.method_not_allowed")));
    }
    for path in ["/api/v1/ws", "/api/v1/events"] {
        for method in [Method::POST, Method::HEAD] {
            let response = client.request(method.clone(), server.url(path)).send().await.unwrap();
            assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"GET".parse().unwrap()));
        }
    }
    let head = client.head(server.url("/api/v1/meta")).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.bytes().await.unwrap().is_empty());
    let chinese = client.get(server.url("/x")).header("accept-language", "zh-CN").send().await.unwrap();
    assert_eq!(told(chinese).await.1["title"], "资源不存在或不可见。");
}

#[tokio::test]
async fn every_answer_is_named_protected_and_logged_once() {
    let server = Server::embedded(&[]).await;
    let client = Client::new();
    let ask = |id: &str| client.get(server.url("/api/v1/meta?ticket=hunter2")).header("x-request-id", id).send();
    let response = ask("mine-1._").await.unwrap();
    for (name, value) in [
        ("x-request-id", "mine-1._"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(response.headers()[name], value, "{name}");
    }
    assert!(response.headers().get("access-control-allow-origin").is_none());
    let other = ask("not sane").await.unwrap().headers()["x-request-id"].clone();
    assert_ne!(other, "not sane");
    client.get(server.url("/hunter2?x=hunter2")).send().await.unwrap();

    let lines = eventually("three lines", async || Some(server.log("request")).filter(|lines| lines.len() >= 3)).await;
    assert_eq!(lines.len(), 3);
    let line = &lines[0];
    assert_eq!(line["request_id"], "mine-1._");
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&json!("GET"), &json!("/api/v1/meta"), &json!(200))
    );
    assert!(line["duration_us"].is_u64() && line.get("user_id").is_none());
    assert_eq!(lines[2]["route"], "unmatched");
    let log = server.printed().join("\n");
    for word in ["hunter2", "START]", "END]", "not sane"] {
        assert!(!log.contains(word), "{log}");
    }
}

#[tokio::test]
async fn only_listed_origins_get_cors() {
    let server = Server::with(&[("server.allowed_origins", "https://a.example,https://b.example")]).await;
    let client = Client::new();
    for (origin, listed) in [("https://a.example", true), ("https://b.example", true), ("https://c.example", false)] {
        let asked = client.get(server.url("/api/v1/meta")).header("origin", origin).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::OK);
        assert_eq!(asked.headers().get("access-control-allow-origin").is_some(), listed, "{origin}");
        assert!(asked.headers().get("access-control-allow-credentials").is_none());
        let preflight = client
            .request(Method::OPTIONS, server.url("/api/v1/meta"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
            .await
            .unwrap();
        assert_eq!(preflight.status().as_u16(), if listed { 204 } else { 405 });
        assert!(preflight.headers().contains_key("x-request-id"));
    }
}

#[tokio::test]
async fn operation_can_have_a_listener_of_its_own() {
    let server = Server::with(&[("server.ops_listen", "127.0.0.1:0")]).await;
    let ops = eventually("the second listener", async || server.log("server.ops_listening").pop()).await;
    let ops = ops["address"].as_str().unwrap();
    for path in ["/health/live", "/health/ready", "/docs", "/openapi.json"] {
        assert_eq!(reqwest::get(server.url(path)).await.unwrap().status(), 404, "{path}");
        assert_eq!(reqwest::get(format!("http://{ops}{path}")).await.unwrap().status(), 200, "{path}");
    }
    assert_eq!(reqwest::get(server.url("/api/v1/meta")).await.unwrap().status(), 200);
    assert_eq!(reqwest::get(format!("http://{ops}/api/v1/meta")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_stands_twice_is_malformed_and_what_clients_make_up_is_not_logged() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let twice = |name: &'static str, values: [String; 2]| {
        let [first, second] = values;
        ann.request(Method::GET, "/me").header(name, first).header(name, second)
    };
    for (name, values) in [
        ("authorization", [format!("Bearer {}", ann.access), "Bearer x".to_owned()]),
        ("origin", ["https://a.example".to_owned(), "https://b.example".to_owned()]),
    ] {
        let (status, body) = told(twice(name, values).send().await.unwrap()).await;
        assert_eq!((status, &body["code"]), (400, &json!("request.malformed")), "{name}");
    }
    for query in ["limit=1&limit=2", "limit=1&limit=1", "after=1&%61fter=2"] {
        ann.get(&format!("/log?{query}")).await.refused(400, "request.malformed");
    }
    let packed = ann.request(Method::PATCH, "/me").header("content-encoding", "gzip").json(&json!({ "nickname": "x" }));
    assert_eq!(told(packed.send().await.unwrap()).await.1["code"], "request.unsupported_media_type");
    let client = Client::new();
    let made_up = Method::from_bytes(b"jima_METHOD").unwrap();
    let asked = client.request(made_up, server.url("/api/v1/meta")).header("x-request-id", "jima_NAMED").send().await;
    assert_ne!(asked.unwrap().headers()["x-request-id"], "jima_NAMED");
    eventually("the request is logged", async || {
        server.log("request").iter().any(|line| line["method"] == "other").then_some(())
    })
    .await;
    assert!(!server.printed().join("\n").contains("jima_"));
}
