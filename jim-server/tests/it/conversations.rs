//! The chat list: its order, what it shows of each room, and what one keeps about a room for oneself.

use std::collections::HashMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::groups::group_of;
use crate::support::{Person, Server, WORLD, befriend, couple, message, seq};

/// The rooms of a list, in its order.
fn rooms(chats: &[Value]) -> Vec<&str> {
    chats.iter().map(|chat| chat["room"].as_str().unwrap()).collect()
}

/// A group without anybody else.
async fn own_group(person: &Person) -> String {
    person.post("/groups", &json!({ "name": "Mine" })).await.is(201)["room"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_list_is_newest_first_and_shows_the_last_entry_and_what_is_unread_as_a_model_does() {
    let server = Server::start().await;
    server.stick();
    let (people, _, club) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let [ann, ben, cleo] = &people[..] else { panic!("three people") };
    let rooms = [(club, vec![ann, ben, cleo]), (ann.room(ben), vec![ann, ben]), (ann.room(cleo), vec![ann, cleo])];
    let mut last: HashMap<&str, Value> = HashMap::new();
    let mut unread: HashMap<&str, i64> = HashMap::new();
    let mut rng = StdRng::seed_from_u64(11);
    for step in 0..120 {
        let (room, members) = &rooms[rng.random_range(0..rooms.len())];
        let sender = members[rng.random_range(0..members.len())];
        let entry = sender.say(room, &format!("m-{step}"), &format!("text {step}")).await.is(201);
        last.insert(room, entry.clone());
        let count = unread.entry(room).or_default();
        *count = if sender.id == ann.id { 0 } else { *count + 1 };
        if rng.random_bool(0.1) {
            ann.read(room, seq(&entry)).await.is(200);
            unread.insert(room, 0);
        }
        if step % 10 != 0 || last.len() < rooms.len() {
            continue;
        }
        let chats = ann.chats("").await;
        assert_eq!(chats.len(), rooms.len() + 1, "and the world channel");
        for chat in &chats[..rooms.len()] {
            let room = chat["room"].as_str().unwrap();
            assert_eq!((&chat["last_entry"], &chat["unread"]), (&last[room], &json!(unread[room])), "step {step}");
            assert_eq!((&chat["updated_at"], &chat["last_seq"]), (&last[room]["at"], &last[room]["seq"]));
        }
        assert_eq!(chats[0]["updated_at"], entry["at"], "the room with the newest entry is first");
        assert!(chats[..3].windows(2).all(|pair| pair[0]["updated_at"].as_str() >= pair[1]["updated_at"].as_str()));
    }
    let chat = ann.chat(&ann.room(ben)).await;
    assert_eq!((&chat["kind"], &chat["peer"]), (&json!("private"), &json!({ "id": ben.id, "nickname": "ben" })));
    let chat = ann.chat(&rooms[0].0).await;
    assert_eq!((&chat["kind"], &chat["group"]), (&json!("group"), &ann.get("/groups").await.is(200)["items"][0]));
}

#[tokio::test]
async fn the_world_channel_is_in_everybodys_list_and_can_be_put_away_like_any_room() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let chats = ann.chats("").await;
    assert_eq!(rooms(&chats), [WORLD]);
    assert_eq!((&chats[0]["kind"], &chats[0]["unread"]), (&json!("world"), &json!(0)));
    assert!(chats[0].get("updated_at").is_none() && chats[0].get("last_entry").is_none(), "nothing happened yet");
    assert_eq!(chats[0]["world"], ann.get("/world/1").await.is(200));
    ann.set_chat(WORLD, &json!({ "hidden": true })).await.is(200);
    assert_eq!(rooms(&ann.chats("").await), Vec::<&str>::new());
    let entry = ben.say(WORLD, "m-1", "Hello world").await.is(201);
    let chats = ann.chats("").await;
    assert_eq!((&chats[0]["last_entry"], &chats[0]["unread"]), (&entry, &json!(1)));
}

#[tokio::test]
async fn the_last_entry_is_a_stub_once_it_is_taken_back() {
    let (_server, ann, ben, room) = couple().await;
    let sent = seq(&ben.say(&room, "m-1", "secret").await.is(201));
    let event = ben.act(&format!("/rooms/{room}/entries/{sent}/retract")).await.is(200);
    let chats = ann.chats("latest=2").await;
    assert_eq!(chats[0]["last_entry"], event);
    let stub = &chats[0]["entries"][0];
    assert_eq!(stub["data"]["retracted"]["by"], ben.id);
    assert_eq!((&stub["data"]["client_ref"], stub["data"].get("content")), (&json!("m-1"), None));
    assert_eq!(chats[0]["unread"], 0);
}

#[tokio::test]
async fn pinned_rooms_stand_on_top_the_newest_pin_first_and_for_their_owner_alone() {
    let mut server = Server::start().await;
    let (people, _, club) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let (private, mine) = (ann.room(ben), own_group(ann).await);
    let bens = ben.chats("").await;
    for room in [&club, &private] {
        assert_eq!(ann.set_chat(room, &json!({ "pinned": true })).await.is(200)["pinned"], true);
        // Of two pins in one millisecond none is the newer one.
        sleep(Duration::from_millis(2)).await;
    }
    ann.say(&mine, "m-1", "the newest").await.is(201);
    assert_eq!(rooms(&ann.chats("").await), [&private, &club, &mine, WORLD]);
    ann.say(&club, "m-2", "a pin is not moved by an entry").await.is(201);
    ann.set_chat(&club, &json!({ "pinned": true, "muted": true })).await.is(200);
    assert_eq!(rooms(&ann.chats("").await), [&private, &club, &mine, WORLD], "pinned again is not pinned anew");
    server.stop().await;
    server.restart().await;
    assert_eq!(rooms(&ann.chats("").await), [&private, &club, &mine, WORLD]);
    assert!(ben.chats("").await.iter().all(|chat| chat["pinned"] == false && chat["muted"] == false));
    assert_eq!(bens.len(), ben.chats("").await.len());
    ann.set_chat(&private, &json!({ "pinned": false })).await.is(200);
    assert_eq!(rooms(&ann.chats("").await), [&club, &mine, &private, WORLD]);
}

#[tokio::test]
async fn what_one_keeps_about_a_room_is_told_to_ones_own_devices_once() {
    let (server, ann, ben, room) = couple().await;
    server.stick();
    let phone = ann.log_in("phone").await;
    let (mut phones, mut bens) = (phone.socket().await, ben.socket().await);
    let head = seq(&ann.say(&room, "m-1", "hello").await.is(201));
    assert_eq!(phones.event().await["type"], "message.sent");
    for (field, on) in [("pinned", true), ("muted", true), ("hidden", true), ("pinned", false), ("hidden", false)] {
        let before = ann.log_head().await;
        for _ in 0..2 {
            let seen = ann.set_chat(&room, &json!({ field: on })).await.is(200);
            assert_eq!(seen[field], on);
            assert_eq!(seen, phone.chat(&room).await);
        }
        let event = phones.event().await;
        let mut data = json!({ "room": room, field: on });
        if field == "hidden" {
            data["seq"] = json!(head);
        }
        assert_eq!((&event["type"], &event["data"]), (&json!(format!("conversation.{field}")), &data));
        assert_eq!(ann.log_head().await, before + 1, "what does not change is not told");
    }
    ann.set_chat(&room, &json!({})).await.is(200);
    ann.set_chat(&room, &json!({ "pinned": false, "muted": true, "hidden": false })).await.is(200);
    ann.set_chat(&room, &json!({ "pinned": true, "muted": false, "hidden": true })).await.is(200);
    for kind in ["conversation.pinned", "conversation.muted", "conversation.hidden"] {
        assert_eq!(phones.event().await["type"], kind);
    }
    assert_eq!(bens.event().await["type"], "message.sent");
    ben.patch("/me", &json!({ "status_text": "here" })).await.is(200);
    assert_eq!(bens.event().await["type"], "profile.changed", "and nothing of ann's before");
}

#[tokio::test]
async fn a_hidden_room_comes_back_with_a_new_entry() {
    let (_server, ann, ben, room) = couple().await;
    for round in 0..2 {
        ann.set_chat(&room, &json!({ "hidden": true })).await.is(200);
        assert_eq!(rooms(&ann.chats("").await), [WORLD]);
        assert_eq!(rooms(&ann.chats("hidden=true").await), [&room, WORLD]);
        assert_eq!(rooms(&ben.chats("").await), [&room, WORLD]);
        ben.say(&room, &format!("m-{round}"), "still there?").await.is(201);
        let chats = ann.chats("").await;
        assert_eq!((rooms(&chats), &chats[0]["hidden"]), (vec![room.as_str(), WORLD], &json!(false)));
    }
}

#[tokio::test]
async fn a_muted_room_is_still_delivered_and_counted() {
    let (_server, ann, ben, room) = couple().await;
    let mut anns = ann.socket().await;
    ann.set_chat(&room, &json!({ "muted": true })).await.is(200);
    let mut wish = message("m-1", "Do you hear me?");
    wish["mentions"] = json!([ann.id]);
    let entry = ben.post(&format!("/rooms/{room}/messages"), &wish).await.is(201);
    assert_eq!(anns.event_of("message.sent").await, entry);
    let chat = ann.chat(&room).await;
    assert_eq!((&chat["muted"], &chat["unread"], &chat["mentions"]), (&json!(true), &json!(1), &json!(1)));
}

#[tokio::test]
async fn a_walk_through_many_rooms_loses_and_repeats_nothing() {
    let (_server, ann, ben, private) = couple().await;
    let mut expected = vec![private.clone()];
    for _ in 0..22 {
        expected.insert(0, own_group(&ann).await);
    }
    for room in [7, 3, 20].map(|at: usize| expected[at].clone()) {
        ann.set_chat(&room, &json!({ "pinned": true })).await.is(200);
        expected.retain(|other| *other != room);
        expected.insert(0, room);
    }
    let hidden = expected.remove(10);
    ann.set_chat(&hidden, &json!({ "hidden": true })).await.is(200);
    expected.push(WORLD.to_owned());
    for limit in [1, 2, 7, 23, 24, 25, 100] {
        let walked = ann.chats(&format!("limit={limit}")).await;
        let mut seen = rooms(&walked);
        assert_eq!(seen[..3], expected[..3], "pins by pages of {limit}");
        // Two rooms of one millisecond stand in the order of their names.
        assert!(walked[3..].windows(2).all(|pair| pair[0]["updated_at"].as_str() >= pair[1]["updated_at"].as_str()));
        let mut all = expected.clone();
        seen.sort_unstable();
        all.sort_unstable();
        assert_eq!(seen, all, "pages of {limit}");
    }
    let cursor = ann.get("/conversations?limit=2").await.is(200)["next"].as_str().unwrap().to_owned();
    ann.get(&format!("/conversations?hidden=true&cursor={cursor}")).await.refused(422, "cursor.invalid");
    ben.get(&format!("/conversations?cursor={cursor}")).await.refused(422, "cursor.invalid");
    for query in ["limit=0", "limit=101", "latest=0", "latest=101", "latest=x", "hidden=maybe", "limit=-1"] {
        let answer = ann.get(&format!("/conversations?{query}")).await;
        answer.refused(422, "request.invalid");
        assert_eq!(answer.broken_fields()[0].0, query.split('=').next().unwrap());
    }
    assert_eq!(ann.get("/conversations").await.is(200)["log"], ann.log_head().await);
}

#[tokio::test]
async fn the_latest_entries_of_every_room_come_in_one_call_as_single_calls_show_them() {
    let server = Server::start().await;
    server.stick();
    let (people, id, club) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], server.person("cleo").await);
    let foreign = befriend(ben, &cleo).await;
    befriend(ann, &cleo).await;
    for n in 0..30 {
        let room = [&club, &ann.room(ben), &foreign, &WORLD.to_owned(), &club][n % 5].clone();
        ben.say(&room, &format!("m-{n}"), &format!("text {n}")).await.is(201);
    }
    // All that changes how an entry looks, and where a room begins.
    ben.act(&format!("/rooms/{club}/entries/12/retract")).await.is(200);
    ann.put(&format!("/conversations/{club}/hidden/13")).await.is(204);
    ann.delete(&format!("/conversations/{}", ann.room(ben))).await.is(204);
    ben.say(&ann.room(ben), "fresh", "after the cut").await.is(201);
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    for person in [ann, ben, &cleo] {
        for latest in [1, 3, 100] {
            let chats = person.chats(&format!("latest={latest}&limit=2")).await;
            for chat in &chats {
                let page = person.history(chat["room"].as_str().unwrap(), &format!("limit={latest}")).await;
                assert_eq!(chat["entries"], page["items"], "{} of {}", chat["room"], person.name);
                let last = page["items"].as_array().unwrap().last();
                assert_eq!((chat.get("last_entry"), &chat["last_seq"]), (last, &page["last"]));
            }
            let hello = person.socket().await.hello().clone();
            let mut own: Vec<&str> = hello["heads"].as_object().unwrap().keys().map(String::as_str).collect();
            own.retain(|log| *log != "me");
            let mut seen = rooms(&chats);
            seen.sort_unstable();
            assert_eq!(seen, own, "only own rooms, and all of them");
        }
    }
    assert!(ann.chats("").await.iter().all(|chat| chat.get("entries").is_none()));
}

