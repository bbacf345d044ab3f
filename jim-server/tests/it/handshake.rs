//! Who may open a socket, from where, and how many of them.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{Person, Refused, Server, Socket, befriend, eventually};

#[track_caller]
fn refused(opened: Result<Socket, Refused>, status: u16, code: &str) {
    assert_eq!(opened.err().expect("no socket").problem(), (status, code.to_owned()));
}

/// Opens a socket with a ticket and more headers.
async fn dial(person: &Person, headers: &[(&'static str, &str)]) -> Result<Socket, Refused> {
    let protocol = format!("jim.v1, ticket.{}", person.ticket().await);
    let mut all = vec![("sec-websocket-protocol", protocol.as_str())];
    all.extend_from_slice(headers);
    Socket::dial(&person.base, &all).await
}

#[tokio::test]
async fn a_ticket_opens_one_socket_once() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let ticket = ann.ticket().await;
    let mut openings = JoinSet::new();
    for _ in 0..20 {
        let (base, ticket) = (server.base().clone(), ticket.clone());
        openings.spawn(async move { Socket::with_ticket(&base, &ticket).await });
    }
    let (opened, others): (Vec<_>, Vec<_>) = openings.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(opened.len(), 1);
    for other in others {
        refused(other, 401, "auth.required");
    }
    refused(Socket::with_ticket(server.base(), &ticket).await, 401, "auth.required");
}

#[tokio::test]
async fn a_late_ticket_a_foreign_one_and_none_open_nothing() {
    let server = Server::with(&[("auth.ticket_seconds", "1")]).await;
    let ann = server.person("ann").await;
    let late = ann.ticket().await;
    sleep(Duration::from_millis(1100)).await;
    let elsewhere = Server::start().await;
    let foreign = elsewhere.person("ann").await.ticket().await;
    let changed = foreign.replace("jimt_", "jima_");
    for ticket in [&late, &foreign, &changed, "", "x", &"x".repeat(5000)] {
        refused(Socket::with_ticket(server.base(), ticket).await, 401, "auth.required");
    }
    refused(Socket::dial(server.base(), &[]).await, 401, "auth.required");
    refused(Socket::dial(server.base(), &[("sec-websocket-protocol", "jim.v1")]).await, 401, "auth.required");
    let socket = ann.socket().await;
    assert_eq!(socket.hello()["session"], ann.session);
}

#[tokio::test]
async fn a_ticket_dies_with_its_session() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let phone = ann.log_in("phone").await;
    let ticket = phone.ticket().await;
    phone.act("/auth/logout").await.is(204);
    refused(Socket::with_ticket(server.base(), &ticket).await, 401, "auth.required");
    ann.anonymous().act("/ws/tickets").await.refused(401, "auth.required");
}

#[tokio::test]
async fn a_ticket_survives_a_crash_and_works_once_after_it() {
    let mut server = Server::start().await;
    let ann = server.person("ann").await;
    let ticket = ann.ticket().await;
    server.kill();
    server.restart().await;
    Socket::with_ticket(server.base(), &ticket).await.unwrap();
    refused(Socket::with_ticket(server.base(), &ticket).await, 401, "auth.required");
}

#[tokio::test]
async fn pages_of_other_origins_open_nothing() {
    let server = Server::with(&[("server.allowed_origins", "https://chat.example.org,https://two.example.org")]).await;
    let ann = server.person("ann").await;
    let own = server.base().url();
    for origin in [own.as_str(), "https://chat.example.org", "https://two.example.org"] {
        dial(&ann, &[("origin", origin)]).await.unwrap();
    }
    dial(&ann, &[]).await.expect("a native client has no origin");
    let foreign = [
        "https://evil.example.org",
        "null",
        "",
        "https://chat.example.org.evil.example.org",
        "http://chat.example.org",
        "https://chat.example.org:444",
    ];
    for origin in foreign {
        refused(dial(&ann, &[("origin", origin)]).await, 403, "socket.origin_refused");
    }
}

#[tokio::test]
async fn a_refused_origin_does_not_use_up_the_ticket() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let protocol = format!("jim.v1, ticket.{}", ann.ticket().await);
    let headers = [("sec-websocket-protocol", protocol.as_str()), ("origin", "https://evil.example.org")];
    refused(Socket::dial(server.base(), &headers).await, 403, "socket.origin_refused");
    Socket::dial(server.base(), &headers[..1]).await.unwrap();
}

#[tokio::test]
async fn the_protocol_is_named_only_to_those_who_offer_it() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    assert_eq!(ann.socket().await.protocol.as_deref(), Some("jim.v1"));
    assert_eq!(Socket::with_token(server.base(), &ann.access).await.unwrap().protocol, None);
}

