//! Showing that one writes: for those who are there now, and for no file.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::groups::group_of;
use crate::support::{Answer, Event, Person, Server, Socket, WORLD, couple};

async fn type_in(who: &Person, room: &str) -> Answer {
    who.act(&format!("/rooms/{room}/typing")).await
}

/// What a socket hears up to this.
async fn until_changed(socket: &mut Socket, who: &Person, name: &str) -> Vec<Value> {
    who.patch("/me", &json!({ "nickname": name })).await.is(200);
    let mut heard = Vec::new();
    loop {
        let event = socket.event().await;
        if event["type"] == "profile.changed" && event["data"]["nickname"] == name {
            return heard;
        }
        heard.push(event);
    }
}

fn is_typing(event: &Value) -> bool {
    event["type"] == "typing"
}

#[tokio::test]
async fn who_writes_is_shown_to_those_who_are_there_and_nothing_of_it_is_kept() {
    let server = Server::start().await;
    let (people, _, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, eve) = (&people[0], &people[1], server.person("finn").await);
    let private = ann.room(ben);
    let (mut bens, mut cleos, mut eves) = (ben.socket().await, people[2].socket().await, eve.socket().await);
    let before = server.rows().await;
    for place in [&room, &private] {
        type_in(ann, place).await.is(204);
        for listener in [&mut bens, &mut cleos].into_iter().take(if place == &room { 2 } else { 1 }) {
            let event = listener.event().await;
            let expires = event["expires_in_ms"].as_i64().unwrap();
            assert!((1_000..=30_000).contains(&expires), "{event}");
            let whole = json!({ "type": "typing", "room": place, "user_id": ann.id, "expires_in_ms": expires });
            assert_eq!(event, whole, "it has no number, and ends by itself");
        }
    }
    for _ in 0..50 {
        type_in(ann, &room).await.is(204);
    }
    assert_eq!(server.rows().await, before, "no table has grown");
    assert_eq!(until_changed(&mut cleos, &people[2], "Cleo").await.iter().filter(|event| is_typing(event)).count(), 50);
    assert_eq!(until_changed(&mut eves, &eve, "Eve").await, Vec::<Value>::new(), "nobody else hears of it");
}

#[tokio::test]
async fn who_may_not_write_is_not_shown_writing() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let (private, stranger) = (ann.room(ben), server.person("dora").await);
    let mut anns = ann.socket().await;
    type_in(&stranger, &room).await.refused(404, "resource.not_found");
    type_in(&stranger, &private).await.refused(404, "resource.not_found");
    type_in(&stranger, &stranger.room(ann)).await.refused(403, "friend.not_friend");
    type_in(ann, WORLD).await.refused(422, "room.invalid");
    for absent in ["g:999999", "w:2"] {
        type_in(ann, absent).await.refused(404, "resource.not_found");
    }
    // What they were allowed a moment ago is not what they are allowed now.
    for (who, place) in [(ben, &room), (cleo, &room), (ben, &private), (ann, &private)] {
        who.say(place, "m-1", "hello").await.is(201);
    }
    let mute = format!("/groups/{id}/members/{}/mute", ben.id);
    let until = json!({ "until": "2099-12-31T23:59:59.000Z" });
    ann.call(Method::PUT, &mute, &until).await.is(204);
    type_in(ben, &room).await.refused(403, "group.member_muted");
    let my = ben.get(&format!("/rooms/{room}")).await.is(200)["my"].clone();
    assert_eq!((&my["can_send"], &my["muted_until"]), (&json!(false), &until["until"]));
    ann.delete(&mute).await.is(204);
    ann.put(&format!("/groups/{id}/mute")).await.is(204);
    type_in(ben, &room).await.refused(403, "group.muted");
    ann.delete(&format!("/groups/{id}/mute")).await.is(204);
    ann.put(&format!("/blocks/{}", ben.id)).await.is(204);
    type_in(ben, &private).await.refused(403, "friend.not_friend");
    type_in(ann, &private).await.refused(403, "friend.blocked");
    ann.delete(&format!("/groups/{id}/members/{}", cleo.id)).await.is(204);
    type_in(cleo, &room).await.refused(404, "resource.not_found");
    let heard = until_changed(&mut anns, ann, "Annie").await;
    assert!(!heard.iter().any(is_typing), "{heard:?}");
    type_in(ben, &room).await.is(204);
    assert!(is_typing(&anns.event().await), "who may write is shown");
    ann.delete(&format!("/groups/{id}")).await.is(204);
    type_in(ben, &room).await.refused(410, "group.dissolved");
}

#[tokio::test]
async fn between_strangers_who_may_write_to_each_other_nothing_is_kept_either() {
    let server = Server::with(&[("friends.required", "false")]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let (room, mut bens) = (ann.room(&ben), ben.socket().await);
    let before = server.rows().await;
    type_in(&ann, &room).await.is(204);
    assert_eq!(server.rows().await, before, "a room is opened by its first message");
    assert_eq!(until_changed(&mut bens, &ben, "Benny").await, Vec::<Value>::new());
    ann.say(&room, "m-1", "Hello stranger").await.is(201);
    bens.event_of("message.sent").await;
    type_in(&ann, &room).await.is(204);
    assert_eq!(bens.event().await["user_id"], ann.id);
}

#[tokio::test]
async fn what_was_shown_while_nobody_was_there_is_gone() {
    let (_server, ann, ben, room) = couple().await;
    type_in(&ann, &room).await.is(204);
    let mut bens = ben.socket().await;
    assert_eq!(bens.next_within(Duration::from_millis(300)).await, None::<Event>);
}
