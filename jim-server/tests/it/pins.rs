//! Messages that a room keeps in sight.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::groups::{group_of, types};
use crate::support::{Answer, Person, Server, WORLD, befriend, couple, seq};

async fn pin(who: &Person, room: &str, seq: i64) -> Answer {
    who.put(&format!("/rooms/{room}/pins/{seq}")).await
}

async fn unpin(who: &Person, room: &str, seq: i64) -> Answer {
    who.delete(&format!("/rooms/{room}/pins/{seq}")).await
}

async fn pins(who: &Person, room: &str) -> Vec<Value> {
    let list = who.get(&format!("/rooms/{room}/pins")).await.is(200);
    assert_eq!((&list["next"], list["log"].is_i64()), (&Value::Null, true));
    list["items"].as_array().unwrap().clone()
}

/// The numbers of the pins, in the order of the list.
async fn pinned(who: &Person, room: &str) -> Vec<i64> {
    pins(who, room).await.iter().map(seq).collect()
}

#[tokio::test]
async fn a_pin_is_told_once_and_listed_with_its_message_the_newest_first() {
    let (_server, ann, ben, room) = couple().await;
    let mut anns = ann.socket().await;
    let first = ann.say(&room, "m-1", "Keep this").await.is(201);
    let second = ben.say(&room, "m-2", "And this").await.is(201);
    for seq in [seq(&first), seq(&second)] {
        for _ in 0..3 {
            pin(&ben, &room, seq).await.is(204);
        }
    }
    let listed = pins(&ann, &room).await;
    assert_eq!(listed.iter().map(|pin| &pin["entry"]).collect::<Vec<_>>(), [&second, &first]);
    assert!(listed.iter().all(|pin| pin["by"] == ben.id && pin["at"].is_string()), "{listed:?}");
    for _ in 0..3 {
        unpin(&ann, &room, seq(&first)).await.is(204);
    }
    assert_eq!(pinned(&ben, &room).await, [seq(&second)]);
    let last = ann.say(&room, "m-3", "The end").await.is(201);
    let events = anns.until(&room, seq(&last)).await;
    assert_eq!(types(&events)[2..], ["pin.added", "pin.added", "pin.removed", "message.sent"], "twice is once");
    for (event, (by, of)) in events[2..].iter().zip([(&ben, &first), (&ben, &second), (&ann, &first)]) {
        assert_eq!((&event["by"], &event["data"]), (&json!(by.id), &json!({ "seq": seq(of) })));
    }
    assert_eq!(ann.history(&room, "after=1").await["items"], json!(events), "history says the same");
}

#[tokio::test]
async fn who_may_pin_is_said_by_the_room() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["owner", "admin", "member"]).await;
    let (warden, stranger) = (server.admin("root").await, server.person("stranger").await);
    let appoint = json!({ "role": "admin" });
    people[0].patch(&format!("/groups/{id}/members/{}", people[1].id), &appoint).await.is(200);
    let entry = seq(&people[2].say(&room, "m-1", "Keep this").await.is(201));
    for who in &people[..2] {
        pin(who, &room, entry).await.is(204);
        unpin(who, &room, entry).await.is(204);
    }
    pin(&people[2], &room, entry).await.refused(403, "group.role_required");
    pin(&people[0], &room, entry).await.is(204);
    unpin(&people[2], &room, entry).await.refused(403, "group.role_required");
    assert_eq!(pinned(&people[2], &room).await, [entry], "every member sees it");
    for who in [&warden, &stranger] {
        pin(who, &room, entry).await.refused(404, "resource.not_found");
        unpin(who, &room, entry).await.refused(404, "resource.not_found");
        who.get(&format!("/rooms/{room}/pins")).await.refused(404, "resource.not_found");
    }
    let worlds = seq(&stranger.say(WORLD, "m-1", "Hello world").await.is(201));
    pin(&stranger, WORLD, worlds).await.refused(403, "admin.required");
    pin(&warden, WORLD, worlds).await.is(204);
    unpin(&stranger, WORLD, worlds).await.refused(403, "admin.required");
    assert_eq!(pinned(&people[2], WORLD).await, [worlds]);
    unpin(&warden, WORLD, worlds).await.is(204);
    assert_eq!(pinned(&people[2], WORLD).await, Vec::<i64>::new());
    people[0].delete(&format!("/groups/{id}")).await.is(204);
    pin(&people[0], &room, entry).await.refused(410, "group.dissolved");
}

