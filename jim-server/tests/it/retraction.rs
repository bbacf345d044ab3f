//! Messages that are taken back: gone from every read and from storage, with a stub in their place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use jim_core::time::{Clock as _, Millis, SystemClock};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::groups::{group_of, types};
use crate::support::{Answer, Person, Server, WORLD, befriend, contains, couple, eventually, seq};

/// A word that stands nowhere else.
const WORD: &str = "xylophone-7919";

async fn retract(who: &Person, room: &str, seq: i64) -> Answer {
    who.act(&format!("/rooms/{room}/entries/{seq}/retract")).await
}

/// Waits until an entry is older than so many seconds.
async fn grow_old(entry: &Value, seconds: u64) {
    let at: Millis = entry["at"].as_str().unwrap().parse().unwrap();
    let over = at.plus(Duration::from_secs(seconds));
    eventually("the time is over", async || (SystemClock.now() > over).then_some(())).await;
}

/// All that somebody can read of a room.
async fn all_reads(who: &Person, room: &str, seq: i64) -> Vec<(String, Value)> {
    let mut reads = Vec::new();
    for path in [
        format!("/rooms/{room}/entries"),
        format!("/rooms/{room}/entries?after={}", seq - 1),
        format!("/rooms/{room}/entries?before={}", seq + 1),
        format!("/rooms/{room}/entries/{seq}"),
        format!("/rooms/{room}/pins"),
        "/conversations".to_owned(),
        "/conversations?latest=10".to_owned(),
        "/log".to_owned(),
    ] {
        let answer = who.get(&path).await.is(200);
        reads.push((path, answer));
    }
    let since = json!({ "log": 0, "rooms": { room: 0 } });
    reads.push(("/sync".to_owned(), who.post("/sync", &since).await.is(200)));
    reads
}

#[tokio::test]
async fn a_text_that_its_author_takes_back_is_gone_from_every_read_and_from_the_file() {
    let (server, ann, ben, room) = couple().await;
    // A short one, and one that a page of the file cannot hold.
    for (text, name) in [(WORD.to_owned(), "short"), (WORD.repeat(280), "long")] {
        let mut bens = ben.socket().await;
        let sent = ann.say(&room, name, &text).await.is(201);
        let seq = seq(&sent);
        ben.put(&format!("/rooms/{room}/pins/{seq}")).await.is(204);
        let answer = json!({ "client_ref": name, "content": { "kind": "text", "text": "So?" }, "reply_to": seq });
        let answer = ben.post(&format!("/rooms/{room}/messages"), &answer).await.is(201);
        let before = all_reads(&ben, &room, seq).await;
        assert!(before.iter().filter(|(_, answer)| answer.to_string().contains(WORD)).count() >= 6, "{before:?}");

        let said = retract(&ann, &room, seq).await.is(200);
        assert_eq!(
            (&said["type"], &said["by"], &said["data"]),
            (&json!("message.retracted"), &json!(ann.id), &json!({ "seq": seq }))
        );
        assert_eq!(bens.event_of("message.retracted").await, said);
        let stub = ann.get(&format!("/rooms/{room}/entries/{seq}")).await.is(200);
        let retracted = stub["data"]["retracted"].clone();
        assert_eq!(retracted["by"], ann.id);
        assert!(retracted["at"].as_str().is_some_and(|at| at >= sent["at"].as_str().unwrap()), "{stub}");
        assert_eq!(stub["data"], json!({ "client_ref": name, "retracted": retracted }), "nothing else is left");
        for field in ["log", "seq", "type", "at", "by"] {
            assert_eq!(stub[field], sent[field], "{field}");
        }
        let quoted = format!("/rooms/{room}/entries/{}", answer["data"]["reply_to"]);
        assert_eq!(ben.get(&quoted).await.is(200), stub, "what was answered shows the stub too");
        for who in [&ann, &ben] {
            for (path, answer) in all_reads(who, &room, seq).await {
                assert!(!answer.to_string().contains(WORD), "{path}: {answer}");
            }
            assert_eq!(who.get(&format!("/rooms/{room}/pins")).await.is(200)["items"], json!([]));
        }
        let (digest, body) = server.stored(&room, seq).await;
        assert!(digest.is_none() && !body.contains(WORD), "{body}");
    }
    let gone = async || (!contains(&server.everything().await, WORD)).then_some(());
    eventually("no file holds the text", gone).await;
}

