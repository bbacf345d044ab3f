//! The world channel: everybody reads it, administrators run it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jim_core::time::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::groups::types;
use crate::support::{Answer, Person, Server, WORLD, eventually, seq};

async fn set(root: &Person, change: Value) -> Value {
    root.patch("/world/1", &change).await.is(200)
}

fn mute(user: i64) -> String {
    format!("/world/1/mutes/{user}")
}

/// Many people, a few of whom come at a time: all at once would wait too long for their passwords on a busy machine.
async fn crowd(server: &Server, count: usize) -> Vec<Person> {
    let coming = (0..count).map(async |n| Person::register(&server.stranger(), &format!("guest-{n}")).await);
    stream::iter(coming).buffered(8).collect().await
}

#[tokio::test]
async fn what_somebody_says_reaches_everybody_once_and_is_written_once() {
    const MESSAGES: i64 = 10;
    let server = Server::start().await;
    let people = crowd(&server, 50).await;
    let mut sockets = Vec::new();
    for person in &people {
        sockets.push(person.socket().await);
    }
    // Whoever has written once has a row for how far he has read, as everywhere.
    let first = people[0].say(WORLD, "first", "Hello world").await.is(201);
    assert_eq!((&first["log"], &first["seq"]), (&json!(WORLD), &json!(1)));
    let kept = async || (server.rows().await["jim_conversations"] == 1).then_some(());
    eventually("the mark of the first", kept).await;
    let mut expected = server.rows().await;
    for n in 0..MESSAGES {
        people[0].say(WORLD, &format!("m-{n}"), "To all").await.is(201);
    }
    let history = people[1].whole_history(WORLD).await;
    for socket in &mut sockets {
        let events = socket.until(WORLD, MESSAGES + 1).await;
        assert_eq!(events, history, "each once, in order");
    }
    *expected.get_mut("jim_entries").unwrap() += MESSAGES;
    assert_eq!(server.rows().await, expected, "nothing is written for each of the fifty");
    people[0].patch("/me", &json!({ "nickname": "Last" })).await.is(200);
    assert_eq!(sockets[0].event().await["type"], "profile.changed", "and nothing came twice");
}

#[tokio::test]
async fn everybody_reads_it_from_its_beginning_page_by_page_who_came_later_too() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    for n in 0..25 {
        ann.say(WORLD, &format!("m-{n}"), &format!("text {n}")).await.is(201);
    }
    let late = server.person("late").await;
    let seen = late.get("/rooms/w:1").await.is(200);
    assert_eq!((&seen["kind"], &seen["first"], &seen["head"]), (&json!("world"), &json!(1), &json!(25)));
    assert_eq!(seen["my"], json!({ "can_send": true, "can_moderate": false }));
    assert_eq!(seen["world"], late.get("/world/1").await.is(200));
    let list = json!({ "items": [seen["world"]], "next": null, "log": late.log_head().await });
    assert_eq!(late.get("/world").await.is(200), list);
    let (mut pages, mut before) = (Vec::new(), 26);
    while before > 1 {
        let page = late.history(WORLD, &format!("before={before}&limit=7")).await;
        let items = page["items"].as_array().unwrap().clone();
        assert_eq!(page["has_more"], items.len() == 7, "{page}");
        before = seq(&items[0]);
        pages.splice(0..0, items);
    }
    assert_eq!(pages, late.whole_history(WORLD).await);
    assert_eq!(pages.len(), 25);
    let listed = late.get("/conversations").await.is(200)["items"][0].clone();
    assert_eq!((&listed["room"], &listed["unread"]), (&json!(WORLD), &json!(25)));
    assert_eq!(late.socket().await.head(WORLD), Some(25));
    for nowhere in ["/world/2", "/world/0", "/world/-1", "/world/x", "/rooms/w:2", "/rooms/w:2/entries", "/rooms/w:x"] {
        late.get(nowhere).await.refused(404, "resource.not_found");
    }
    late.say("w:2", "m-1", "Nobody").await.refused(404, "resource.not_found");
    server.stranger().get("/rooms/w:1/entries").await.refused(401, "auth.required");
}

#[tokio::test]
async fn a_closed_channel_is_closed_at_once_for_all_but_administrators_and_stays_so() {
    let mut server = Server::start().await;
    let (root, ann) = (server.admin("root").await, server.person("ann").await);
    let mut anns = ann.socket().await;
    ann.say(WORLD, "m-0", "Hello world").await.is(201);
    for _ in 0..2 {
        assert_eq!(set(&root, json!({ "open": false })).await["open"], false);
    }
    ann.say(WORLD, "m-1", "Hello?").await.refused(403, "world.closed");
    ann.say(WORLD, "m-0", "Hello world").await.is(200);
    root.say(WORLD, "m-1", "Closed for tonight").await.is(201);
    assert_eq!(ann.get("/rooms/w:1").await.is(200)["my"]["can_send"], false);
    assert_eq!(ann.get("/world/1").await.is(200)["open"], false);
    let events = anns.until(WORLD, 3).await;
    assert_eq!(types(&events), ["message.sent", "world.closed", "message.sent"]);
    assert_eq!((&events[1]["by"], &events[1]["data"]), (&json!(root.id), &json!({ "open": false })));
    for stop in ["kill", "stop"] {
        if stop == "kill" {
            server.kill();
        } else {
            assert_eq!(server.stop().await, Some(0));
        }
        server.restart().await;
        ann.say(WORLD, "m-1", "Hello?").await.refused(403, "world.closed");
        root.say(WORLD, stop, "Still closed").await.is(201);
    }
    assert_eq!(set(&root, json!({ "open": true })).await["open"], true);
    ann.say(WORLD, "m-1", "Hello?").await.is(201);
    assert_eq!(types(&ann.whole_history(WORLD).await)[5..], ["world.opened", "message.sent"]);
}

