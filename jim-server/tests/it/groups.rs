//! Groups: how they come to be, who comes and goes, and their end.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Person, Server, Socket, befriend, eventually, seq};

/// An owner, so many friends of his, and a group of them all.
pub(crate) async fn group_of(server: &Server, names: &[&str]) -> (Vec<Person>, i64, String) {
    let mut people: Vec<Person> = Vec::new();
    for name in names {
        let person = server.person(name).await;
        if let Some(owner) = people.first() {
            befriend(owner, &person).await;
        }
        people.push(person);
    }
    let ids: Vec<i64> = people[1..].iter().map(|person| person.id).collect();
    let group = people[0].post("/groups", &json!({ "name": "Club", "member_ids": ids })).await.is(201);
    let id = group["id"].as_i64().unwrap();
    (people, id, format!("g:{id}"))
}

/// What comes of a room on a socket up to the entry of this number.
async fn heard(socket: &mut Socket, room: &str, seq: i64) -> Vec<Value> {
    let mut events = socket.until(room, seq).await;
    events.retain(|event| event["log"] == room);
    events
}

pub(crate) fn types(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

async fn members(person: &Person, id: i64) -> Vec<(i64, String)> {
    let head = async || person.get(&format!("/rooms/g:{id}")).await.is(200)["head"].as_i64().unwrap();
    let before = head().await;
    let list = person.get(&format!("/groups/{id}/members")).await.is(200);
    assert!((before..=head().await).contains(&list["seq"].as_i64().unwrap()), "{list}");
    let row = |member: &Value| (member["user"]["id"].as_i64().unwrap(), member["role"].as_str().unwrap().to_owned());
    list["items"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn a_group_is_made_of_its_owner_and_his_friends_and_each_is_told() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    befriend(&ann, &ben).await;
    let (mut anns, mut bens) = (ann.socket().await, ben.socket().await);
    let wish = json!({ "name": " Book club ", "member_ids": [ben.id, ann.id, ben.id] });
    let made = ann.post("/groups", &wish).await.is(201);
    let (id, room) = (made["id"].as_i64().unwrap(), made["room"].as_str().unwrap().to_owned());
    assert_eq!(room, format!("g:{id}"));
    assert_eq!(made["name"], "Book club", "trimmed; oneself and twins do not matter");
    assert_eq!(made["invited"], json!([]));
    assert_eq!((&made["owner_id"], &made["member_count"]), (&json!(ann.id), &json!(2)));
    assert_eq!((&made["join_policy"], &made["invite_policy"]), (&json!("approval"), &json!("members")));
    assert_eq!((&made["history_policy"], &made["muted"]), (&json!("joined"), &json!(false)));
    assert_eq!(made["my"], json!({ "role": "owner" }));
    assert_eq!(members(&ben, id).await, [(ann.id, "owner".to_owned()), (ben.id, "member".to_owned())]);

    let mut news = bens.until(&room, 3).await;
    while types(&news).iter().all(|kind| *kind != "group.joined") {
        news.push(bens.event().await);
    }
    let joined = news.iter().find(|event| event["type"] == "group.joined").unwrap()["data"].clone();
    let seen = ben.get(&format!("/groups/{id}")).await.is(200);
    for (field, value) in seen.as_object().unwrap() {
        assert_eq!(&joined[field], value, "{field}: the event carries what the list shows");
    }
    assert_eq!(ben.get("/groups").await.is(200)["items"], json!([seen]));
    assert_eq!(anns.event_of("group.joined").await["data"]["my"]["role"], "owner");
    let entries = ben.whole_history(&room).await;
    assert_eq!(types(&entries), ["group.created", "member.joined", "member.joined"]);
    assert_eq!(entries[0]["data"], json!({ "name": "Book club" }));
    assert_eq!(entries[2]["data"], json!({ "user_id": ben.id, "nickname": "ben", "role": "member" }));
    assert_eq!(entries[2]["by"], ann.id);
    news.retain(|event| event["log"] == room);
    assert_eq!(news, entries, "what is pushed is what history shows");
    let view = ben.get(&format!("/rooms/{room}")).await.is(200);
    assert_eq!((&view["kind"], &view["first"], &view["head"]), (&json!("group"), &json!(1), &json!(3)));
    assert_eq!(view["my"], json!({ "role": "member", "can_send": true, "can_moderate": false }));
    assert_eq!(view["group"], seen);
}

#[tokio::test]
async fn friends_are_added_all_or_none_and_who_blocks_is_asked_in_words_only() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let (cleo, dora) = (server.person("cleo").await, server.person("dora").await);
    let add =
        async |who: &Person, ids: Value| who.post(&format!("/groups/{id}/members"), &json!({ "user_ids": ids })).await;
    befriend(ann, &cleo).await;
    for broken in [0, -1, 999_999, (1_i64 << 53) - 1, i64::MAX] {
        let refused = add(ann, json!([cleo.id, broken])).await.refused(422, "request.invalid");
        assert_eq!(refused["errors"][0]["field"], "user_ids");
    }
    add(ann, json!("x")).await.refused(422, "request.invalid");
    add(ann, json!(vec![cleo.id; 101])).await.refused(422, "request.invalid");
    let wish = json!({ "name": "None", "member_ids": [cleo.id, 999_999] });
    let refused = ann.post("/groups", &wish).await.refused(422, "request.invalid");
    assert_eq!(refused["errors"][0]["field"], "member_ids");
    assert_eq!(members(ann, id).await.len(), 2, "nothing was done");
    cleo.put(&format!("/blocks/{}", ann.id)).await.is(204);
    let before = cleo.log_types(0).await;
    assert_eq!(add(ann, json!([cleo.id])).await.is(200), json!({ "added": [], "invited": [cleo.id] }));
    assert_eq!(cleo.log_types(0).await, before);
    cleo.get(&format!("/groups/{id}")).await.refused(404, "resource.not_found");
    cleo.delete(&format!("/blocks/{}", ann.id)).await.is(204);
    assert_eq!(add(ann, json!([cleo.id, ben.id])).await.is(200), json!({ "added": [cleo.id], "invited": [] }));
    assert_eq!(members(&cleo, id).await.len(), 3);
    ann.put(&format!("/blocks/{}", cleo.id)).await.is(204);
    dora.get(&format!("/groups/{id}")).await.refused(404, "resource.not_found");
    dora.say(&room, "d-1", "let me in").await.refused(404, "resource.not_found");
    dora.get(&format!("/rooms/{room}/entries")).await.refused(404, "resource.not_found");
    add(&dora, json!([dora.id])).await.refused(404, "resource.not_found");
}

#[tokio::test]
async fn a_message_reaches_each_member_once_and_nobody_else() {
    let server = Server::start().await;
    let (people, _, room) = group_of(&server, &["ann", "ben", "cleo", "dora"]).await;
    let stranger = server.person("finn").await;
    let mut sockets = Vec::new();
    for person in &people {
        sockets.push(person.socket().await);
    }
    let mut eves = stranger.socket().await;
    let head = 5;
    for n in 1..=20 {
        let sender = &people[n % 4];
        let entry = sender.say(&room, &format!("m-{n}"), &format!("text {n}")).await.is(201);
        assert_eq!(seq(&entry), head + i64::try_from(n).unwrap());
    }
    let history = people[3].history(&room, "after=5").await["items"].as_array().unwrap().clone();
    assert_eq!(history.len(), 20);
    for socket in &mut sockets {
        assert_eq!(heard(socket, &room, head + 20).await, history);
    }
    let sent = stranger.put(&format!("/blocks/{}", people[0].id)).await;
    sent.is(204);
    assert_eq!(eves.event().await["type"], "block.added", "and nothing of the group before");
}

#[tokio::test]
async fn who_is_removed_is_told_and_reads_and_writes_no_more() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let mut cleos = cleo.socket().await;
    let last = seq(&cleo.say(&room, "mine", "before").await.is(201));
    ben.delete(&format!("/groups/{id}/members/{}", cleo.id)).await.refused(403, "group.role_required");
    ann.delete(&format!("/groups/{id}/members/{}", ann.id)).await.refused(403, "group.role_required");
    ann.delete(&format!("/groups/{id}/members/{}", cleo.id)).await.is(204);
    ann.delete(&format!("/groups/{id}/members/{}", cleo.id)).await.is(204);
    for n in 0..100 {
        ann.say(&room, &format!("m-{n}"), "without cleo").await.is(201);
    }
    let left = cleos.event_of("group.left").await;
    assert_eq!(left["data"], json!({ "group_id": id, "room": room }));
    cleo.say(&room, "again", "after").await.refused(404, "resource.not_found");
    assert_eq!(seq(&cleo.say(&room, "mine", "before").await.is(200)), last, "a repeat of what was accepted");
    for path in [format!("/rooms/{room}"), format!("/rooms/{room}/entries"), format!("/rooms/{room}/entries/{last}")] {
        cleo.get(&path).await.refused(404, "resource.not_found");
    }
    assert_eq!(cleo.get("/groups").await.is(200)["items"], json!([]));
    ann.put(&format!("/blocks/{}", cleo.id)).await.is(204);
    cleo.put(&format!("/blocks/{}", ben.id)).await.is(204);
    let event = cleos.event().await;
    assert_eq!(event["type"], "block.added", "nothing of the group came after: {event}");
    let hello = cleo.socket().await.hello().clone();
    assert!(hello["heads"].get(&room).is_none(), "{hello}");
    let removed = ann.whole_history(&room).await.into_iter().find(|entry| entry["type"] == "member.removed").unwrap();
    assert_eq!((&removed["data"], &removed["by"]), (&json!({ "user_id": cleo.id }), &json!(ann.id)));
}