#[tokio::test]
async fn after_its_time_a_message_stays_unless_who_moderates_takes_it_back() {
    let server = Server::with(&[("limits.retract_seconds", "2")]).await;
    let (people, _, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    assert_eq!(server.stranger().get("/meta").await.is(200)["limits"]["retract_seconds"], 2);
    let in_time = ben.say(&room, "in-time", "Oops").await.is(201);
    retract(ben, &room, seq(&in_time)).await.is(200);
    let (own, owners) = (ben.say(&room, "own", "Hm").await.is(201), ann.say(&room, "hers", "Hm").await.is(201));
    grow_old(&owners, 2).await;
    retract(ben, &room, seq(&own)).await.refused(403, "message.retract_expired");
    retract(ben, &room, seq(&in_time)).await.refused(409, "message.retracted");
    retract(ann, &room, seq(&owners)).await.refused(403, "message.retract_expired");
    retract(ben, &room, seq(&owners)).await.refused(403, "message.not_yours");
    assert_eq!(ben.get(&format!("/rooms/{room}/entries/{}", seq(&own))).await.is(200), own);
    let said = retract(ann, &room, seq(&own)).await.is(200);
    assert_eq!(said["by"], ann.id);
    let warden = server.admin("root").await;
    let worlds = ben.say(WORLD, "world", "Hello world").await.is(201);
    grow_old(&worlds, 2).await;
    retract(ann, WORLD, seq(&worlds)).await.refused(403, "message.not_yours");
    retract(ben, WORLD, seq(&worlds)).await.refused(403, "message.retract_expired");
    retract(&warden, WORLD, seq(&worlds)).await.is(200);
    retract(&warden, &room, seq(&owners)).await.refused(404, "resource.not_found");
}

#[tokio::test]
async fn a_message_is_taken_back_once_and_a_repeat_of_its_send_is_answered_with_the_stub() {
    let (_server, ann, ben, room) = couple().await;
    let mut bens = ben.socket().await;
    let seq = seq(&ann.say(&room, "mine", WORD).await.is(201));
    let mut retracting = JoinSet::new();
    for _ in 0..20 {
        let (ann, room) = (ann.clone(), room.clone());
        retracting.spawn(async move { retract(&ann, &room, seq).await });
    }
    let answers = retracting.join_all().await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refused(409, "message.retracted");
    }
    retract(&ann, &room, seq).await.refused(409, "message.retracted");
    let stub = ann.get(&format!("/rooms/{room}/entries/{seq}")).await.is(200);
    assert_eq!(ann.say(&room, "mine", WORD).await.is(200), stub);
    ben.put(&format!("/rooms/{room}/pins/{seq}")).await.refused(422, "pin.not_message");
    let last = ann.say(&room, "next", "And now").await.is(201);
    let events = bens.until(&room, crate::support::seq(&last)).await;
    assert_eq!(types(&events), ["message.sent", "message.retracted", "message.sent"], "one was said to the room");
}

