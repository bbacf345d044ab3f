//! Friend requests, friends, remarks, and the end of a friendship.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Person, Server, Socket, befriend, couple, eventually};

async fn friend_ids(person: &Person) -> Vec<i64> {
    let list = person.get("/friends").await.is(200);
    list["items"].as_array().unwrap().iter().map(|friend| friend["user"]["id"].as_i64().unwrap()).collect()
}

async fn requests(person: &Person, direction: &str) -> Vec<Value> {
    let list = person.get(&format!("/friend-requests?direction={direction}")).await.is(200);
    list["items"].as_array().unwrap().clone()
}

async fn people(server: &Server) -> (Person, Person, Person) {
    (server.person("ann").await, server.person("ben").await, server.person("cleo").await)
}

#[tokio::test]
async fn a_request_reaches_the_other_once_with_its_note() {
    let server = Server::start().await;
    let (ann, ben, _) = people(&server).await;
    let phone = ann.log_in("phone").await;
    let (mut bens, mut phones) = (ben.socket().await, phone.socket().await);
    let asked = ann.post("/friend-requests", &json!({ "user_id": ben.id, "note": "We met\nat Cleo's" })).await.is(201);
    assert_eq!(asked["status"], "pending");
    assert_eq!(asked["note"], "We met\nat Cleo's");
    assert_eq!((&asked["from"]["id"], &asked["to"]["id"]), (&json!(ann.id), &json!(ben.id)));
    assert_eq!(bens.event_of("friend.requested").await["data"], asked);
    assert_eq!(phones.event_of("friend.requested").await["data"], asked, "one's other devices know it too");
    assert_eq!(requests(&ben, "in").await, std::slice::from_ref(&asked));
    assert_eq!(requests(&ann, "out").await, [asked]);
    assert_eq!(requests(&ben, "out").await, Vec::<Value>::new());
    assert_eq!(ben.log_types(0).await, ["friend.requested"]);
}

#[tokio::test]
async fn a_request_is_refused_to_oneself_to_nobody_twice_and_to_a_friend() {
    let server = Server::start().await;
    let (ann, ben, _) = people(&server).await;
    ann.ask(&ann).await.refused(422, "friend.self");
    for id in [0, -1, 999_999, (1_i64 << 53) - 1] {
        ann.post("/friend-requests", &json!({ "user_id": id })).await.refused(404, "resource.not_found");
    }
    ann.ask(&ben).await.is(201);
    ann.ask(&ben).await.refused(409, "friend_request.duplicate");
    assert_eq!(requests(&ben, "in").await.len(), 1);
    let request = requests(&ben, "in").await[0]["id"].clone();
    ben.post(&format!("/friend-requests/{request}/accept"), &json!({})).await.is(200);
    ann.ask(&ben).await.refused(409, "friend.exists");
    ben.ask(&ann).await.refused(409, "friend.exists");
}

