//! Who is there, as friends see it, over HTTP and on what pushes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Event, Person, Server, Socket, befriend, couple, eventually, friends_at, within};

/// The bytes with which a list shows a friend.
async fn bytes(person: &Person, friend: &Person) -> String {
    person.friend(friend).await.to_string()
}

async fn looks(person: &Person, friend: &Person, status: &str) {
    eventually(status, async || (person.friend(friend).await["presence"]["status"] == status).then_some(())).await;
}

/// Presence that comes for a while.
async fn presence_within(socket: &mut Socket, span: Duration) -> Vec<Value> {
    let end = tokio::time::Instant::now() + span;
    let mut frames = Vec::new();
    while let Some(event) = socket.next_within(end.saturating_duration_since(tokio::time::Instant::now())).await {
        let Event::Frame(frame) = event else { panic!("it ended") };
        if frame["type"] == "presence" {
            frames.push(frame);
        }
    }
    frames
}

#[tokio::test]
async fn what_one_chooses_is_kept_told_to_ones_devices_and_shown_to_friends() {
    let (_server, ann, ben, _) = couple().await;
    let phone = ben.log_in("phone").await;
    let (mut anns, _bens, mut phones) = (ann.socket().await, ben.socket().await, phone.events().await);
    let frame = |status: &str| json!({ "type": "presence", "user_id": ben.id, "status": status });
    assert_eq!(anns.presence(&ben).await, frame("online"));
    for status in ["away", "dnd", "online"] {
        let me = ben.set_status(status).await.is(200);
        assert_eq!((&me["status"], &me["id"]), (&json!(status), &json!(ben.id)));
        assert_eq!(phones.event_of("status.changed").await["data"], json!({ "status": status }));
        assert_eq!(anns.presence(&ben).await, frame(status));
        assert_eq!(ann.friend(&ben).await["presence"], json!({ "status": status }));
        assert_eq!(ben.get("/me").await.is(200)["status"], status);
    }
    let before = ben.log_head().await;
    ben.set_status("online").await.is(200);
    assert_eq!(ben.log_head().await, before, "what is so already is not told");
}

#[tokio::test]
async fn who_is_invisible_and_who_is_offline_are_the_same_to_the_byte() {
    let (_server, ann, ben, _) = couple().await;
    let mut anns = ann.socket().await;
    let bens = ben.socket().await;
    anns.presence(&ben).await;
    bens.cut();
    let frame = anns.presence(&ben).await;
    assert_eq!(frame["status"], "offline");
    let offline = bytes(&ann, &ben).await;
    assert_eq!(ann.friend(&ben).await["presence"]["last_seen_at"], frame["last_seen_at"]);
    ben.set_status("invisible").await.is(200);
    let (phone, mut phones) = (ben.log_in("phone").await, ben.socket().await);
    assert_eq!(phone.get("/me").await.is(200)["status"], "invisible", "one's own devices see it");
    for frame in presence_within(&mut anns, Duration::from_secs(3)).await {
        assert_eq!(frame["status"], "offline");
    }
    assert_eq!(bytes(&ann, &ben).await, offline);
    // He hears everything.
    ann.say(&ann.room(&ben), "m-1", "are you there?").await.is(201);
    phones.event_of("message.sent").await;
    drop(phones);
    assert_eq!(presence_within(&mut anns, Duration::from_secs(3)).await, Vec::<Value>::new());
    assert_eq!(bytes(&ann, &ben).await, offline, "nor does he go");
}

