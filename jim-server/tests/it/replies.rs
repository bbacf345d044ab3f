//! Answers to messages, and people who are mentioned.

use serde_json::{Value, json};

use crate::groups::group_of;
use crate::support::{Answer, Person, Server, WORLD, befriend, couple, seq};

/// Sends a text that answers or mentions.
async fn send(who: &Person, room: &str, client_ref: &str, more: &Value) -> Answer {
    let mut wish = json!({ "client_ref": client_ref, "content": { "kind": "text", "text": "Look" } });
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    who.post(&format!("/rooms/{room}/messages"), &wish).await
}

/// What the chat list says of a room: unread messages, and those that mention the caller.
async fn unread(who: &Person, room: &str) -> (i64, i64) {
    let list = who.get("/conversations").await.is(200);
    let of_room = list["items"].as_array().unwrap().iter().find(|item| item["room"] == room).unwrap();
    (of_room["unread"].as_i64().unwrap(), of_room["mentions"].as_i64().unwrap())
}

#[tokio::test]
async fn an_answer_names_the_message_and_shows_what_is_left_of_it() {
    let (_server, ann, ben, room) = couple().await;
    let mut anns = ann.socket().await;
    let asked = ann.say(&room, "question", "Where?").await.is(201);
    let answer = send(&ben, &room, "answer", &json!({ "reply_to": seq(&asked) })).await.is(201);
    assert_eq!(answer["data"]["reply_to"], asked["seq"]);
    assert_eq!(anns.until(&room, seq(&answer)).await.last(), Some(&answer));
    assert_eq!(ann.whole_history(&room).await.last(), Some(&answer));
    let quoted = format!("/rooms/{room}/entries/{}", answer["data"]["reply_to"]);
    assert_eq!(ben.get(&quoted).await.is(200), asked);
    ann.act(&format!("/rooms/{room}/entries/{}/retract", seq(&asked))).await.is(200);
    let stub = ben.get(&quoted).await.is(200);
    assert!(stub["data"]["retracted"].is_object() && !stub.to_string().contains("Where"), "{stub}");
    assert_eq!(ben.whole_history(&room).await[2], answer, "the answer stays as it was");
    // What was taken back can still be answered, and so can one's own message and the greeting.
    for (name, to) in [("late", seq(&asked)), ("own", seq(&answer)), ("greeting", 1)] {
        assert_eq!(send(&ben, &room, name, &json!({ "reply_to": to })).await.is(201)["data"]["reply_to"], to);
    }
    send(&ben, &room, "answer", &json!({ "reply_to": 1 })).await.refused(409, "message.ref_conflict");
    send(&ben, &room, "answer", &json!({})).await.refused(409, "message.ref_conflict");
    assert_eq!(send(&ben, &room, "answer", &json!({ "reply_to": seq(&asked) })).await.is(200), answer);
}

#[tokio::test]
async fn only_messages_of_the_room_that_one_can_see_are_answered() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], server.person("cleo").await);
    let private = ann.room(ben);
    for n in 0..10 {
        ann.say(&private, &format!("m-{n}"), "elsewhere").await.is(201);
    }
    let old = seq(&ann.say(&room, "old", "Before").await.is(201));
    befriend(ann, &cleo).await;
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    let head = ann.get(&format!("/rooms/{room}")).await.is(200)["head"].as_i64().unwrap();
    // Numbers that only another room has, that no room has, and that are not messages.
    for wrong in [head + 1, 11, 0, i64::from(u32::MAX), 1, 2] {
        send(ann, &room, "m-1", &json!({ "reply_to": wrong })).await.refused(422, "message.reply_invalid");
    }
    send(&cleo, &room, "m-1", &json!({ "reply_to": old })).await.refused(422, "message.reply_invalid");
    for wrong in [json!(-1), json!(10_i64.pow(18)), json!("1"), json!(1.5), json!([1])] {
        send(ann, &room, "m-1", &json!({ "reply_to": wrong })).await.refused(422, "request.invalid");
    }
    send(&server.person("dora").await, &room, "m-1", &json!({ "reply_to": old }))
        .await
        .refused(404, "resource.not_found");
    assert_eq!(ann.get(&format!("/rooms/{room}")).await.is(200)["head"], head, "nothing was sent");
    ben.say(&room, "m-1", "A new one").await.is(201);
    send(&cleo, &room, "m-1", &json!({ "reply_to": head + 1 })).await.is(201);
}

