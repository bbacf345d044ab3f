//! Private messages: who may send, what is kept, repeats, and reading the history both ways.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Person, Server, befriend, couple, message, seq};

fn texts(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry["data"]["content"]["text"].as_str()).collect()
}

#[tokio::test]
async fn a_message_reaches_every_device_of_both_once_and_is_the_same_everywhere() {
    let (_server, ann, ben, room) = couple().await;
    let (phone, tablet) = (ann.log_in("phone").await, ben.log_in("tablet").await);
    let mut sockets = Vec::new();
    for person in [&ann, &phone, &ben, &tablet] {
        sockets.push(person.socket().await);
    }
    let first = ann.say(&room, "one", "Hello Ben").await.is(201);
    let second = ben.say(&room, "two", "Hello Ann").await.is(201);
    assert_eq!((seq(&first), seq(&second)), (2, 3), "the greeting is number 1");
    assert_eq!((&first["log"], &first["type"], &first["by"]), (&json!(room), &json!("message.sent"), &json!(ann.id)));
    let content = json!({ "client_ref": "one", "content": { "kind": "text", "text": "Hello Ben" } });
    assert_eq!(first["data"], content);
    assert!(first["at"].as_str() <= second["at"].as_str());
    for socket in &mut sockets {
        assert_eq!([socket.event().await, socket.event().await], [first.clone(), second.clone()]);
    }
    for person in [&ann, &ben] {
        assert_eq!(person.whole_history(&room).await[1..], [first.clone(), second.clone()]);
        assert_eq!(person.get(&format!("/rooms/{room}/entries/2")).await.is(200), first);
    }
}

#[tokio::test]
async fn strangers_cannot_write_unless_the_server_lets_them() {
    for (required, status) in [("true", 403), ("false", 201)] {
        let server = Server::with(&[("friends.required", required)]).await;
        let (ann, ben) = (server.person("ann").await, server.person("ben").await);
        let room = ann.room(&ben);
        let mut bens = ben.socket().await;
        let answer = ann.say(&room, "one", "Hello stranger").await;
        if status == 403 {
            answer.refused(403, "friend.not_friend");
            // The room does not exist.
            for person in [&ann, &ben] {
                person.get(&format!("/rooms/{room}")).await.refused(404, "resource.not_found");
                person.get(&format!("/rooms/{room}/entries")).await.refused(404, "resource.not_found");
            }
            assert_eq!(bens.head(&room), None);
        } else {
            let sent = answer.is(201);
            assert_eq!(sent["seq"], 1);
            assert_eq!(bens.event_of("conversation.opened").await["data"], json!({ "room": room }));
            assert_eq!(bens.event_of("message.sent").await, sent);
            assert_eq!(ben.whole_history(&room).await, [sent]);
            ben.say(&room, "two", "Hello").await.is(201);
        }
    }
}

#[tokio::test]
async fn a_room_that_is_not_ones_own_is_none() {
    let (server, ann, ben, room) = couple().await;
    let cleo = server.person("cleo").await;
    ann.say(&room, "one", "for Ben only").await.is(201);
    let reversed = format!("p:{}:{}", ann.id.max(ben.id), ann.id.min(ben.id));
    let rooms = [
        &room,
        &reversed,
        "p:1",
        "p:0:1",
        "p:01:2",
        "p:1:2:3",
        "g:1",
        "g:0",
        "w:0",
        "x",
        "p:1:9007199254740992",
        "%00",
    ];
    for room in rooms {
        let path = format!("/rooms/{room}");
        for path in [path.clone(), format!("{path}/entries"), format!("{path}/entries/1")] {
            cleo.get(&path).await.refused(404, "resource.not_found");
        }
        cleo.say(room, "x", "let me in").await.refused(404, "resource.not_found");
    }
    cleo.say(&format!("p:{0}:{0}", cleo.id), "x", "note to self").await.refused(422, "room.invalid");
    cleo.say(&format!("p:{}:999999", cleo.id), "x", "hello?").await.refused(404, "resource.not_found");
    assert_eq!(texts(&ben.whole_history(&room).await)[1..], ["for Ben only"]);
    for absent in ["0", "3", "-1", "x", "9007199254740992"] {
        ann.get(&format!("/rooms/{room}/entries/{absent}")).await.refused(404, "resource.not_found");
    }
}

