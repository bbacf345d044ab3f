//! What sockets bring: in order, once, and with a way back after every cut.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::support::{Event, Person, Profile, Server, Socket, WORLD, befriend, couple, eventually, seq};

#[tokio::test]
async fn hello_says_where_each_of_ones_logs_stands() {
    let server = Server::with(&[("socket.heartbeat_seconds", "7")]).await;
    let (ann, ben, cleo) = (server.person("ann").await, server.person("ben").await, server.person("cleo").await);
    let (room, other) = (befriend(&ann, &ben).await, befriend(&ann, &cleo).await);
    ann.say(&room, "one", "hello").await.is(201);
    let socket = ann.socket().await;
    let hello = socket.hello();
    let heads = json!({ "me": ann.log_head().await, room.as_str(): 2, other.as_str(): 1, WORLD: 0 });
    assert_eq!(hello["heads"], heads);
    assert_eq!((&hello["session"], &hello["heartbeat_seconds"]), (&json!(ann.session), &json!(7)));
    assert!(hello["epoch"].as_str().is_some_and(|epoch| !epoch.is_empty()));
    assert_eq!(server.stranger().get("/meta").await.is(200)["epoch"], hello["epoch"]);
    assert!(hello["reads"].is_object());
    let bens = ben.socket().await;
    let heads = bens.hello()["heads"].as_object().unwrap();
    assert_eq!(heads.keys().collect::<Vec<_>>(), ["me", &room, WORLD], "nobody else's rooms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_senders_reach_a_socket_in_the_order_of_the_numbers() {
    // The stand-in for MongoDB finds nothing by an index: its collections stay small.
    let each = if Profile::here() == Profile::Cluster { 150 } else { 625 };
    // The reader shares the machine with its senders; slow readers are another test's.
    let server = Server::with(&[("socket.queue_frames", "65536")]).await;
    let reader = server.person("reader").await;
    let mut rooms = Vec::new();
    for at in 0..8 {
        let sender = server.person(&format!("sender-{at}")).await;
        rooms.push((befriend(&sender, &reader).await, sender));
    }
    let mut sockets = [reader.socket().await, reader.socket().await];
    let mut senders = JoinSet::new();
    for at in 0..16 {
        let (room, sender) = rooms[at % 8].clone();
        senders.spawn(async move {
            for number in 0..each {
                sender.say(&room, &format!("s{at}-{number}"), "in order").await.is(201);
            }
        });
    }
    for socket in &mut sockets {
        let mut last: BTreeMap<String, i64> = rooms.iter().map(|(room, _)| (room.clone(), 1)).collect();
        for _ in 0..16 * each {
            let event = socket.event().await;
            let last = last.get_mut(event["log"].as_str().unwrap()).unwrap();
            *last += 1;
            assert_eq!(seq(&event), *last, "{event}");
        }
        assert!(last.values().all(|last| *last == 1 + 2 * i64::from(each)), "{last:?}");
    }
    senders.join_all().await;
}

#[tokio::test]
async fn after_two_hundred_cuts_a_reader_knows_everything_in_order() {
    let (server, ann, ben, room) = couple().await;
    let mut rng = StdRng::seed_from_u64(200);
    let stop = CancellationToken::new();
    let writer = tokio::spawn({
        let (room, stop) = (room.clone(), stop.clone());
        async move {
            for at in 0.. {
                ann.say(&room, &format!("m{at}"), &at.to_string()).await.is(201);
                tokio::time::sleep(Duration::from_millis(2)).await;
                if stop.is_cancelled() {
                    return;
                }
            }
        }
    });
    let mut known: Vec<Value> = Vec::new();
    let mut pushed = 0;
    for _ in 0..200 {
        let mut socket = Socket::with_token(server.base(), &ben.access).await.unwrap();
        let head = socket.head(&room).unwrap();
        read_up_to(&ben, &room, &mut known, head).await;
        for _ in 0..rng.random_range(0..4) {
            let event = socket.event().await;
            read_up_to(&ben, &room, &mut known, seq(&event) - 1).await;
            if known.last().map_or(0, seq) < seq(&event) {
                known.push(event);
                pushed += 1;
            }
        }
        socket.cut();
    }
    stop.cancel();
    writer.await.unwrap();
    assert!(pushed > 50, "so few pushes show nothing");
    let whole = ben.whole_history(&room).await;
    assert_eq!(known, whole[..known.len()]);
}

/// The rule of numbers: what is between the known and a number is read.
async fn read_up_to(person: &Person, room: &str, known: &mut Vec<Value>, upto: i64) {
    while known.last().map_or(0, seq) < upto {
        let after = known.last().map_or(0, seq);
        known.extend(person.history(room, &format!("after={after}")).await["items"].as_array().unwrap().clone());
    }
}

/// The resident memory of a process, in bytes.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_is_closed_with_resume_and_the_others_go_on() {
    let server = Server::with(&[("socket.queue_frames", "16")]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let room = befriend(&ann, &ben).await;
    // A small window, so that what a stopped reader leaves unread soon reaches the server.
    let small = TcpSocket::new_v4().unwrap();
    small.set_recv_buffer_size(4096).unwrap();
    let mut stopped = upgraded(small.connect(server.base().authority().parse().unwrap()).await.unwrap(), &ben).await;
    let mut going = ben.socket().await;
    let before = memory(&server);
    let text = "🦀".repeat(4000);
    for at in 0..800 {
        let sent = ann.say(&room, &format!("m{at}"), &text).await.is(201);
        let pushed = timeout(Duration::from_secs(5), going.event()).await.expect("the others are not held up");
        assert_eq!(seq(&pushed), seq(&sent));
    }
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 64 << 20, "12 MB of messages left {grown} bytes behind");
    let mut known = 1;
    let code = loop {
        match timeout(Duration::from_secs(10), stopped.next()).await.expect("the end of the socket") {
            Some(Ok(Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["log"] == room {
                    known += 1;
                    assert_eq!(seq(&frame), known, "what does come is in order");
                }
            }
            Some(Ok(Message::Close(Some(frame)))) => break u16::from(frame.code),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 4408);
    assert!(known < 801, "the stopped reader missed something");
    let missed = ben.history(&room, &format!("after={known}&limit=100")).await;
    assert_eq!(missed["items"][0]["seq"], known + 1, "and reads it by number");
}

/// A socket of which only the caller reads.
async fn upgraded(stream: TcpStream, person: &Person) -> tokio_tungstenite::WebSocketStream<TcpStream> {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let mut request = format!("ws://{}/api/v1/ws", person.base.authority()).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", person.access).parse().unwrap());
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

#[tokio::test]
async fn what_one_does_on_one_device_arrives_on_the_other() {
    let (server, ann, ben, room) = couple().await;
    let (phone, spare) = (ann.log_in("phone").await, ann.log_in("spare").await);
    let cleo = server.person("cleo").await;
    let mut phones = phone.socket().await;
    let mut expected = Vec::new();
    let sent = ann.say(&room, "one", "hello").await.is(201);
    expected.push(("message.sent", sent["data"].clone()));
    expected.push(("friend.requested", ann.ask(&cleo).await.is(201)));
    let friend = ann.patch(&format!("/friends/{}", ben.id), &json!({ "remark": "B" })).await.is(200);
    expected.push(("friend.updated", friend));
    ann.put(&format!("/blocks/{}", ben.id)).await.is(204);
    expected.push(("block.added", json!({ "user_id": ben.id })));
    ann.delete(&format!("/blocks/{}", ben.id)).await.is(204);
    expected.push(("block.removed", json!({ "user_id": ben.id })));
    expected.push(("profile.changed", ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200)));
    ann.delete(&format!("/me/sessions/{}", spare.session)).await.is(204);
    expected.push(("session.revoked", json!({ "id": spare.session })));
    ann.delete(&format!("/friends/{}", ben.id)).await.is(204);
    expected.push(("friend.removed", json!({ "user_id": ben.id })));
    for (kind, data) in expected {
        let event = phones.event().await;
        assert_eq!((&event["type"], &event["data"]), (&json!(kind), &data), "{event}");
    }
}

#[tokio::test]
async fn a_silent_peer_is_closed_within_two_heartbeats_and_looks_offline() {
    let server = Server::with(&[("socket.heartbeat_seconds", "1")]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    befriend(&ann, &ben).await;
    let presence = async || ann.get("/friends").await.is(200)["items"][0]["presence"]["status"].clone();
    // A peer that reads, and answers no ping.
    let mut silent = TcpStream::connect(server.base().authority()).await.unwrap();
    let head = format!(
        "GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {}\r\n\r\n",
        ben.access
    );
    silent.write_all(head.as_bytes()).await.unwrap();
    eventually("the peer is there", async || (presence().await == "online").then_some(())).await;
    let begun = Instant::now();
    eventually("the peer is gone", async || (presence().await == "offline").then_some(())).await;
    // The second of two heartbeats, and the turn of the clock on which it is noticed.
    assert!(begun.elapsed() < Duration::from_millis(3900), "{:?}", begun.elapsed());
    let mut bytes = Vec::new();
    let read = timeout(Duration::from_secs(5), silent.read_to_end(&mut bytes)).await.expect("the connection is closed");
    assert!(read.is_ok() || !bytes.is_empty());
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(r#""type":"hello""#) && text.contains(r#"{"type":"heartbeat"}"#), "{text}");
}

#[tokio::test]
async fn a_peer_that_answers_pings_is_kept_and_hears_heartbeats() {
    let server = Server::with(&[("socket.heartbeat_seconds", "1")]).await;
    let ann = server.person("ann").await;
    let mut socket = ann.socket().await;
    for _ in 0..4 {
        assert_eq!(socket.next().await, Event::Frame(json!({ "type": "heartbeat" })));
    }
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    socket.event_of("profile.changed").await;
}

#[tokio::test]
async fn a_client_that_sends_data_is_told_that_it_may_only_listen() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let mut kept = ann.socket().await;
    let data = [
        Message::text("hello"),
        Message::binary(vec![1, 2, 3]),
        Message::text(""),
        Message::text("x".repeat(4096)),
        Message::text("x".repeat(10_000)),
    ];
    for message in data {
        let mut socket = ann.socket().await;
        socket.say(message).await;
        assert_eq!(socket.closed().await, Some(1003));
    }
    kept.say(Message::Ping("still here".into())).await;
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    kept.event_of("profile.changed").await;
}

#[tokio::test]
async fn a_push_that_finds_nobody_is_read_later_by_its_number() {
    let (_server, ann, ben, room) = couple().await;
    let socket = ben.socket().await;
    let head = socket.head("me").unwrap();
    socket.cut();
    ann.say(&room, "one", "while you were out").await.is(201);
    ann.delete(&format!("/friends/{}", ben.id)).await.is(204);
    let mut socket = ben.socket().await;
    socket.knows("me", head + 1).await;
    socket.knows(&room, 2).await;
    assert_eq!(ben.log_types(head).await, ["friend.removed"]);
    assert_eq!(ben.history(&room, "after=1").await["items"][0]["data"]["content"]["text"], "while you were out");
    ben.get(&format!("/log?after={}", head + 2)).await.refused(409, "log.ahead");
}
