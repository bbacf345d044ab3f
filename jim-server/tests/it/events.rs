//! Frames as server-sent events: the same as on a socket.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{Answer, Client, Event, Person, Server, Socket, befriend, couple, eventually, friends_at, seq};

/// Frames with a number, log by log in the order they came.
fn numbered(socket: &Socket) -> Vec<Value> {
    let mut frames: Vec<Value> = socket.frames.iter().filter(|frame| frame["log"].is_string()).cloned().collect();
    frames.sort_by_key(|frame| frame["log"].to_string());
    frames
}

#[tokio::test]
async fn the_same_scenario_brings_the_same_frames_over_both() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let (mut socket, mut events) = (ben.socket().await, ben.events().await);
    let fields = |socket: &Socket| {
        let hello = socket.hello();
        (hello["session"].clone(), hello["epoch"].clone(), hello["heads"].clone(), hello["heartbeat_seconds"].clone())
    };
    assert_eq!(fields(&socket), fields(&events));
    let room = befriend(&ann, &ben).await;
    for n in 0..20 {
        ann.say(&room, &format!("m-{n}"), "Hello\nthere – 你好 😀").await.is(201);
    }
    ann.act(&format!("/rooms/{room}/typing")).await.is(204);
    ann.act(&format!("/rooms/{room}/entries/3/retract")).await.is(200);
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    ben.patch("/me", &json!({ "nickname": "Benny" })).await.is(200);
    for listener in [&mut socket, &mut events] {
        for kind in ["typing", "profile"] {
            listener.event_of(kind).await;
        }
        listener.knows(&room, 22).await;
        let head = ben.log_head().await;
        listener.knows("me", head).await;
    }
    assert_eq!(numbered(&socket), numbered(&events));
    assert!(numbered(&events).len() > 20);
}

#[tokio::test]
async fn who_is_no_caller_reads_no_events() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    ann.anonymous().get("/events").await.refused(401, "auth.required");
    for token in ["nonsense", "", &ann.refresh, &format!("{}x", ann.access)] {
        ann.bearer(token).get("/events").await.refused(401, "auth.required");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = Answer::to(ann.request(method, "/events")).await;
        answer.refused(405, "request.method_not_allowed");
    }
    // A ticket is for sockets.
    let path = format!("/events?ticket={}", ann.ticket().await);
    ann.anonymous().get(&path).await.refused(401, "auth.required");
}

#[tokio::test]
async fn a_stream_is_closed_with_the_codes_of_a_socket() {
    let server = Server::with(&[("limits.sockets_per_session", "2"), ("limits.sockets_per_user", "3")]).await;
    server.stick();
    let ann = server.person("ann").await;
    let node = server.node(0);
    let at = |person: &Person| person.at(&Client::new(node.clone()));
    let (phone, other) = (at(&ann.log_in("phone").await), at(&ann));
    let mut first = other.events().await;
    let mut second = Socket::with_token(&node, &other.access).await.unwrap();
    let mut third = other.events().await;
    assert_eq!(first.closed().await, Some(4409), "streams and sockets of a session are counted together");
    let mut phones = phone.events().await;
    let late = phone.events().await;
    assert_eq!(late.turned_away, Some(4429));
    phone.act("/auth/logout").await.is(204);
    assert_eq!(phones.closed().await, Some(4401));
    ann.delete("/me/sessions").await.is(204);
    other.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    second.event_of("profile.changed").await;
    third.event_of("profile.changed").await;
}

#[tokio::test]
async fn heartbeats_come_and_who_hangs_up_is_gone() {
    let server = Server::with(&[("socket.heartbeat_seconds", "1")]).await;
    let (ann, ben) = friends_at(&server).await;
    let looks = async |status: &str| (ann.friend(&ben).await["presence"]["status"] == status).then_some(());
    let mut events = ben.events().await;
    eventually("who reads events is there", async || looks("online").await).await;
    for _ in 0..2 {
        let Event::Frame(beat) = events.next().await else { panic!("it ended") };
        assert_eq!(beat, json!({ "type": "heartbeat" }));
    }
    events.cut();
    eventually("who hung up is gone", async || looks("offline").await).await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_waits_for_no_reader() {
    let (mut server, ann, _, _) = couple().await;
    let mut events = ann.events().await;
    server.terminate();
    assert_eq!(events.closed().await, Some(1012));
    assert_eq!(server.ended(Duration::from_secs(5)).await.code(), Some(0));
}

#[tokio::test]
async fn after_many_cuts_heads_and_sync_make_a_reader_whole() {
    const SENDS: i64 = 150;
    let (_server, ann, ben, room) = couple().await;
    let sending = tokio::spawn({
        let (ann, room) = (ann.clone(), room.clone());
        async move {
            for n in 0..SENDS {
                ann.say(&room, &format!("m-{n}"), "hello").await.is(201);
            }
        }
    });
    let mut rng = StdRng::seed_from_u64(11);
    let (mut known, mut read) = (0, Vec::new());
    let read_all = async {
        // The greeting is the first.
        while known < SENDS + 1 {
            let mut events = ben.events().await;
            if events.head(&room).unwrap() > known {
                let synced =
                    ben.post("/sync", &json!({ "log": 0, "rooms": { &room: known }, "limit": 100 })).await.is(200);
                for entry in synced["rooms"][&room]["items"].as_array().unwrap() {
                    read.push(entry.clone());
                    known = seq(entry);
                }
            }
            for _ in 0..rng.random_range(1..12) {
                if known > SENDS {
                    break;
                }
                let Some(Event::Frame(frame)) = events.next_within(Duration::from_millis(500)).await else { break };
                if frame["log"] == room && seq(&frame) > known {
                    if seq(&frame) > known + 1 {
                        break;
                    }
                    read.push(frame.clone());
                    known = seq(&frame);
                }
            }
            events.cut();
            sleep(Duration::from_millis(rng.random_range(0..20))).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), read_all).await.expect("all are read");
    sending.await.unwrap();
    assert_eq!(read, ann.whole_history(&room).await);
}

#[tokio::test]
async fn a_reader_of_events_that_stops_is_given_up() {
    let server = Server::with(&[("socket.queue_frames", "400")]).await;
    server.stick();
    let (ann, ben) = friends_at(&server).await;
    let room = ann.room(&ben);
    let node = server.node(0);
    let mut stalled = ben.at(&Client::new(node.clone())).events().await;
    let mut quick = ann.events().await;
    let text = "x".repeat(4000);
    let slow = async |person: &Person| person.friend(&ben).await["presence"]["status"] == "offline";
    let mut sent = 0;
    while !slow(&ann).await {
        assert!(sent < 20_000, "it is never given up");
        let mut sends = JoinSet::new();
        for n in sent..sent + 200 {
            let (ann, room, text) = (ann.clone(), room.clone(), text.clone());
            sends.spawn(async move { ann.say(&room, &format!("m-{n}"), &text).await.is(201) });
        }
        sends.join_all().await;
        sent += 200;
        quick.knows(&room, sent + 1).await;
    }
    assert_eq!(stalled.closed().await, Some(4408));
}
