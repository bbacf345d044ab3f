//! What one clears, deletes or erases for oneself, which others keep.

use serde_json::{Value, json};

use crate::groups::group_of;
use crate::support::{Person, Server, befriend, couple, seq};

/// What somebody sees of a room in each way there is: history, the chat list and a catching up from the beginning.
async fn views(person: &Person, room: &str) -> [Vec<Value>; 3] {
    let items = |value: &Value| value.as_array().expect("entries").clone();
    let chats = person.chats("latest=100&hidden=true").await;
    let chat = chats.iter().find(|chat| chat["room"] == room).expect("the room");
    let wish = json!({ "log": 0, "rooms": { room: 0 }, "limit": 100 });
    let synced = person.post("/sync", &wish).await.is(200);
    [person.whole_history(room).await, items(&chat["entries"]), items(&synced["rooms"][room]["items"])]
}

/// The numbers that somebody sees, which are the same in each way.
async fn numbers(person: &Person, room: &str) -> Vec<i64> {
    let [history, chats, synced] = views(person, room).await;
    assert_eq!((&history, &history), (&chats, &synced), "history, chat list and sync agree");
    history.iter().map(seq).collect()
}

#[tokio::test]
async fn clearing_a_room_empties_ones_own_view_up_to_now_and_nobody_elses() {
    let server = Server::start().await;
    let (people, _, club) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let phone = ann.log_in("phone").await;
    for room in [&club, &ann.room(ben)] {
        for n in 0..5 {
            ben.say(room, &format!("m-{n}"), "hello").await.is(201);
        }
        let mut phones = phone.socket().await;
        let (bens, head) = (views(ben, room).await, phones.head(room).unwrap());
        assert_eq!(ann.chat(room).await["unread"], 5);
        let before = ann.log_head().await;
        for _ in 0..2 {
            ann.delete(&format!("/conversations/{room}")).await.is(204);
        }
        let told = phones.event().await;
        assert_eq!(
            (&told["type"], &told["data"]),
            (&json!("conversation.cleared"), &json!({ "room": room, "seq": head }))
        );
        assert_eq!(ann.log_head().await, before + 1, "cleared again, nothing is told");
        for device in [ann, &phone] {
            assert_eq!(numbers(device, room).await, Vec::<i64>::new());
            let chat = device.chat(room).await;
            assert_eq!((&chat["unread"], chat.get("last_entry"), &chat["last_seq"]), (&json!(0), None, &json!(head)));
            assert_eq!(device.get(&format!("/rooms/{room}")).await.is(200)["first"], 0);
            device.get(&format!("/rooms/{room}/entries/{head}")).await.refused(404, "resource.not_found");
            let gap = device.history(room, "after=0").await["gap"].clone();
            assert_eq!(gap, json!({ "from": 1, "to": head, "why": "cleared" }));
            assert_eq!(device.history(room, &format!("before={head}")).await["items"], json!([]));
        }
        assert_eq!(views(ben, room).await, bens);
        let entry = ben.say(room, "new", "after the cut").await.is(201);
        assert_eq!(phones.event().await, entry);
        assert_eq!(numbers(ann, room).await, [head + 1]);
        assert_eq!((&ann.chat(room).await["unread"], &ann.chat(room).await["last_entry"]), (&json!(1), &entry));
        ann.put(&format!("/conversations/{room}/hidden/{head}")).await.refused(404, "resource.not_found");
        let answer = json!({ "client_ref": "r", "content": { "kind": "text", "text": "?" }, "reply_to": head });
        ann.post(&format!("/rooms/{room}/messages"), &answer).await.refused(422, "message.reply_invalid");
    }
}

#[tokio::test]
async fn a_cut_outlives_a_crash() {
    let (mut server, ann, ben, room) = couple().await;
    ben.say(&room, "m-1", "hello").await.is(201);
    ben.say(&room, "m-2", "hello").await.is(201);
    ann.put(&format!("/conversations/{room}/hidden/2")).await.is(204);
    ben.delete(&format!("/conversations/{room}")).await.is(204);
    server.kill();
    server.restart().await;
    assert_eq!(ann.whole_history(&room).await[1]["data"], json!({ "deleted": true }));
    assert_eq!(numbers(&ben, &room).await, Vec::<i64>::new());
}