#[tokio::test]
async fn the_owner_goes_last_and_the_group_with_him() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    ann.act(&format!("/groups/{id}/leave")).await.refused(409, "group.owner_must_transfer");
    ben.act(&format!("/groups/{id}/leave")).await.is(204);
    ben.act(&format!("/groups/{id}/leave")).await.refused(404, "resource.not_found");
    ben.get(&format!("/rooms/{room}/entries")).await.refused(404, "resource.not_found");
    ann.act(&format!("/groups/{id}/leave")).await.is(204);
    ann.get(&format!("/groups/{id}")).await.refused(404, "resource.not_found");
    assert_eq!(ann.get("/groups").await.is(200)["items"], json!([]));
}

#[tokio::test]
async fn a_dissolved_group_is_gone_for_its_members_and_was_never_there_for_others() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben, eve) = (&people[0], &people[1], server.person("finn").await);
    let mut bens = ben.socket().await;
    ben.say(&room, "m-1", "hello").await.is(201);
    ben.delete(&format!("/groups/{id}")).await.refused(403, "group.role_required");
    ann.delete(&format!("/groups/{id}")).await.is(204);
    assert_eq!(bens.event_of("group.dissolved").await["by"], ann.id);
    for person in [ann, ben] {
        person.say(&room, "m-2", "still here?").await.refused(410, "group.dissolved");
        person.get(&format!("/groups/{id}")).await.refused(410, "group.dissolved");
        person.get(&format!("/groups/{id}/members")).await.refused(410, "group.dissolved");
        assert_eq!(person.get("/groups").await.is(200)["items"], json!([]));
        assert_eq!(*types(&person.whole_history(&room).await).last().unwrap(), "group.dissolved");
    }
    ann.delete(&format!("/groups/{id}")).await.refused(410, "group.dissolved");
    ben.say(&room, "m-1", "hello").await.is(200);
    eve.get(&format!("/groups/{id}")).await.refused(404, "resource.not_found");
    let next = ann.post("/groups", &json!({ "name": "Next" })).await.is(201);
    assert!(next["id"].as_i64().unwrap() > id, "an id is never used again");
}

