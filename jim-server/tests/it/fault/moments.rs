//! A crash at the worst moment.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::{Answer, Server, couple, eventually, message};

/// How long each of these tests goes on trying.
const SPAN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_send_answered_2xx_survives_a_kill_that_follows_at_once() {
    let (mut server, ann, ben, room) = couple().await;
    let end = Instant::now() + SPAN;
    let mut trials = 0;
    while trials < 5 || Instant::now() < end {
        // Several at once, so that the kill meets a commit; the first answer is the signal.
        let mut sends = JoinSet::new();
        for at in 0..8 {
            let (ann, room) = (ann.clone(), room.clone());
            let body = message(&format!("t{trials}-{at}"), "kept");
            let call = ann.request(reqwest::Method::POST, &format!("/rooms/{room}/messages")).json(&body);
            sends.spawn(Answer::tried(call));
        }
        let mut acked = Vec::new();
        while let Some(answer) = sends.join_next().await {
            if let Ok(answer) = answer.unwrap() {
                acked.push(answer.is(201));
                if acked.len() == 1 {
                    server.kill();
                }
            }
        }
        assert!(!acked.is_empty(), "trial {trials}");
        server.restart().await;
        let stored = ben.whole_history(&room).await;
        for entry in &acked {
            assert!(stored.contains(entry), "trial {trials}: {entry} was acknowledged and is gone");
        }
        trials += 1;
    }
}

#[tokio::test]
async fn a_friendship_that_a_crash_meets_is_whole_or_absent_and_greeted_once() {
    let mut server = Server::start().await;
    let mut rng = StdRng::seed_from_u64(7);
    let ann = server.person("ann").await;
    let end = Instant::now() + SPAN;
    let mut trials = 0;
    let mut made = 0;
    while trials < 5 || Instant::now() < end {
        let friend = server.person(&format!("friend-{trials}")).await;
        let request = ann.ask(&friend).await.is(201);
        let accept = format!("/friend-requests/{}/accept", request["id"]);
        let call = friend.request(reqwest::Method::POST, &accept).json(&json!({}));
        let answer = tokio::spawn(Answer::tried(call));
        sleep(Duration::from_micros(rng.random_range(0..8000))).await;
        server.kill();
        let answered = answer.await.unwrap().is_ok();
        server.restart().await;

        let friends = friend.get("/friends").await.is(200);
        if friends["items"] == json!([]) {
            assert!(!answered, "trial {trials}: an acceptance was answered and is gone");
            let open = friend.get("/friend-requests?direction=in").await.is(200);
            assert_eq!(open["items"][0]["status"], "pending", "trial {trials}");
            assert_eq!(befriend_again(&friend, &accept).await, ann.room(&friend));
        } else {
            made += 1;
        }
        let room = ann.room(&friend);
        // What the crash left undone is finished by itself.
        eventually("the greeting", async || (!ann.whole_history(&room).await.is_empty()).then_some(())).await;
        let entries = ann.whole_history(&room).await;
        assert_eq!(entries.len(), 1, "trial {trials}: greeted once: {entries:?}");
        assert_eq!(entries[0]["data"]["content"]["kind"], "system");
        for person in [&ann, &friend] {
            let added = person.log_types(0).await.into_iter().filter(|kind| kind == "friend.added").count();
            assert_eq!(added, if person.id == ann.id { trials + 1 } else { 1 }, "trial {trials}");
        }
        trials += 1;
    }
    assert!(made > 0, "no kill came after the commit: the test shows nothing");
}

async fn befriend_again(friend: &crate::support::Person, accept: &str) -> String {
    let answer = friend.post(accept, &json!({})).await.is(200);
    answer["room"].as_str().unwrap().to_owned()
}
