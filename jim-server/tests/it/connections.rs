//! What connections may do: heads in time and of a size, an orderly end.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{Server, exchange, rest};

#[tokio::test]
async fn a_head_that_does_not_come_is_cut() {
    let server = Server::with(&[("server.header_timeout_seconds", "1")]).await;
    let started = Instant::now();
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    let mut half = TcpStream::connect(server.address()).await.unwrap();
    half.write_all(b"GET /api/v1/meta HTTP/1.1\r\nHost: x\r\nX-Slow:").await.unwrap();
    let mut dripping = TcpStream::connect(server.address()).await.unwrap();
    dripping.write_all(b"GET /api/v1/meta HTTP/1.1\r\n").await.unwrap();
    let drip = async {
        while dripping.write_all(b"a").await.is_ok() {
            assert!(started.elapsed() < Duration::from_secs(8));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (silent, half, ()) = tokio::join!(rest(&mut silent), rest(&mut half), drip);
    assert_eq!((silent.as_str(), half.as_str()), ("", ""));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn heads_have_a_size() {
    let server = Server::start().await;
    let head = |bytes: usize| {
        format!(
            "GET /api/v1/meta HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            "a".repeat(bytes)
        )
    };
    let answer = exchange(server.address(), head(10_000).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = exchange(server.address(), head(40_000).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer = exchange(server.address(), b"nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(reqwest::get(server.url("/api/v1/meta")).await.unwrap().status().is_success());
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let mut server = Server::start().await;
    let client = reqwest::Client::new();
    client.get(server.url("/api/v1/meta")).send().await.unwrap().bytes().await.unwrap();
    let mut idle = TcpStream::connect(server.address()).await.unwrap();
    let started = Instant::now();
    assert_eq!(server.stop().await, Some(0));
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(server.log("server.stopped")[0]["in_time"], true);
}