#[tokio::test]
async fn new_members_read_from_their_join_on_or_everything_as_the_group_says() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let ann = &people[0];
    ann.say(&room, "m-1", "before").await.is(201);
    let (cleo, dora) = (server.person("cleo").await, server.person("dora").await);
    for (person, policy, first) in [(&cleo, "joined", 5), (&dora, "all", 1)] {
        befriend(ann, person).await;
        ann.patch(&format!("/groups/{id}"), &json!({ "history_policy": policy })).await.is(200);
        let mut socket = person.socket().await;
        ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [person.id] })).await.is(200);
        assert_eq!(seq(&person.whole_history(&room).await[0]), first, "{policy}");
        assert_eq!(person.get(&format!("/rooms/{room}")).await.is(200)["first"], first);
        let head = seq(&person.history(&room, "limit=1").await["items"][0]);
        assert_eq!(seq(&heard(&mut socket, &room, head).await[0]), first, "the socket begins there too");
    }
    let gap = cleo.history(&room, "after=0").await["gap"].clone();
    assert_eq!(gap, json!({ "from": 1, "to": 4, "why": "before_join" }));
    cleo.get(&format!("/rooms/{room}/entries/4")).await.refused(404, "resource.not_found");
    cleo.act(&format!("/groups/{id}/leave")).await.is(204);
    ann.patch(&format!("/groups/{id}"), &json!({ "history_policy": "joined" })).await.is(200);
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    let again = cleo.whole_history(&room).await;
    assert_eq!(types(&again), ["member.joined"], "from the newest join on");
}