#[tokio::test]
async fn what_nobody_wrote_and_what_one_cannot_see_is_not_taken_back() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], server.person("cleo").await);
    let private = ann.room(ben);
    retract(ann, &private, 1).await.refused(422, "message.not_retractable");
    retract(ann, &room, 2).await.refused(422, "message.not_retractable");
    let old = seq(&ben.say(&room, "old", "Before").await.is(201));
    let said = retract(ben, &room, old).await.is(200);
    retract(ben, &room, seq(&said)).await.refused(422, "message.not_retractable");
    let old = seq(&ben.say(&room, "old-2", "Before").await.is(201));
    for nothing in ["0", "-1", "999", "x", "9223372036854775807", "1000000000000000000000"] {
        ann.act(&format!("/rooms/{room}/entries/{nothing}/retract")).await.refused(404, "resource.not_found");
    }
    retract(&cleo, &room, old).await.refused(404, "resource.not_found");
    retract(&cleo, &private, 2).await.refused(404, "resource.not_found");
    // An admin who came later sees as little as anybody else who did.
    befriend(ann, &cleo).await;
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    ann.patch(&format!("/groups/{id}/members/{}", cleo.id), &json!({ "role": "admin" })).await.is(200);
    retract(&cleo, &room, old).await.refused(404, "resource.not_found");
    ben.act(&format!("/groups/{id}/leave")).await.is(204);
    retract(ben, &room, old).await.refused(404, "resource.not_found");
    ann.delete(&format!("/groups/{id}")).await.is(204);
    retract(ann, &room, old).await.refused(410, "group.dissolved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_reads_show_the_whole_text_or_the_stub_and_after_the_answer_only_the_stub() {
    const READS: usize = 10_000;
    let (_server, ann, ben, room) = couple().await;
    let entry = seq(&ann.say(&room, "doomed", WORD).await.is(201));
    let (answered, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut reading = JoinSet::new();
    for reader in 0..8 {
        let (ben, room, answered, done) = (ben.clone(), room.clone(), answered.clone(), done.clone());
        reading.spawn(async move {
            let paths = [
                format!("/rooms/{room}/entries/{entry}"),
                format!("/rooms/{room}/entries?after={}&limit=1", entry - 1),
                "/conversations?latest=5".to_owned(),
                format!("/rooms/{room}/entries"),
            ];
            let (mut whole, mut stubs) = (0, 0);
            while done.fetch_add(1, Ordering::SeqCst) < READS {
                let late = answered.load(Ordering::SeqCst);
                let text = ben.get(&paths[reader % paths.len()]).await.is(200).to_string();
                match (text.contains(WORD), text.contains("\"retracted\":{")) {
                    (true, false) if !late => whole += 1,
                    (false, true) => stubs += 1,
                    _ => panic!("late: {late}: {text}"),
                }
            }
            (whole, stubs)
        });
    }
    let half = async || (done.load(Ordering::SeqCst) > READS / 2).then_some(());
    eventually("half of the reads", half).await;
    retract(&ann, &room, entry).await.is(200);
    answered.store(true, Ordering::SeqCst);
    let counts = reading.join_all().await;
    let (whole, stubs) = counts.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    assert_eq!(whole + stubs, READS);
    assert!(whole > 0 && stubs > 0, "{counts:?}");
}

#[tokio::test]
async fn a_crash_leaves_a_message_as_it_was_or_taken_back_in_full() {
    let (mut server, ann, ben, room) = couple().await;
    let mut rng = StdRng::seed_from_u64(14);
    for trial in 0..30 {
        let sent = ann.say(&room, &format!("m-{trial}"), WORD).await.is(201);
        let seq = seq(&sent);
        ben.put(&format!("/rooms/{room}/pins/{seq}")).await.is(204);
        let call = ann.request(reqwest::Method::POST, &format!("/rooms/{room}/entries/{seq}/retract"));
        let retracting = tokio::spawn(Answer::tried(call));
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..12_000))).await;
        server.kill();
        let answered = retracting.await.unwrap().is_ok_and(|answer| answer.status == 200);
        server.restart().await;
        let settled = async || (server.rows().await["jim_outbox"] == 0).then_some(());
        eventually("what was owed is done", settled).await;
        let shown = ben.get(&format!("/rooms/{room}/entries/{seq}")).await.is(200);
        let pinned = ben.get(&format!("/rooms/{room}/pins")).await.is(200)["items"].as_array().unwrap().len();
        let history = ben.whole_history(&room).await;
        let told: Vec<Value> = history.iter().filter(|entry| entry["data"] == json!({ "seq": seq })).cloned().collect();
        let told = types(&told);
        if shown == sent {
            assert!(!answered, "trial {trial}: it was answered");
            assert_eq!((pinned, told), (1, vec!["pin.added"]), "trial {trial}");
            retract(&ann, &room, seq).await.is(200);
        } else {
            assert!(shown["data"]["retracted"].is_object(), "trial {trial}: {shown}");
            assert_eq!((pinned, told), (0, vec!["pin.added", "message.retracted"]), "trial {trial}");
            retract(&ann, &room, seq).await.refused(409, "message.retracted");
        }
    }
}