#[tokio::test]
async fn people_of_the_room_are_mentioned_each_once_and_nobody_else() {
    let server = Server::with(&[("limits.mentions", "3")]).await;
    let (people, _, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let dora = server.person("dora").await;
    let mention = async |ids: Value| send(ann, &room, "m-1", &json!({ "mentions": ids })).await;
    for wrong in [dora.id, 999_999, (1 << 53) - 1] {
        mention(json!([ben.id, wrong])).await.refused(422, "message.mention_invalid");
    }
    for wrong in [json!([0]), json!([-1]), json!([1_i64 << 53]), json!(vec![ben.id; 4]), json!("everybody")] {
        let refused = mention(wrong.clone()).await.refused(422, "request.invalid");
        assert_eq!(refused["errors"][0]["field"], "mentions", "{wrong}");
    }
    for wrong in [json!(7), json!({ "id": 1 }), json!(["all"]), json!(true)] {
        mention(wrong).await.refused(422, "request.invalid");
    }
    let sent = mention(json!([cleo.id, ben.id, cleo.id])).await.is(201);
    assert_eq!(sent["data"]["mentions"], json!([cleo.id, ben.id]), "twins count once");
    assert_eq!((unread(ben, &room).await, unread(cleo, &room).await), ((1, 1), (1, 1)));
    let nobody = send(ann, &room, "m-2", &json!({ "mentions": [] })).await.is(201);
    assert!(nobody["data"].get("mentions").is_none(), "{nobody}");
    assert_eq!(unread(ben, &room).await, (2, 1));
    send(ann, &room, "m-1", &json!({ "mentions": [ben.id] })).await.refused(409, "message.ref_conflict");
    let private = ann.room(ben);
    send(ann, &private, "m-1", &json!({ "mentions": [cleo.id] })).await.refused(422, "message.mention_invalid");
    send(ann, &private, "m-1", &json!({ "mentions": [ben.id, ann.id] })).await.is(201);
    send(&dora, WORLD, "m-1", &json!({ "mentions": [999_999] })).await.refused(422, "message.mention_invalid");
    send(&dora, WORLD, "m-1", &json!({ "mentions": [ben.id] })).await.is(201);
    assert_eq!((unread(ben, WORLD).await, unread(cleo, WORLD).await), ((1, 1), (1, 0)));
    assert_eq!(unread(ann, &private).await, (0, 0), "what one wrote oneself is read");
}

#[tokio::test]
async fn everybody_is_mentioned_by_those_whose_role_allows_it() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let warden = server.admin("root").await;
    let all = json!({ "mentions": "all" });
    // The role of now decides, also of one who wrote before he had it.
    send(ben, &room, "m-0", &all).await.refused(403, "group.role_required");
    ben.say(&room, "m-0", "Hello").await.is(201);
    ann.patch(&format!("/groups/{id}/members/{}", ben.id), &json!({ "role": "admin" })).await.is(200);
    send(cleo, &room, "m-1", &all).await.refused(403, "group.role_required");
    for (n, who) in [ann, ben].into_iter().enumerate() {
        let sent = send(who, &room, "m-1", &all).await.is(201);
        assert_eq!(sent["data"]["mentions"], "all");
        assert_eq!(unread(cleo, &room).await.1, i64::try_from(n).unwrap() + 1);
    }
    assert_eq!(unread(ann, &room).await.1, 1, "of the other admin alone");
    // A repeat is answered whatever the role is.
    ann.patch(&format!("/groups/{id}/members/{}", ben.id), &json!({ "role": "member" })).await.is(200);
    send(ben, &room, "m-2", &all).await.refused(403, "group.role_required");
    send(ben, &room, "m-1", &all).await.is(200);
    send(cleo, &cleo.room(ann), "m-1", &all).await.is(201);
    assert_eq!(unread(ann, &cleo.room(ann)).await, (1, 1));
    send(ann, WORLD, "m-1", &all).await.refused(403, "admin.required");
    send(&warden, WORLD, "m-1", &all).await.is(201);
    assert_eq!(unread(cleo, WORLD).await, (1, 1));
}

#[tokio::test]
async fn a_mention_counts_until_it_is_read_or_taken_back_also_in_a_muted_room() {
    let (_server, ann, ben, room) = couple().await;
    let (mut sockets, mention) = (ben.socket().await, json!({ "mentions": [ben.id] }));
    let begun = unread(&ben, &room).await;
    assert_eq!(begun.1, 0);
    ben.patch(&format!("/conversations/{room}"), &json!({ "muted": true })).await.is(200);
    let first = send(&ann, &room, "m-1", &mention).await.is(201);
    ann.say(&room, "m-2", "Nobody in particular").await.is(201);
    let third = send(&ann, &room, "m-3", &mention).await.is(201);
    assert_eq!(unread(&ben, &room).await, (begun.0 + 3, 2), "a muted room counts");
    let heard = sockets.until(&room, seq(&third)).await;
    assert!(heard.contains(&first), "and is pushed");
    ann.act(&format!("/rooms/{room}/entries/{}/retract", seq(&third))).await.is(200);
    assert_eq!(unread(&ben, &room).await, (begun.0 + 2, 1), "what was taken back counts no more");
    ben.call(reqwest::Method::PUT, &format!("/rooms/{room}/read"), &json!({ "seq": seq(&first) })).await.is(200);
    assert_eq!(unread(&ben, &room).await, (1, 0), "what was read counts no more");
    assert_eq!(unread(&ann, &room).await, (0, 0));
}