#[tokio::test]
async fn the_log_shows_nobody_writing_while_it_was_closed() {
    let server = Server::start().await;
    let root = server.admin("root").await;
    let people = crowd(&server, 20).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut talking = JoinSet::new();
    for person in people {
        let stop = stop.clone();
        talking.spawn(async move {
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let answer = person.say(WORLD, &format!("m-{n}"), "and").await;
                if answer.status != 201 {
                    answer.refused(403, "world.closed");
                }
            }
        });
    }
    for n in 0..10 {
        set(&root, json!({ "open": false })).await;
        root.say(WORLD, &format!("m-{n}"), "Quiet!").await.is(201);
        set(&root, json!({ "open": true })).await;
        let head = root.get("/rooms/w:1").await.is(200)["head"].as_i64().unwrap();
        let spoken = async || (root.get("/rooms/w:1").await.is(200)["head"].as_i64() > Some(head + 20)).then_some(());
        eventually("people speak again", spoken).await;
    }
    stop.store(true, Ordering::Relaxed);
    talking.join_all().await;
    let (mut open, mut closed, mut spoke) = (true, 0, 0);
    for (n, entry) in root.whole_history(WORLD).await.iter().enumerate() {
        assert_eq!(seq(entry), i64::try_from(n).unwrap() + 1, "no number is missing");
        match entry["type"].as_str().unwrap() {
            "world.closed" => (open, closed) = (false, closed + 1),
            "world.opened" => open = true,
            "message.sent" if entry["by"] != root.id => {
                assert!(open, "{entry}");
                spoke += 1;
            }
            _ => {}
        }
    }
    assert!(closed == 10 && spoke > 200, "{closed}, {spoke}");
}

#[tokio::test]
async fn who_is_muted_is_told_until_when_and_writes_again_after_it() {
    let server = Server::start().await;
    let (root, other) = (server.admin("root").await, server.admin("root-2").await);
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let put = async |user: i64, body: Value| root.call(Method::PUT, &mute(user), &body).await;
    ann.say(WORLD, "m-0", "Hello world").await.is(201);
    let until = SystemClock.now().plus(Duration::from_secs(3)).to_string();
    for _ in 0..2 {
        put(ann.id, json!({ "until": until })).await.is(204);
    }
    assert_eq!(ann.say(WORLD, "m-1", "Hello?").await.refused(403, "world.muted")["until"], until);
    let my = json!({ "can_send": false, "can_moderate": false, "muted_until": until });
    assert_eq!(ann.get("/rooms/w:1").await.is(200)["my"], my);
    ann.say(WORLD, "m-0", "Hello world").await.is(200);
    ben.say(WORLD, "m-1", "I may").await.is(201);
    eventually("the mute ends", async || (ann.say(WORLD, "m-1", "Hello?").await.status == 201).then_some(())).await;
    put(ann.id, json!({})).await.is(204);
    let refused = ann.say(WORLD, "m-2", "Hello?").await.refused(403, "world.muted");
    assert!(refused.get("until").is_none(), "for good: {refused}");
    for _ in 0..2 {
        root.delete(&mute(ann.id)).await.is(204);
    }
    ann.say(WORLD, "m-2", "Hello?").await.is(201);
    for admin in [&root, &other] {
        put(admin.id, json!({})).await.refused(403, "admin.required");
        admin.say(WORLD, "m-1", "I may").await.is(201);
    }
    for nobody in ["999999", "0", "-1", "x"] {
        let path = format!("/world/1/mutes/{nobody}");
        root.call(Method::PUT, &path, &json!({})).await.refused(404, "resource.not_found");
    }
    let history = root.whole_history(WORLD).await;
    let told: Vec<_> = history.iter().filter(|entry| entry["type"] != "message.sent").collect();
    let told: Vec<_> = told.iter().map(|entry| (&entry["type"], &entry["by"], &entry["data"])).collect();
    let (muted, by) = (json!("member.muted"), json!(root.id));
    let for_a_while = json!({ "user_id": ann.id, "until": until });
    let for_good = json!({ "user_id": ann.id });
    let lifted = json!("member.unmuted");
    assert_eq!(told, [(&muted, &by, &for_a_while), (&muted, &by, &for_good), (&lifted, &by, &for_good)]);
}