#[tokio::test]
async fn who_may_not_write_in_a_private_room_pins_nothing_there() {
    let (_server, ann, ben, room) = couple().await;
    let (kept, other) =
        (ann.say(&room, "m-1", "Keep this").await.is(201), ann.say(&room, "m-2", "Or this").await.is(201));
    pin(&ann, &room, seq(&kept)).await.is(204);
    let head = ann.history(&room, "limit=1").await["last"].clone();
    let refused = async |who: &Person, code: &str| {
        pin(who, &room, seq(&kept)).await.refused(403, code);
        pin(who, &room, seq(&other)).await.refused(403, code);
        unpin(who, &room, seq(&kept)).await.refused(403, code);
    };
    ann.put(&format!("/blocks/{}", ben.id)).await.is(204);
    refused(&ann, "friend.blocked").await;
    refused(&ben, "friend.not_friend").await;
    ann.delete(&format!("/blocks/{}", ben.id)).await.is(204);
    ann.delete(&format!("/friends/{}", ben.id)).await.is(204);
    for who in [&ann, &ben] {
        refused(who, "friend.not_friend").await;
        assert_eq!(pinned(who, &room).await, [seq(&kept)], "it stays in sight");
        assert_eq!(who.history(&room, "limit=1").await["last"], head, "nothing was appended");
    }
    befriend(&ann, &ben).await;
    unpin(&ben, &room, seq(&kept)).await.is(204);
}

#[tokio::test]
async fn whatever_appends_to_a_room_is_counted_with_the_messages() {
    // What all nodes have counted shows a call later: one node is exact.
    let server = Server::embedded(&[("rate.enabled", "true"), ("rate.send", "6/1h")]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let room = befriend(&ann, &ben).await;
    let (first, second) = (ann.say(&room, "m-1", "One").await.is(201), ann.say(&room, "m-2", "Two").await.is(201));
    let retract = format!("/rooms/{room}/entries/{}/retract", seq(&second));
    pin(&ann, &room, seq(&first)).await.is(204);
    unpin(&ann, &room, seq(&first)).await.is(204);
    ann.act(&retract).await.is(200);
    ann.act(&retract).await.refused(409, "message.retracted");
    let limited = [pin(&ann, &room, seq(&first)).await, unpin(&ann, &room, seq(&first)).await, ann.act(&retract).await];
    for answer in &limited {
        answer.refused(429, "rate.limited");
    }
    ann.say(&room, "m-3", "Three").await.refused(429, "rate.limited");
    pin(&ben, &room, seq(&first)).await.is(204);
}

#[tokio::test]
async fn a_room_has_as_many_pins_as_allowed_however_many_come_at_once() {
    const PINS: usize = 5;
    let server = Server::with(&[("limits.pins", "5")]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let room = befriend(&ann, &ben).await;
    let (mut pinning, mut entries) = (JoinSet::new(), Vec::new());
    for n in 0..20 {
        let entry = seq(&ann.say(&room, &format!("m-{n}"), "Keep this").await.is(201));
        entries.push(entry);
        let (who, room) = (if n % 2 == 0 { ann.clone() } else { ben.clone() }, room.clone());
        pinning.spawn(async move { pin(&who, &room, entry).await });
    }
    let answers = pinning.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), PINS);
    for answer in answers.iter().filter(|answer| answer.status != 204) {
        answer.refused(409, "pin.full");
    }
    let full = pinned(&ann, &room).await;
    assert_eq!(full.len(), PINS);
    pin(&ann, &room, full[0]).await.is(204);
    let next = entries.into_iter().find(|entry| !full.contains(entry)).unwrap();
    pin(&ann, &room, next).await.refused(409, "pin.full");
    unpin(&ben, &room, full[0]).await.is(204);
    pin(&ann, &room, next).await.is(204);
    let history = ann.whole_history(&room).await;
    let added = types(&history).into_iter().filter(|kind| *kind == "pin.added").count();
    assert_eq!(added, PINS + 1, "who was refused left no trace");
}