#[tokio::test]
async fn a_blacklisted_person_is_kept_out_until_he_is_let_back() {
    let server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    befriend(ben, cleo).await;
    let add = async |who: &Person| who.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await;
    ann.delete(&format!("/groups/{id}/members/{}?blacklist=true", cleo.id)).await.is(204);
    for who in [ann, ben] {
        add(who).await.refused(403, "group.blacklisted");
    }
    ben.get(&format!("/groups/{id}/blacklist")).await.refused(403, "group.role_required");
    let list = ann.get(&format!("/groups/{id}/blacklist")).await.is(200);
    assert_eq!(list["items"][0]["user"], json!({ "id": cleo.id, "nickname": "cleo" }));
    let page = ann.get(&format!("/groups/{id}/members?limit=1")).await.is(200);
    let rest = format!("/groups/{id}/members?cursor={}", page["next"].as_str().unwrap());
    ann.get(&rest).await.is(200);
    ben.get(&rest).await.refused(422, "cursor.invalid");
    for _ in 0..2 {
        ann.delete(&format!("/groups/{id}/blacklist/{}", cleo.id)).await.is(204);
    }
    assert_eq!(add(ben).await.is(200)["added"], json!([cleo.id]));
    for _ in 0..2 {
        ann.put(&format!("/groups/{id}/blacklist/{}", cleo.id)).await.is(204);
    }
    assert_eq!(members(ann, id).await.len(), 2, "no member is on it");
    cleo.get(&format!("/groups/{id}")).await.refused(404, "resource.not_found");
    ann.put(&format!("/groups/{id}/blacklist/999999")).await.refused(404, "resource.not_found");
    ann.put(&format!("/groups/{id}/blacklist/{}", ann.id)).await.refused(403, "group.role_required");
}