#[tokio::test]
async fn a_room_tells_its_range_its_peer_and_whether_one_may_write() {
    let (_server, ann, ben, room) = couple().await;
    ben.say(&room, "one", "hello").await.is(201);
    let seen = ann.get(&format!("/rooms/{room}")).await.is(200);
    let peer = json!({ "id": ben.id, "nickname": "ben" });
    assert_eq!((&seen["room"], &seen["kind"], &seen["peer"]), (&json!(room), &json!("private"), &peer));
    assert_eq!((&seen["first"], &seen["head"], &seen["my"]["can_send"]), (&json!(1), &json!(2), &json!(true)));
}

#[tokio::test]
async fn texts_come_back_byte_for_byte() {
    let (_server, ann, ben, room) = couple().await;
    let texts = [
        "👨‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇨🇳",
        "שלום עולם مرحبا \u{202e}abc\u{202c}",
        "e\u{301} é ｆｕｌｌ 가",
        "  leading and trailing \n\n\t",
        "\r\n\u{1}\u{7f}\u{feff}\u{fffd}\u{2028}",
        r#"{"kind":"text"} <b>&amp;</b> \u0041 \\ " ' %00 ${x}"#,
        "\u{10ffff}\u{e000}𝕊𒀀",
        " ",
    ];
    let mut bens = ben.socket().await;
    for (at, text) in texts.into_iter().enumerate() {
        let sent = ann.say(&room, &format!("t{at}"), text).await.is(201);
        assert_eq!(sent["data"]["content"]["text"], text);
        let pushed = bens.event().await;
        assert_eq!(pushed["data"]["content"]["text"].as_str().unwrap().as_bytes(), text.as_bytes());
        let read = ben.get(&format!("/rooms/{room}/entries/{}", sent["seq"])).await.is(200);
        assert_eq!(read, sent);
    }
    let emoji = json!({ "client_ref": "e", "content": { "kind": "emoji", "code": "👨‍👩‍👧" } });
    let sent = ann.post(&format!("/rooms/{room}/messages"), &emoji).await.is(201);
    assert_eq!(bens.event().await["data"], emoji);
    assert_eq!(sent["data"], emoji);
    let nul = ann.say(&room, "nul", "a\0b").await;
    assert_eq!(nul.broken_fields(), [("content.text".into(), "control_character".into())]);
}

#[tokio::test]
async fn a_text_is_measured_in_characters() {
    let (_server, ann, _ben, room) = couple().await;
    for (at, text) in ["x".into(), "x".repeat(4000), "🦀".repeat(4000), "漢".repeat(4000)].iter().enumerate() {
        let sent: &String = text;
        assert_eq!(ann.say(&room, &format!("t{at}"), sent).await.is(201)["data"]["content"]["text"], *sent);
    }
    for (text, code) in [(String::new(), "too_short"), ("x".repeat(4001), "too_long"), ("🦀".repeat(4001), "too_long")]
    {
        let refused = ann.say(&room, "refused", &text).await;
        refused.refused(422, "request.invalid");
        assert_eq!(refused.broken_fields(), [("content.text".into(), code.into())]);
    }
    // A refused reference is still free.
    ann.say(&room, "refused", "short enough").await.is(201);
}

#[tokio::test]
async fn a_hundred_sends_of_one_reference_at_once_make_one_message() {
    let (mut server, ann, ben, room) = couple().await;
    let mut bens = ben.socket().await;
    let mut sends = JoinSet::new();
    for _ in 0..100 {
        let (ann, room) = (ann.clone(), room.clone());
        sends.spawn(async move { ann.say(&room, "once", "only once").await });
    }
    let answers = sends.join_all().await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1);
    let entry = answers[0].json();
    for answer in &answers {
        assert!([200, 201].contains(&answer.status) && answer.json() == entry, "{answer:?}");
    }
    let other = ann.say(&room, "other", "another").await.is(201);
    assert_eq!([bens.event().await, bens.event().await], [entry.clone(), other]);

    server.kill();
    server.restart().await;
    assert_eq!(ann.say(&room, "once", "only once").await.is(200), entry, "for ever, not for a time");
    assert_eq!(ben.whole_history(&room).await.len(), 3);
}

