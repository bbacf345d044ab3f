//! Catching up in one call.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::groups::group_of;
use crate::support::{Person, Server, WORLD, befriend, couple, seq};

async fn sync(person: &Person, log: i64, rooms: Value, limit: usize) -> Value {
    person.post("/sync", &json!({ "log": log, "rooms": rooms, "limit": limit })).await.is(200)
}

#[tokio::test]
async fn one_call_equals_ones_log_and_the_history_of_every_room() {
    let server = Server::start().await;
    let (people, _, club) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let private = ann.room(ben);
    for n in 0..24 {
        let room = [club.as_str(), &private, WORLD][n % 3];
        ben.say(room, &format!("m-{n}"), &format!("text {n}")).await.is(201);
    }
    ben.act(&format!("/rooms/{club}/entries/5/retract")).await.is(200);
    ann.put(&format!("/conversations/{private}/hidden/4")).await.is(204);
    ann.read(&club, 6).await.is(200);
    let epoch = server.stranger().get("/meta").await.is(200)["epoch"].clone();
    for (log, after, limit) in [(0, 0, 100), (0, 0, 3), (2, 5, 2), (1, 7, 1), (0, 8, 100)] {
        let synced = sync(ann, log, json!({ &club: after, &private: after, WORLD: after }), limit).await;
        let page = ann.get(&format!("/log?after={log}&limit={limit}")).await.is(200);
        assert_eq!(synced["log"], page);
        assert_eq!((&synced["epoch"], &synced["joined"]), (&epoch, &json!([])));
        for room in [club.as_str(), &private, WORLD] {
            let page = ann.history(room, &format!("after={after}&limit={limit}")).await;
            let chat = ann.chat(room).await;
            let expected = json!({
                "items": page["items"], "head": page["last"], "read": chat["read_seq"], "more": page["has_more"],
            });
            assert_eq!(synced["rooms"][room], expected, "{room} after {after}, {limit} at the most");
        }
    }
    let nothing = ann.post("/sync", &json!({})).await.is(200);
    assert_eq!((&nothing["rooms"], &nothing["joined"]), (&json!({}), &json!([private, club, WORLD])));
}

#[tokio::test]
async fn rooms_that_are_not_ones_own_are_gone_and_never_fail_the_call() {
    let server = Server::start().await;
    let (people, id, club) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let foreign = befriend(ben, cleo).await;
    ann.say(&club, "m-1", "hello").await.is(201);
    ann.delete(&format!("/groups/{id}/members/{}", cleo.id)).await.is(204);
    let wish = json!({ &club: 3, &ann.room(ben): 0, "g:999": 17, "w:2": 0, WORLD: 0, "p:999:9999": 1 });
    let synced = sync(cleo, 0, wish, 10).await;
    for room in [&club, &ann.room(ben), "g:999", "w:2", "p:999:9999"] {
        assert_eq!(synced["rooms"][room], json!({ "gone": true }), "{room}");
    }
    let empty = json!({ "items": [], "head": 0, "read": 0, "more": false });
    assert_eq!(synced["rooms"][WORLD], empty);
    let mut own = vec![ann.room(cleo), foreign];
    own.sort_unstable();
    assert_eq!(synced["joined"], json!(own));
    // A group that ended is still its members' to read.
    ann.delete(&format!("/groups/{id}")).await.is(204);
    let synced = sync(ben, 0, json!({ &club: 0 }), 100).await;
    assert_eq!(synced["rooms"][&club]["items"].as_array().unwrap().last().unwrap()["type"], "group.dissolved");
}

#[tokio::test]
async fn rooms_that_were_not_named_are_told_and_so_is_what_opened_them() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    assert_eq!(sync(&ann, 0, json!({}), 10).await["joined"], json!([WORLD]));
    let private = befriend(&ann, &ben).await;
    let made = ben.post("/groups", &json!({ "name": "Club", "member_ids": [ann.id] })).await.is(201);
    let club = made["room"].as_str().unwrap();
    let synced = sync(&ann, 0, json!({ WORLD: 0 }), 10).await;
    assert_eq!(synced["joined"], json!([private, club]));
    let told: Vec<&Value> = synced["log"]["items"].as_array().unwrap().iter().map(|entry| &entry["type"]).collect();
    assert_eq!(told, ["friend.requested", "friend.added", "group.joined"]);
    assert_eq!(sync(&ann, 3, json!({ WORLD: 0, &private: 0, club: 0 }), 10).await["joined"], json!([]));
}