#[tokio::test]
async fn of_many_who_are_added_at_once_no_more_come_in_than_there_are_places() {
    let server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben"]).await;
    let ann = people[0].clone();
    let mut wanted = Vec::new();
    for n in 0..12 {
        let person = server.person(&format!("guest-{n}")).await;
        befriend(&ann, &person).await;
        wanted.push(person.id);
    }
    ann.patch(&format!("/groups/{id}"), &json!({ "max_members": 1 })).await.refused(422, "request.invalid");
    ann.patch(&format!("/groups/{id}"), &json!({ "max_members": 10_001 })).await.refused(422, "request.invalid");
    ann.patch(&format!("/groups/{id}"), &json!({ "max_members": 5 })).await.is(200);
    let mut adding = JoinSet::new();
    for user in wanted {
        let ann = ann.clone();
        adding.spawn(async move {
            let answer = ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [user] })).await;
            if answer.status == 200 {
                1
            } else {
                answer.refused(409, "group.full");
                0
            }
        });
    }
    assert_eq!(adding.join_all().await.into_iter().sum::<i32>(), 3);
    assert_eq!(members(&ann, id).await.len(), 5);
    assert_eq!(ann.get(&format!("/groups/{id}")).await.is(200)["member_count"], 5);
}

#[tokio::test]
async fn of_many_transfers_at_once_one_owner_comes_out_and_the_old_one_has_no_power() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo", "dora"]).await;
    let ann = &people[0];
    let give =
        async |who: &Person, to: i64| who.post(&format!("/groups/{id}/transfer"), &json!({ "user_id": to })).await;
    let eve = server.person("finn").await;
    give(ann, eve.id).await.refused(422, "group.not_member");
    give(ann, 0).await.refused(422, "group.not_member");
    give(&people[1], people[1].id).await.refused(403, "group.role_required");
    assert_eq!(give(ann, ann.id).await.is(200)["my"]["role"], "owner");
    let mut giving = JoinSet::new();
    for n in 0..60 {
        let (from, to) = (people[n % 4].clone(), people[(n * 7 + 1) % 4].id);
        giving
            .spawn(async move { from.post(&format!("/groups/{id}/transfer"), &json!({ "user_id": to })).await.status });
    }
    let statuses = giving.join_all().await;
    assert!(statuses.iter().all(|status| [200, 403].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200), "somebody gave it away");
    let owners: Vec<i64> =
        members(ann, id).await.into_iter().filter(|(_, role)| role == "owner").map(|(user, _)| user).collect();
    assert_eq!(owners.len(), 1, "{owners:?}");
    assert_eq!(ann.get(&format!("/groups/{id}")).await.is(200)["owner_id"], owners[0]);
    let owner = people.iter().find(|person| person.id == owners[0]).unwrap();
    let heir = people.iter().find(|person| person.id != owners[0]).unwrap();
    give(owner, heir.id).await.is(200);
    owner.delete(&format!("/groups/{id}")).await.refused(403, "group.role_required");
    eventually("the transfer is the last in the log", async || {
        let told = owner.whole_history(&room).await.into_iter().rfind(|entry| entry["type"] == "group.transferred");
        (told?["data"] == json!({ "owner_id": heir.id, "user_id": owner.id })).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dissolved_group_is_left_by_whoever_likes_and_nobody_hears_of_it() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    ann.delete(&format!("/groups/{id}")).await.is(204);
    let mut sockets = [ann.socket().await, ben.socket().await];
    for (person, socket) in [ann, ben].into_iter().zip(&mut sockets) {
        assert!(socket.hello()["heads"].get(&room).is_some());
        person.act(&format!("/groups/{id}/leave")).await.is(204);
        let left = socket.event().await;
        assert_eq!((&left["type"], &left["data"]), (&json!("group.left"), &json!({ "group_id": id, "room": room })));
        person.act(&format!("/groups/{id}/leave")).await.refused(404, "resource.not_found");
        person.get(&format!("/groups/{id}")).await.refused(404, "resource.not_found");
        person.get(&format!("/rooms/{room}/entries")).await.refused(404, "resource.not_found");
        let hello = person.socket().await.hello().clone();
        assert!(hello["heads"].get(&room).is_none(), "{hello}");
    }
    cleo.get(&format!("/groups/{id}")).await.refused(410, "group.dissolved");
    assert_eq!(*types(&cleo.whole_history(&room).await).last().unwrap(), "group.dissolved");
}