#[tokio::test]
async fn who_is_blocked_cannot_ask_and_who_blocks_must_unblock_first() {
    let server = Server::start().await;
    let (ann, ben, _) = people(&server).await;
    ann.put(&format!("/blocks/{}", ben.id)).await.is(204);
    ben.ask(&ann).await.refused(403, "friend.refused");
    ann.ask(&ben).await.refused(403, "friend.blocked");
    assert_eq!(ann.log_types(0).await, ["block.added"]);
    assert_eq!(ben.log_types(0).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_accepted_request_makes_friends_and_tells_both() {
    let server = Server::start().await;
    let (ann, ben, _) = people(&server).await;
    let (mut anns, mut bens) = (ann.socket().await, ben.socket().await);
    let request = ann.ask(&ben).await.is(201)["id"].clone();
    let friend = ben.post(&format!("/friend-requests/{request}/accept"), &json!({})).await.is(200);
    assert_eq!(friend["user"], json!({ "id": ann.id, "nickname": "ann" }));
    assert_eq!(friend["room"], ann.room(&ben));
    eventually("who has a socket is online", async || {
        (ben.get("/friends").await.is(200)["items"][0]["presence"]["status"] == "online").then_some(())
    })
    .await;
    assert_eq!(bens.event_of("friend.added").await["data"]["user"]["id"], ann.id);
    let mut added = anns.event_of("friend.added").await["data"].clone();
    assert_eq!(added["user"]["id"], ben.id);
    let mut listed = ann.get("/friends").await.is(200)["items"][0].clone();
    // Who is connected is of a moment, and other nodes learn of it a little later.
    for friend in [&mut added, &mut listed] {
        assert!(friend.as_object_mut().unwrap().remove("presence").is_some());
    }
    assert_eq!(listed, added, "the event holds what the list shows");
    assert_eq!(requests(&ann, "out").await[0]["status"], "accepted");
}

#[tokio::test]
async fn a_rejected_request_tells_why_and_can_be_made_again() {
    let server = Server::start().await;
    let (ann, ben, _) = people(&server).await;
    let mut anns = ann.socket().await;
    let path = format!("/friend-requests/{}", ann.ask(&ben).await.is(201)["id"]);
    let rejected = ben.post(&format!("{path}/reject"), &json!({ "reason": "Do we know each other?" })).await.is(200);
    assert_eq!((&rejected["status"], &rejected["reason"]), (&json!("rejected"), &json!("Do we know each other?")));
    assert_eq!(anns.event_of("friend.rejected").await["data"], rejected);
    assert_eq!(requests(&ann, "out").await, [rejected]);
    assert_eq!(friend_ids(&ann).await, Vec::<i64>::new());
    for verb in ["accept", "reject"] {
        ben.post(&format!("{path}/{verb}"), &json!({})).await.refused(409, "friend_request.decided");
    }
    ann.delete(&path).await.refused(409, "friend_request.decided");
    ann.ask(&ben).await.is(201);
}

#[tokio::test]
async fn only_the_one_who_was_asked_can_answer() {
    let server = Server::start().await;
    let (ann, ben, cleo) = people(&server).await;
    let path = format!("/friend-requests/{}", ann.ask(&ben).await.is(201)["id"]);
    for verb in ["accept", "reject"] {
        for other in [&ann, &cleo] {
            other.post(&format!("{path}/{verb}"), &json!({})).await.refused(404, "resource.not_found");
        }
        ben.post(&format!("/friend-requests/999999/{verb}"), &json!({})).await.refused(404, "resource.not_found");
    }
    // Nor can anybody else take it back.
    cleo.delete(&path).await.is(204);
    ben.delete(&path).await.is(204);
    assert_eq!(requests(&ben, "in").await[0]["status"], "pending");
}

#[tokio::test]
async fn a_request_that_was_taken_back_is_gone_for_both() {
    let server = Server::start().await;
    let (ann, ben, _) = people(&server).await;
    let path = format!("/friend-requests/{}", ann.ask(&ben).await.is(201)["id"]);
    let mut bens = ben.socket().await;
    ann.delete(&path).await.is(204);
    ann.delete(&path).await.is(204);
    bens.event_of("friend.cancelled").await;
    assert_eq!(requests(&ben, "in").await, Vec::<Value>::new());
    ben.post(&format!("{path}/accept"), &json!({})).await.refused(404, "resource.not_found");
    ann.ask(&ben).await.is(201);
}

#[tokio::test]
async fn two_requests_that_cross_make_one_friendship_and_one_greeting() {
    let server = Server::start().await;
    for round in 0..10 {
        let (ann, ben) = (server.person(&format!("ann-{round}")).await, server.person(&format!("ben-{round}")).await);
        // At once, and one after the other.
        let (first, second) = if round % 2 == 0 {
            tokio::join!(ann.ask(&ben), ben.ask(&ann))
        } else {
            (ann.ask(&ben).await, ben.ask(&ann).await)
        };
        let mut statuses: Vec<_> = [first, second].map(|answer| answer.is(201)["status"].clone()).into();
        statuses.sort_by_key(ToString::to_string);
        assert_eq!(statuses, ["accepted", "pending"]);
        assert_eq!((friend_ids(&ann).await, friend_ids(&ben).await), (vec![ben.id], vec![ann.id]));
        assert_eq!(ann.whole_history(&ann.room(&ben)).await.len(), 1);
        for person in [&ann, &ben] {
            let added = person.log_types(0).await.into_iter().filter(|kind| kind == "friend.added").count();
            assert_eq!(added, 1);
        }
    }
}

#[tokio::test]
async fn of_many_answers_at_once_one_counts() {
    let server = Server::start().await;
    let (ann, ben, _) = people(&server).await;
    let path = format!("/friend-requests/{}", ann.ask(&ben).await.is(201)["id"]);
    let mut answers = JoinSet::new();
    for at in 0..16 {
        let (ben, path) = (ben.clone(), format!("{path}/{}", if at % 2 == 0 { "accept" } else { "reject" }));
        answers.spawn(async move { (at % 2 == 0, ben.post(&path, &json!({})).await) });
    }
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.join_all().await.into_iter().partition(|(_, answer)| answer.status == 200);
    assert_eq!(won.len(), 1);
    for (_, answer) in lost {
        answer.refused(409, "friend_request.decided");
    }
    let accepted = won[0].0;
    assert_eq!(friend_ids(&ann).await.len(), usize::from(accepted));
    assert_eq!(friend_ids(&ben).await.len(), usize::from(accepted));
}

/// The first entry that a socket brings of a room.
async fn first_of(socket: &mut Socket, room: &str) -> Value {
    loop {
        let event = socket.event().await;
        if event["log"] == room {
            return event;
        }
    }
}

#[tokio::test]
async fn new_friends_are_greeted_once_by_the_first_entry_of_their_room() {
    for (setting, reply, text) in [
        ("You are friends now. Say hello!", None, "You are friends now. Say hello!"),
        ("Configured words", None, "Configured words"),
        ("Configured words", Some("Hi, Ann!"), "Hi, Ann!"),
    ] {
        let server = Server::with(&[("friends.greeting", setting)]).await;
        let (ann, ben, _) = people(&server).await;
        let phone = ben.log_in("phone").await;
        let mut sockets = [ann.socket().await, ben.socket().await, phone.socket().await];
        let request = ann.ask(&ben).await.is(201)["id"].clone();
        let answer = reply.map_or(json!({}), |reply| json!({ "greeting": reply }));
        ben.post(&format!("/friend-requests/{request}/accept"), &answer).await.is(200);
        let room = ann.room(&ben);
        let history = ann.whole_history(&room).await;
        assert_eq!(history.len(), 1, "it stands there before the acceptance is answered");
        let greeting = &history[0];
        assert_eq!(greeting["seq"], 1);
        assert_eq!(greeting["type"], "message.sent");
        assert_eq!(greeting["data"]["content"], json!({ "kind": "system", "text": text }));
        assert_eq!(greeting.get("by"), None, "nobody wrote it");
        let last = ann.say(&room, "after", "Hello").await.is(201);
        for socket in &mut sockets {
            assert_eq!(first_of(socket, &room).await, *greeting);
            assert_eq!(first_of(socket, &room).await, last, "no second greeting comes");
        }
    }
}

#[tokio::test]
async fn without_a_greeting_the_room_begins_empty() {
    let server = Server::with(&[("friends.greeting", "")]).await;
    let (ann, ben, _) = people(&server).await;
    let mut bens = ben.socket().await;
    let room = befriend(&ann, &ben).await;
    let empty = ben.history(&room, "").await;
    assert_eq!(empty, json!({ "items": [], "first": 0, "last": 0, "has_more": false }));
    let sent = ann.say(&room, "a", "first").await.is(201);
    assert_eq!(sent["seq"], 1);
    assert_eq!(first_of(&mut bens, &room).await, sent);
}

#[tokio::test]
async fn a_remark_is_for_its_owner_alone() {
    let (_server, ann, ben, _) = couple().await;
    let phone = ann.log_in("phone").await;
    let mut phones = phone.socket().await;
    let path = format!("/friends/{}", ben.id);
    let friend = ann.patch(&path, &json!({ "remark": "Ben from work" })).await.is(200);
    assert_eq!(friend["remark"], "Ben from work");
    assert_eq!(ann.get("/friends").await.is(200)["items"], json!([friend]));
    assert_eq!(phones.event_of("friend.updated").await["data"]["remark"], "Ben from work");
    assert_eq!(ann.patch(&path, &json!({})).await.is(200)["remark"], "Ben from work", "absent keeps");
    let bens = ben.get("/friends").await;
    assert!(!String::from_utf8_lossy(&bens.body).contains("Ben from work"));
    assert!(!ben.log_types(0).await.contains(&"friend.updated".to_owned()));

    let cleared = ann.patch(&path, &json!({ "remark": null })).await.is(200);
    assert_eq!(cleared.get("remark"), None);
    assert_eq!(ann.get("/friends").await.is(200)["items"][0].get("remark"), None);
    assert_eq!(phones.event_of("friend.updated").await["data"].get("remark"), None);
    ann.patch(&format!("/friends/{}", ann.id), &json!({ "remark": "me" })).await.refused(404, "resource.not_found");
    ann.patch("/friends/999999", &json!({ "remark": "x" })).await.refused(404, "resource.not_found");
}

#[tokio::test]
async fn the_end_of_a_friendship_is_told_to_both_and_stops_both_from_writing() {
    let (_server, ann, ben, room) = couple().await;
    let before = ann.say(&room, "before", "still friends").await.is(201);
    let (mut anns, mut bens) = (ann.socket().await, ben.socket().await);
    let path = format!("/friends/{}", ben.id);
    ann.delete(&path).await.is(204);
    ann.delete(&path).await.is(204);
    assert_eq!(anns.event_of("friend.removed").await["data"], json!({ "user_id": ben.id }));
    assert_eq!(bens.event_of("friend.removed").await["data"], json!({ "user_id": ann.id }));
    assert_eq!((friend_ids(&ann).await, friend_ids(&ben).await), (vec![], vec![]));
    ben.say(&room, "b", "hello?").await.refused(403, "friend.not_friend");
    ann.say(&room, "a", "hello?").await.refused(403, "friend.not_friend");
    for person in [&ann, &ben] {
        let history = person.whole_history(&room).await;
        assert_eq!(history.last(), Some(&before), "the history stays");
        assert_eq!(person.get(&format!("/rooms/{room}")).await.is(200)["my"]["can_send"], false);
        let told = person.log_types(0).await.into_iter().filter(|kind| kind == "friend.removed").count();
        assert_eq!(told, 1);
    }

    // Friends again: the numbers go on, and there is a new greeting.
    befriend(&ben, &ann).await;
    let greeting = &ann.whole_history(&room).await[2];
    assert_eq!((&greeting["seq"], &greeting["data"]["content"]["kind"]), (&json!(3), &json!("system")));
    assert_eq!(ben.say(&room, "again", "hello").await.is(201)["seq"], 4);
}

#[tokio::test]
async fn lists_are_paged_and_say_which_number_of_the_log_they_include() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let mut ids = Vec::new();
    for at in 0..5 {
        let friend = server.person(&format!("friend-{at}")).await;
        befriend(&friend, &ann).await;
        ids.push(friend.id);
    }
    for (list, count) in [("/friends", 5), ("/friend-requests?direction=in", 5)] {
        let join = if list.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = ann.get(&format!("{list}{join}limit=2{cursor}")).await.is(200);
            assert_eq!(page["log"], ann.log_head().await);
            items.extend(page["items"].as_array().unwrap().clone());
            assert!(items.len() <= count);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(items, *ann.get(list).await.is(200)["items"].as_array().unwrap(), "{list}");
        assert_eq!(items.len(), count);
    }
    assert_eq!(friend_ids(&ann).await, ids, "by id");
}

#[tokio::test]
async fn a_friend_is_online_while_a_socket_is_open() {
    let (_server, ann, ben, _) = couple().await;
    let presence = async || ann.get("/friends").await.is(200)["items"][0]["presence"]["status"].clone();
    assert_eq!(presence().await, "offline");
    let (first, second) = (ben.socket().await, ben.socket().await);
    eventually("a socket is there", async || (presence().await == "online").then_some(())).await;
    first.cut();
    assert_eq!(presence().await, "online");
    second.cut();
    eventually("the last socket is gone", async || (presence().await == "offline").then_some(())).await;
}