#[tokio::test]
async fn an_entry_deleted_for_oneself_is_gone_on_all_ones_devices_and_nowhere_else() {
    let server = Server::start().await;
    let (people, _, club) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let phone = ann.log_in("phone").await;
    for room in [&club, &ann.room(ben)] {
        let kept = seq(&ben.say(room, "m-1", "kept").await.is(201));
        let gone = seq(&ben.say(room, "m-2", "gone").await.is(201));
        ann.put(&format!("/rooms/{room}/pins/{gone}")).await.is(204);
        let pinned = gone + 1;
        ann.put(&format!("/conversations/{room}/hidden/{pinned}")).await.refused(422, "message.not_deletable");
        let last = seq(&ben.say(room, "m-3", "gone too").await.is(201));
        let (mut phones, bens) = (phone.socket().await, views(ben, room).await);
        let before = ann.log_head().await;
        let unread = ann.chat(room).await["unread"].clone();
        for hidden in [gone, gone, last] {
            ann.put(&format!("/conversations/{room}/hidden/{hidden}")).await.is(204);
        }
        for hidden in [gone, last] {
            let told = phones.event().await;
            let data = json!({ "room": room, "seq": hidden });
            assert_eq!((&told["type"], &told["data"]), (&json!("entry.deleted"), &data));
        }
        assert_eq!(ann.log_head().await, before + 2, "deleted again, nothing is told");
        for device in [ann, &phone] {
            let (mut stub, view) =
                (bens[0].iter().find(|entry| seq(entry) == gone).unwrap().clone(), views(device, room).await);
            stub["data"] = json!({ "deleted": true });
            for entries in view {
                assert_eq!(entries.iter().find(|entry| seq(entry) == gone), Some(&stub));
                assert_eq!(entries.last().unwrap()["data"], json!({ "deleted": true }));
                assert!(entries.iter().any(|entry| seq(entry) == kept && entry["data"]["content"]["text"] == "kept"));
            }
            assert_eq!(device.get(&format!("/rooms/{room}/entries/{gone}")).await.is(200), stub);
            assert_eq!(device.get(&format!("/rooms/{room}/pins")).await.is(200)["items"][0]["entry"], stub);
            let chat = device.chat(room).await;
            assert_eq!((&chat["last_entry"]["data"], &chat["unread"]), (&json!({ "deleted": true }), &unread));
        }
        assert_eq!(views(ben, room).await, bens);
        let pins = ben.get(&format!("/rooms/{room}/pins")).await.is(200);
        assert_eq!(pins["items"][0]["entry"]["data"]["content"]["text"], "gone");
        ann.read(room, last).await.is(200);
        assert_eq!(ann.chat(room).await["unread"], 0);
    }
    let entries = cleo.whole_history(&club).await;
    assert!(entries.iter().all(|entry| entry["data"].get("deleted").is_none()));
}

#[tokio::test]
async fn erased_history_is_gone_for_the_one_who_wished_it_and_friends_again_begin_after_the_cut() {
    let (_server, ann, ben, room) = couple().await;
    let phone = ann.log_in("phone").await;
    for n in 0..6 {
        [&ann, &ben][n % 2].say(&room, &format!("m-{n}"), "hello").await.is(201);
    }
    let bens = views(&ben, &room).await;
    let mut phones = phone.socket().await;
    for wrong in ["yes", "1", ""] {
        let path = format!("/friends/{}?erase_history={wrong}", ben.id);
        ann.delete(&path).await.refused(422, "request.invalid");
    }
    ann.delete(&format!("/friends/{}?erase_history=true", ben.id)).await.is(204);
    assert_eq!(phones.event().await["data"], json!({ "user_id": ben.id }));
    let cleared = phones.event().await;
    assert_eq!(
        (&cleared["type"], &cleared["data"]),
        (&json!("conversation.cleared"), &json!({ "room": room, "seq": 7 }))
    );
    assert_eq!(numbers(&ann, &room).await, Vec::<i64>::new());
    assert_eq!(views(&ben, &room).await, bens, "and not for the other");
    assert_eq!(ben.log_types(0).await.iter().filter(|kind| *kind == "conversation.cleared").count(), 0);
    befriend(&ben, &ann).await;
    ben.say(&room, "again", "friends again").await.is(201);
    assert_eq!(numbers(&ann, &room).await, [8, 9], "the greeting and what follows");
    assert_eq!(numbers(&ben, &room).await, (1..=9).collect::<Vec<_>>());
    for flag in ["", "?erase_history=false"] {
        ann.delete(&format!("/friends/{}{flag}", ben.id)).await.is(204);
        assert_eq!(numbers(&ann, &room).await, [8, 9], "without the flag it stays");
    }
    ann.delete(&format!("/friends/{}?erase_history=true", ben.id)).await.is(204);
    assert_eq!(numbers(&ann, &room).await, Vec::<i64>::new(), "also when the friendship is over already");
    assert_eq!(numbers(&ben, &room).await.len(), 9);
}