#[tokio::test]
async fn numbers_that_were_cleared_or_before_the_join_are_a_gap() {
    let server = Server::start().await;
    let (people, id, club) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], server.person("cleo").await);
    befriend(ann, &cleo).await;
    ben.say(&club, "m-1", "before").await.is(201);
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    let joined = json!({ "from": 1, "to": 4, "why": "before_join" });
    let synced = sync(&cleo, 0, json!({ &club: 0 }), 10).await["rooms"][&club].clone();
    assert_eq!((&synced["gap"], &synced["items"][0]["seq"]), (&joined, &json!(5)));
    assert_eq!(sync(&cleo, 0, json!({ &club: 2 }), 10).await["rooms"][&club]["gap"]["from"], 3);
    for after in [4, 5] {
        assert!(sync(&cleo, 0, json!({ &club: after }), 10).await["rooms"][&club].get("gap").is_none());
    }
    ben.say(&club, "m-2", "after").await.is(201);
    cleo.delete(&format!("/conversations/{club}")).await.is(204);
    let synced = sync(&cleo, 0, json!({ &club: 1 }), 10).await["rooms"][&club].clone();
    let expected = json!({
        "items": [], "head": 6, "read": 0, "more": false, "gap": { "from": 2, "to": 6, "why": "cleared" },
    });
    assert_eq!(synced, expected);
    ben.say(&club, "m-3", "new").await.is(201);
    for after in [0, 3, 6, 7] {
        let synced = sync(&cleo, 0, json!({ &club: after }), 10).await["rooms"][&club].clone();
        let page = cleo.history(&club, &format!("after={after}")).await;
        assert_eq!((&synced["items"], synced.get("gap")), (&page["items"], page.get("gap")), "after {after}");
        assert_eq!(synced["items"].as_array().unwrap().len(), usize::from(after < 7));
    }
}

#[tokio::test]
async fn a_thousand_entries_come_together_and_every_room_that_has_more_says_so() {
    const ROOMS: usize = 12;
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let mut sending = JoinSet::new();
    for _ in 0..ROOMS {
        let room = ann.post("/groups", &json!({ "name": "Mine" })).await.is(201)["room"].as_str().unwrap().to_owned();
        let ann = ann.clone();
        sending.spawn(async move {
            for n in 0..98 {
                ann.say(&room, &format!("m-{n}"), "hello").await.is(201);
            }
            room
        });
    }
    let rooms = sending.join_all().await;
    let mut known: serde_json::Map<String, Value> = rooms.iter().map(|room| (room.clone(), json!(0))).collect();
    let mut sizes = Vec::new();
    loop {
        let synced = sync(&ann, 0, json!(known), 100).await;
        let mut size = 0;
        for room in &rooms {
            let newer = &synced["rooms"][room];
            let items = newer["items"].as_array().unwrap();
            for entry in items {
                assert_eq!(seq(entry), known[room].as_i64().unwrap() + 1);
                known[room] = entry["seq"].clone();
            }
            size += items.len();
            assert_eq!(newer["head"], 100);
            assert_eq!(newer["more"], known[room] != 100, "{room}");
        }
        sizes.push(size);
        if known.values().all(|known| *known == 100) {
            break;
        }
    }
    assert_eq!(sizes, [1000, 200]);
}

#[tokio::test]
async fn bad_input_is_refused_by_name_and_a_number_beyond_the_end_is_ahead() {
    let (server, ann, _ben, room) = couple().await;
    let refused = async |body: Value, code: &str, field: Option<&str>| {
        let answer = ann.post("/sync", &body).await;
        answer.refused(422, code);
        if let Some(field) = field {
            assert_eq!(answer.broken_fields()[0].0, field, "{body}");
        }
    };
    for limit in [json!(0), json!(101), json!(-1), json!("10")] {
        refused(json!({ "limit": limit }), "request.invalid", Some("limit")).await;
    }
    refused(json!({ "log": -1 }), "request.invalid", Some("log")).await;
    for name in ["x", "", "g:0", "p:9:3", "w:", "g:01", "G:1"] {
        refused(json!({ "rooms": { name: 0 } }), "request.invalid", Some("rooms")).await;
    }
    for seq in [json!(-1), json!("1"), json!(null), json!(1.5)] {
        refused(json!({ "rooms": { &room: seq } }), "request.invalid", None).await;
    }
    refused(json!({ "rooms": [] }), "request.invalid", None).await;
    refused(json!({ "colour": "red" }), "request.unknown_field", None).await;
    let many = |count: i64| json!({ "rooms": (1..=count).map(|n| (format!("g:{n}"), json!(0))).collect::<serde_json::Map<_, _>>() });
    refused(many(1001), "request.invalid", Some("rooms")).await;
    let synced = ann.post("/sync", &many(1000)).await.is(200);
    assert_eq!(synced["rooms"].as_object().unwrap().len(), 1000);
    ann.post("/sync", &json!({ "log": ann.log_head().await + 1 })).await.refused(409, "log.ahead");
    // A room never fails the call: its head says that the caller's number is none of it.
    let ahead = sync(&ann, 0, json!({ &room: 99 }), 10).await["rooms"][&room].clone();
    assert_eq!(ahead, json!({ "items": [], "head": 1, "read": 0, "more": false }));
    server.stranger().post("/sync", &json!({})).await.refused(401, "auth.required");
}