#[tokio::test]
async fn a_reference_stands_for_one_content_of_one_sender_in_one_room() {
    let (server, ann, ben, room) = couple().await;
    let cleo = server.person("cleo").await;
    let other_room = befriend(&ann, &cleo).await;
    let entry = ann.say(&room, "ref", "one content").await.is(201);
    ann.say(&room, "ref", "another content").await.refused(409, "message.ref_conflict");
    let emoji = json!({ "client_ref": "ref", "content": { "kind": "emoji", "code": "one content" } });
    ann.post(&format!("/rooms/{room}/messages"), &emoji).await.refused(409, "message.ref_conflict");
    assert_eq!(ann.say(&room, "ref", "one content").await.is(200), entry);
    // The same reference of somebody else, or elsewhere, is another one; so is one that looks alike.
    assert_eq!(ben.say(&room, "ref", "one content").await.is(201)["seq"], 3);
    assert_eq!(ann.say(&other_room, "ref", "another content").await.is(201)["seq"], 2);
    assert_eq!(ann.say(&room, "REF", "one content").await.is(201)["seq"], 4);
    // Nobody can take the references of the server's own entries.
    assert_eq!(ann.say(&room, "ob:1", "not a greeting").await.is(201)["seq"], 5);
}

#[tokio::test]
async fn a_repeat_is_answered_after_the_right_to_send_is_gone() {
    let (_server, ann, ben, room) = couple().await;
    let entry = ann.say(&room, "kept", "sent in time").await.is(201);
    let repeat = async || {
        assert_eq!(ann.say(&room, "kept", "sent in time").await.is(200), entry);
        ann.say(&room, "kept", "changed").await.refused(409, "message.ref_conflict");
        ann.say(&room, "new", "too late").await.status
    };
    assert_eq!(repeat().await, 201);
    ben.put(&format!("/blocks/{}", ann.id)).await.is(204);
    ann.say(&room, "late", "too late").await.refused(403, "friend.not_friend");
    assert_eq!(repeat().await, 200);
    ben.delete(&format!("/blocks/{}", ann.id)).await.is(204);
    ben.delete(&format!("/friends/{}", ann.id)).await.is(204);
    ann.say(&room, "late", "too late").await.refused(403, "friend.not_friend");
    assert_eq!(repeat().await, 200);
    assert_eq!(ben.whole_history(&room).await.len(), 3);
}

#[tokio::test]
async fn pages_go_up_and_down_and_say_whether_there_is_more() {
    let (_server, ann, ben, room) = couple().await;
    for at in 2..=10 {
        ann.say(&room, &format!("m{at}"), &at.to_string()).await.is(201);
    }
    let numbers = async |query: &str| {
        let page = ben.history(&room, query).await;
        assert_eq!((&page["first"], &page["last"]), (&json!(1), &json!(10)), "{query}");
        assert_eq!(page.get("gap"), None);
        let numbers: Vec<i64> = page["items"].as_array().unwrap().iter().map(seq).collect();
        (numbers, page["has_more"].as_bool().unwrap())
    };
    assert_eq!(numbers("").await, ((1..=10).collect(), false));
    assert_eq!(numbers("limit=3").await, (vec![8, 9, 10], true), "the newest page");
    assert_eq!(numbers("after=0&limit=4").await, (vec![1, 2, 3, 4], true));
    assert_eq!(numbers("after=6&limit=4").await, (vec![7, 8, 9, 10], false));
    assert_eq!(numbers("after=9&limit=1").await, (vec![10], false));
    assert_eq!(numbers("after=10").await, (vec![], false));
    assert_eq!(numbers("before=4&limit=3").await, (vec![1, 2, 3], false));
    assert_eq!(numbers("before=4&limit=2").await, (vec![2, 3], true));
    assert_eq!(numbers("before=1").await, (vec![], false));
    assert_eq!(numbers("before=1000&limit=1").await, (vec![10], true));
    ben.get(&format!("/rooms/{room}/entries?after=11")).await.refused(409, "log.ahead");
    ben.get(&format!("/rooms/{room}/entries?after=1&before=5")).await.refused(422, "request.invalid");
    for query in
        ["limit=0", "limit=101", "limit=-1", "limit=x", "after=-1", "after=x", "before=-1", "after=1.5", "after="]
    {
        let refused = ben.get(&format!("/rooms/{room}/entries?{query}")).await;
        refused.refused(422, "request.invalid");
        assert_eq!(refused.broken_fields()[0].0, query.split_once('=').unwrap().0, "{query}");
    }
}