#[tokio::test]
async fn in_a_slow_channel_each_waits_for_his_turn_and_a_repeat_takes_none() {
    let server = Server::start().await;
    let (root, ann, ben) = (server.admin("root").await, server.person("ann").await, server.person("ben").await);
    set(&root, json!({ "slow_mode_seconds": 4 })).await;
    let waits = |answer: &Answer| {
        answer.refused(429, "world.slow_mode");
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=4).contains(&seconds), "{seconds}");
    };
    ann.say(WORLD, "m-1", "One").await.is(201);
    waits(&ann.say(WORLD, "m-2", "Two").await);
    ben.say(WORLD, "m-1", "Each for himself").await.is(201);
    for n in 0..5 {
        root.say(WORLD, &format!("m-{n}"), "At once").await.is(201);
    }
    let sent = ann.say(WORLD, "m-1", "One").await.is(200);
    ann.say(WORLD, "m-1", "Another").await.refused(409, "message.ref_conflict");
    eventually("the turn of ben", async || (ben.say(WORLD, "m-2", "Two").await.status == 201).then_some(())).await;
    // Ann's turn has come before: repeats of what she said leave it to her, and of what she may not say too.
    assert_eq!(ann.say(WORLD, "m-1", "One").await.is(200), sent);
    ann.say(WORLD, "m-1", "Another").await.refused(409, "message.ref_conflict");
    let wrong = json!({ "client_ref": "m-2", "content": { "kind": "text", "text": "Two" }, "reply_to": 9999 });
    ann.post("/rooms/w:1/messages", &wrong).await.refused(422, "message.reply_invalid");
    ann.say(WORLD, "m-2", "Two").await.is(201);
    let mut round = 0;
    let many = async || {
        let mut sending = JoinSet::new();
        round += 1;
        for n in 0..20 {
            let (ann, name) = (ann.clone(), format!("s-{round}-{n}"));
            sending.spawn(async move { ann.say(WORLD, &name, "Me").await });
        }
        let mut answers = sending.join_all().await;
        answers.retain(|answer| answer.status != 201);
        answers.iter().for_each(waits);
        Some(20 - answers.len()).filter(|sent| *sent > 0)
    };
    assert_eq!(eventually("the turn of ann", many).await, 1, "of many at once one has it");
    set(&root, json!({ "slow_mode_seconds": 0 })).await;
    for n in 4..8 {
        ann.say(WORLD, &format!("m-{n}"), "Fast").await.is(201);
    }
    let history = root.whole_history(WORLD).await;
    let slowed: Vec<_> = history.iter().filter(|entry| entry["type"] == "world.slowed").collect();
    assert_eq!(
        slowed.iter().map(|entry| &entry["data"]).collect::<Vec<_>>(),
        [&json!({ "slow_mode_seconds": 4 }), &json!({ "slow_mode_seconds": 0 }),]
    );
}

#[tokio::test]
async fn only_administrators_run_it_and_values_that_make_no_sense_change_nothing() {
    let server = Server::start().await;
    let (root, ann, ben) = (server.admin("root").await, server.person("ann").await, server.person("ben").await);
    let begun = ann.get("/world/1").await.is(200);
    for change in [json!({ "open": false }), json!({ "slow_mode_seconds": 9 }), json!({})] {
        ann.patch("/world/1", &change).await.refused(403, "admin.required");
    }
    for user in [ann.id, ben.id, root.id] {
        ann.call(Method::PUT, &mute(user), &json!({})).await.refused(403, "admin.required");
        ann.delete(&mute(user)).await.refused(403, "admin.required");
    }
    for wrong in [json!(-1), json!(86_401), json!(10_i64.pow(18)), json!("1"), json!(0.5)] {
        let refused = root.patch("/world/1", &json!({ "slow_mode_seconds": wrong })).await;
        refused.refused(422, "request.invalid");
        assert_eq!(refused.broken_fields()[0].0, "slow_mode_seconds", "{wrong}");
    }
    for wrong in [json!(1), json!("yes"), json!(-1)] {
        root.patch("/world/1", &json!({ "open": wrong })).await.refused(422, "request.invalid");
    }
    root.patch("/world/1", &json!({ "name": "Mine" })).await.refused(422, "request.unknown_field");
    root.patch("/world/1", &json!({ "open": false, "slow_mode_seconds": -1 })).await.refused(422, "request.invalid");
    root.patch("/world/2", &json!({ "open": false })).await.refused(404, "resource.not_found");
    for wrong in [json!(-1), json!(0), json!(10_i64.pow(18)), json!("soon"), json!("2020-01-01T00:00:00Z")] {
        let refused = root.call(Method::PUT, &mute(ann.id), &json!({ "until": wrong })).await;
        refused.refused(422, "request.invalid");
        assert_eq!(refused.broken_fields()[0].0, "until", "{wrong}");
    }
    assert_eq!(ann.get("/world/1").await.is(200), begun);
    assert_eq!(ann.whole_history(WORLD).await, Vec::<Value>::new(), "nothing was said");
    ann.say(WORLD, "m-1", "Hello world").await.is(201);
    assert_eq!(set(&root, json!({ "slow_mode_seconds": 86_400 })).await["slow_mode_seconds"], 86_400);
}