#[tokio::test]
async fn a_stranger_and_who_is_blocked_learn_nothing() {
    let server = Server::start().await;
    let (ann, ben) = friends_at(&server).await;
    let (cleo, dora) = (server.person("cleo").await, server.person("dora").await);
    befriend(&cleo, &ben).await;
    ben.put(&format!("/blocks/{}", cleo.id)).await.is(204);
    let (mut anns, mut cleos, mut doras) = (ann.socket().await, cleo.socket().await, dora.socket().await);
    let mut bens = ben.socket().await;
    anns.presence(&ben).await;
    let hidden = bytes(&cleo, &ben).await;
    ben.set_status("away").await.is(200);
    anns.presence(&ben).await;
    bens.event_of("status.changed").await;
    for socket in [&mut cleos, &mut doras] {
        assert_eq!(presence_within(socket, Duration::from_millis(300)).await, Vec::<Value>::new());
    }
    assert_eq!(bytes(&cleo, &ben).await, hidden);
    assert_eq!(cleo.friend(&ben).await["presence"]["status"], "offline");
    for path in [format!("/users/{}", ben.id), format!("/users?ids={}", ben.id), "/users?nickname=ben".into()] {
        let found = dora.get(&path).await.is(200).to_string();
        assert!(!found.contains("presence") && !found.contains("away") && !found.contains("last_seen"), "{found}");
    }
    dora.get(&format!("/friends/{}", ben.id)).await.refused(405, "request.method_not_allowed");
}

#[tokio::test]
async fn who_is_not_to_be_disturbed_still_hears_everything() {
    let (_server, ann, ben, room) = couple().await;
    ben.set_status("dnd").await.is(200);
    let mut bens = ben.socket().await;
    ann.say(&room, "m-1", "psst").await.is(201);
    assert_eq!(bens.event_of("message.sent").await["data"]["content"]["text"], "psst");
}

#[tokio::test]
async fn a_status_that_is_none_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    for status in ["offline", "", "Online", "busy", "online "] {
        let answer = ann.set_status(status).await;
        answer.refused(422, "request.invalid");
        assert_eq!(answer.broken_fields(), [("status".to_owned(), "invalid".to_owned())]);
    }
    for body in [json!({}), json!({ "status": null }), json!({ "status": 3 }), json!({ "status": ["away"] })] {
        ann.call(reqwest::Method::PUT, "/me/status", &body).await.refused(422, "request.invalid");
    }
    let more = json!({ "status": "away", "until": "later" });
    ann.call(reqwest::Method::PUT, "/me/status", &more).await.refused(422, "request.unknown_field");
    ann.anonymous()
        .call(reqwest::Method::PUT, "/me/status", &json!({ "status": "away" }))
        .await
        .refused(401, "auth.required");
    assert_eq!(ann.get("/me").await.is(200)["status"], "online");
    assert_eq!(ann.log_head().await, 0);
}

#[tokio::test]
async fn a_status_and_when_one_was_seen_outlive_a_crash() {
    let (mut server, ann, ben, _) = couple().await;
    let mut anns = ann.socket().await;
    let bens = ben.socket().await;
    anns.presence(&ben).await;
    drop(bens);
    anns.presence(&ben).await;
    ben.set_status("invisible").await.is(200);
    let before = bytes(&ann, &ben).await;
    assert!(ann.friend(&ben).await["presence"]["last_seen_at"].is_string());
    server.kill();
    server.restart().await;
    assert_eq!(bytes(&ann, &ben).await, before);
    assert_eq!(ben.get("/me").await.is(200)["status"], "invisible");
}

#[tokio::test]
async fn friends_are_told_of_a_peer_that_hung_up_without_a_word() {
    let server = Server::with(&[("socket.heartbeat_seconds", "1")]).await;
    let (ann, ben) = friends_at(&server).await;
    let (mut anns, bens) = (ann.socket().await, ben.socket().await);
    anns.presence(&ben).await;
    looks(&ann, &ben, "online").await;
    // It is not read from any more, so it answers no ping.
    let silent = bens;
    let told = async {
        loop {
            let frame = anns.presence(&ben).await;
            if frame["status"] == "offline" {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(8), told).await.expect("friends are told");
    drop(silent);
    within(Duration::from_secs(1), "offline", async || {
        (ann.friend(&ben).await["presence"]["status"] == "offline").then_some(())
    })
    .await;
}