#[tokio::test]
async fn a_walk_both_ways_loses_and_repeats_nothing_while_others_send() {
    let (_server, ann, ben, room) = couple().await;
    for at in 0..300 {
        ann.post(&format!("/rooms/{room}/messages"), &message(&format!("before-{at}"), "x")).await.is(201);
    }
    let sent = Arc::new(AtomicI64::new(301));
    let mut writers = JoinSet::new();
    for (at, writer) in [&ann, &ben, &ann, &ben].into_iter().enumerate() {
        let (writer, room, sent) = (writer.clone(), room.clone(), sent.clone());
        writers.spawn(async move {
            for number in 0..100 {
                let entry = writer.say(&room, &format!("w{at}-{number}"), "y").await.is(201);
                sent.fetch_max(seq(&entry), Ordering::SeqCst);
            }
        });
    }
    let (up, down) = tokio::join!(walk_up(&ben, &room, 701), walk_down(&ann, &room));
    writers.join_all().await;
    let whole = ann.whole_history(&room).await;
    assert_eq!(whole.iter().map(seq).collect::<Vec<_>>(), (1..=701).collect::<Vec<_>>());
    assert_eq!(up, whole);
    // Who goes down begins somewhere, and misses nothing below.
    assert!(down.len() >= 301);
    assert_eq!(down, whole[..down.len()]);
    assert_eq!(sent.load(Ordering::SeqCst), 701);
}

/// Reads upwards, seven at a time, until a number is reached.
async fn walk_up(person: &Person, room: &str, last: i64) -> Vec<Value> {
    let mut entries: Vec<Value> = Vec::new();
    while entries.last().map_or(0, seq) < last {
        let after = entries.last().map_or(0, seq);
        let page = person.history(room, &format!("after={after}&limit=7")).await;
        entries.extend(page["items"].as_array().unwrap().clone());
        assert_eq!(page["has_more"], page["last"].as_i64() > entries.last().map(seq), "{page}");
    }
    entries
}

/// Reads downwards from the newest, seven at a time; in ascending order.
async fn walk_down(person: &Person, room: &str) -> Vec<Value> {
    let mut entries = person.history(room, "limit=7").await["items"].as_array().unwrap().clone();
    while seq(&entries[0]) > 1 {
        let page = person.history(room, &format!("before={}&limit=7", seq(&entries[0]))).await;
        let mut lower = page["items"].as_array().unwrap().clone();
        lower.append(&mut entries);
        entries = lower;
        assert_eq!(page["has_more"], seq(&entries[0]) > 1);
    }
    entries
}

#[tokio::test]
async fn a_reader_never_sees_a_number_before_the_one_below_it() {
    let (_server, ann, ben, room) = couple().await;
    let mut writers = JoinSet::new();
    for at in 0..8 {
        let (writer, room) = (if at % 2 == 0 { ann.clone() } else { ben.clone() }, room.clone());
        writers.spawn(async move {
            for number in 0..100 {
                writer.say(&room, &format!("w{at}-{number}"), "y").await.is(201);
            }
        });
    }
    let mut readers = JoinSet::new();
    for reader in [&ann, &ben, &ann, &ben] {
        let (reader, room) = (reader.clone(), room.clone());
        readers.spawn(async move {
            let mut known = 0;
            while known < 801 {
                for entry in
                    reader.history(&room, &format!("after={known}&limit=100")).await["items"].as_array().unwrap()
                {
                    known += 1;
                    assert_eq!(seq(entry), known, "nothing is skipped");
                }
            }
        });
    }
    readers.join_all().await;
    writers.join_all().await;
}

#[tokio::test]
async fn who_sent_reads_it_at_once() {
    let (_server, ann, ben, room) = couple().await;
    for at in 0..100 {
        let sent = ann.say(&room, &format!("m{at}"), "read me").await.is(201);
        assert_eq!(ben.history(&room, "limit=1").await["items"], json!([sent]));
        assert_eq!(ann.get(&format!("/rooms/{room}")).await.is(200)["head"], sent["seq"]);
    }
}