#[tokio::test]
async fn a_page_with_many_entries_of_each_room_has_fewer_rooms() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    for _ in 0..11 {
        own_group(&ann).await;
    }
    let page = ann.get("/conversations?latest=100&limit=100").await.is(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 10);
    assert_eq!(ann.chats("latest=100&limit=100").await.len(), 12, "the world channel too, page by page");
}

#[tokio::test]
async fn many_lists_at_once_do_not_wait_for_each_other() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    for _ in 0..5 {
        own_group(&ann).await;
    }
    let mut asking = JoinSet::new();
    for _ in 0..32 {
        let ann = ann.clone();
        asking
            .spawn(async move { ann.get("/conversations?latest=5").await.is(200)["items"].as_array().unwrap().len() });
    }
    assert_eq!(asking.join_all().await, vec![6; 32]);
}

#[tokio::test]
async fn rooms_that_are_not_ones_own_or_no_rooms_change_nothing() {
    let (server, ann, ben, room) = couple().await;
    let cleo = server.person("cleo").await;
    let club = own_group(&ann).await;
    let (before, chats) = (ann.chats("latest=9").await, ben.chats("latest=9").await);
    let strange = cleo.room(&ann);
    let names =
        [&room, &club, &strange, "g:999", "w:2", "p:1:999999", "p:9:3", "p:03:4", "g:0", "g:-1", "x", "%20", "w:01"];
    for name in names {
        cleo.set_chat(name, &json!({ "pinned": true, "hidden": true })).await.refused(404, "resource.not_found");
        cleo.delete(&format!("/conversations/{name}")).await.refused(404, "resource.not_found");
        cleo.put(&format!("/conversations/{name}/hidden/1")).await.refused(404, "resource.not_found");
    }
    for number in ["0", "-1", "2", "99", "x", "1.5", "9007199254740992"] {
        ann.put(&format!("/conversations/{room}/hidden/{number}")).await.refused(404, "resource.not_found");
    }
    for (body, code) in [
        (json!({ "pinned": 1 }), "request.invalid"),
        (json!({ "muted": "yes" }), "request.invalid"),
        (json!({ "pinned": true, "colour": "red" }), "request.unknown_field"),
        (json!([]), "request.invalid"),
    ] {
        ann.set_chat(&room, &body).await.refused(422, code);
    }
    server.stranger().get("/conversations").await.refused(401, "auth.required");
    assert_eq!((ann.chats("latest=9").await, ben.chats("latest=9").await), (before, chats));
    assert_eq!(cleo.log_head().await, 0);
    assert_eq!(rooms(&cleo.chats("hidden=true").await), [WORLD]);
}