#[tokio::test]
async fn what_is_no_handshake_is_a_problem() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let plain = ann.get("/ws").await;
    plain.refused(400, "request.malformed");
    ann.act("/ws").await.refused(405, "request.method_not_allowed");
    refused(dial(&ann, &[("sec-websocket-version", "12")]).await, 400, "request.malformed");
    refused(dial(&ann, &[("sec-websocket-key", "short")]).await, 400, "request.malformed");
}

#[tokio::test]
async fn one_socket_too_many_of_a_session_replaces_the_oldest() {
    let server = Server::with(&[("limits.sockets_per_session", "2")]).await;
    let ann = server.person("ann").await;
    let (mut first, mut second, mut third) = (ann.socket().await, ann.socket().await, ann.socket().await);
    assert_eq!(first.closed().await, Some(4409));
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    second.event_of("profile.changed").await;
    third.event_of("profile.changed").await;
}

#[tokio::test]
async fn one_socket_too_many_of_a_person_is_turned_away() {
    let server = Server::with(&[("limits.sockets_per_user", "3")]).await;
    let ann = server.person("ann").await;
    let phone = ann.log_in("phone").await;
    let mut sockets = [ann.socket().await, ann.socket().await, phone.socket().await];
    for person in [&ann, &phone] {
        assert_eq!(dial(person, &[]).await.unwrap().turned_away, Some(4429));
    }
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    for socket in &mut sockets {
        socket.event_of("profile.changed").await;
    }
    // Another person has a count of his own, and a place that is left is free.
    server.person("ben").await.socket().await;
    let [first, ..] = sockets;
    first.cut();
    eventually("a free place", async || dial(&ann, &[]).await.ok().filter(|socket| socket.turned_away.is_none())).await;
}

#[tokio::test]
async fn who_asks_for_too_many_tickets_waits() {
    let server = Server::with(&[("rate.enabled", "true"), ("rate.ticket", "3/1m")]).await;
    let ann = server.person("ann").await;
    for _ in 0..3 {
        ann.ticket().await;
    }
    let limited = ann.act("/ws/tickets").await;
    limited.refused(429, "rate.limited");
    assert!(limited.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    server.person("ben").await.ticket().await;
}

#[tokio::test]
async fn who_sends_too_fast_waits_and_loses_nothing() {
    let server = Server::with(&[("rate.enabled", "true"), ("rate.send", "5/1s")]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let room = befriend(&ann, &ben).await;
    let mut limited = 0;
    for at in 0..20 {
        let answer = ann.say(&room, &format!("m{at}"), "fast").await;
        if answer.status != 201 {
            answer.refused(429, "rate.limited");
            limited += 1;
        }
    }
    assert!(limited > 0);
    ben.say(&room, "b", "not held up").await.is(201);
    assert_eq!(ben.whole_history(&room).await.len(), 1 + 20 - limited + 1);
}

/// A socket byte by byte, after its answer and `hello`.
async fn raw_socket(person: &Person, address: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        person.access
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "a hello comes");
    }
    stream
}

#[tokio::test]
async fn a_close_is_answered_and_what_is_no_frame_is_named() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    for (frame, code) in [
        (&[0x88, 0x82, 0, 0, 0, 0, 3, 232][..], 1000_u16),
        // A text without a mask, a reserved bit, a code that does not exist, a ping in two parts.
        (&[0x81, 2, b'h', b'i'], 1002),
        (&[0xC1, 0x80, 0, 0, 0, 0], 1002),
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),
        (&[0x09, 0x80, 0, 0, 0, 0], 1002),
    ] {
        let mut stream = raw_socket(&ann, server.address()).await;
        stream.write_all(frame).await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap_or_else(|error| panic!("{frame:?}: {error}"));
        assert_eq!(answer[0], 0x88, "{frame:?}");
        assert_eq!(u16::from_be_bytes([answer[2], answer[3]]), code, "{frame:?}");
    }
}

#[tokio::test]
async fn an_ambiguous_handshake_opens_nothing_and_leaves_the_ticket() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let (ticket, other) = (ann.ticket().await, ben.ticket().await);
    let (bare, two) = (format!("ticket.{ticket}"), format!("jim.v1, ticket.{ticket}, ticket.{other}"));
    let bearer = format!("Bearer {}", ben.access);
    for headers in [
        &[("sec-websocket-protocol", bare.as_str())][..],
        &[("sec-websocket-protocol", &two)],
        &[("sec-websocket-protocol", &format!("jim.v1, {bare}")), ("authorization", &bearer)],
    ] {
        refused(Socket::dial(server.base(), headers).await, 400, "request.malformed");
    }
    assert!(Socket::with_ticket(server.base(), &ticket).await.is_ok());
}