#[tokio::test]
async fn only_messages_that_stand_and_can_be_seen_are_pinned() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], server.person("cleo").await);
    for event in [1, 2] {
        pin(ann, &room, event).await.refused(422, "pin.not_message");
    }
    pin(ann, &ann.room(ben), 1).await.refused(422, "pin.not_message");
    for nothing in ["0", "-1", "999", "x", "9223372036854775807"] {
        ann.put(&format!("/rooms/{room}/pins/{nothing}")).await.refused(404, "resource.not_found");
    }
    for nowhere in ["g:999999", "w:2", "p:1:1", "x"] {
        ann.put(&format!("/rooms/{nowhere}/pins/1")).await.refused(404, "resource.not_found");
        ann.get(&format!("/rooms/{nowhere}/pins")).await.refused(404, "resource.not_found");
    }
    let kept = seq(&ben.say(&room, "m-1", "Before").await.is(201));
    let doomed = seq(&ben.say(&room, "m-2", "Oops").await.is(201));
    pin(ann, &room, kept).await.is(204);
    pin(ann, &room, doomed).await.is(204);
    ben.act(&format!("/rooms/{room}/entries/{doomed}/retract")).await.is(200);
    assert_eq!(pinned(ann, &room).await, [kept], "what was taken back is out of sight");
    pin(ann, &room, doomed).await.refused(422, "pin.not_message");
    unpin(ann, &room, doomed).await.is(204);
    // Who came later, an admin even, sees no pin of before, and cannot make one.
    befriend(ann, &cleo).await;
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    ann.patch(&format!("/groups/{id}/members/{}", cleo.id), &json!({ "role": "admin" })).await.is(200);
    assert_eq!(pinned(&cleo, &room).await, Vec::<i64>::new());
    for answer in [pin(&cleo, &room, kept).await, unpin(&cleo, &room, kept).await] {
        answer.refused(404, "resource.not_found");
    }
    let new = seq(&ben.say(&room, "m-3", "After").await.is(201));
    pin(&cleo, &room, new).await.is(204);
    assert_eq!((pinned(&cleo, &room).await, pinned(ben, &room).await), (vec![new], vec![new, kept]));
    // What somebody deleted for himself shows in his list as everywhere else.
    ben.put(&format!("/conversations/{room}/hidden/{new}")).await.is(204);
    assert_eq!(pins(ben, &room).await[0]["entry"]["data"], json!({ "deleted": true }));
    ben.call(Method::PUT, &format!("/rooms/{room}/pins/{new}"), &json!({})).await.refused(403, "group.role_required");
}

#[tokio::test]
async fn a_pin_that_races_with_a_retraction_does_not_outlive_the_message() {
    let (_server, ann, ben, room) = couple().await;
    for n in 0..40 {
        let entry = seq(&ann.say(&room, &format!("m-{n}"), "Oops").await.is(201));
        let retract = format!("/rooms/{room}/entries/{entry}/retract");
        let (answer, retracted) = tokio::join!(pin(&ben, &room, entry), ann.act(&retract));
        retracted.is(200);
        if answer.status != 204 {
            answer.refused(422, "pin.not_message");
        }
    }
    assert_eq!(pinned(&ann, &room).await, Vec::<i64>::new());
}
