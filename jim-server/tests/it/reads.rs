//! Read marks: how far people have read, who hears of it, and what is left unread.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::groups::group_of;
use crate::support::{Event, Person, Server, Socket, WORLD, couple, message, seq};

/// What is unread of a room, and how much of it mentions one.
async fn unread(person: &Person, room: &str) -> (i64, i64) {
    let chat = person.chat(room).await;
    (chat["unread"].as_i64().unwrap(), chat["mentions"].as_i64().unwrap())
}

/// Who has read an entry, page by page.
async fn readers(person: &Person, room: &str, seq: i64, limit: usize) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = person.get(&format!("/rooms/{room}/readers?seq={seq}&limit={limit}{cursor}")).await.is(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit && items.iter().all(|reader| reader["seq"].as_i64() >= Some(seq)), "{page}");
        ids.extend(items.iter().map(|reader| reader["user_id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { return ids };
        assert_eq!(items.len(), limit, "a page before the last is full");
        cursor = format!("&cursor={next}");
    }
}

/// All that came up to and with a change of one's own profile that is made now.
async fn until_now(person: &Person, socket: &mut Socket, word: &str) -> Vec<Value> {
    person.patch("/me", &json!({ "status_text": word })).await.is(200);
    let mut events = Vec::new();
    loop {
        let event = socket.event().await;
        if event["type"] == "profile.changed" && event["data"]["status_text"] == word {
            return events;
        }
        events.push(event);
    }
}

#[tokio::test]
async fn a_mark_moves_only_forward_and_is_told_to_ones_other_devices_and_to_a_small_room() {
    let server = Server::start().await;
    let (people, _, club) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let phone = ann.log_in("phone").await;
    for room in [&club, &ann.room(ben)] {
        let mut numbers = Vec::new();
        for n in 0..6 {
            numbers.push(seq(&ben.say(room, &format!("m-{n}"), "hello").await.is(201)));
        }
        let (mut phones, mut bens) = (phone.socket().await, ben.socket().await);
        let before = ann.log_head().await;
        let mut mark = 0;
        for at in [2, 1, 0, 2, 4, 3, 5, 0] {
            let moved = numbers[at] > mark;
            mark = mark.max(numbers[at]);
            let left = numbers.iter().filter(|number| **number > mark).count();
            let answer = ann.read(room, numbers[at]).await.is(200);
            assert_eq!(answer, json!({ "room": room, "seq": mark, "unread": left }));
            for device in [ann, &phone] {
                let chat = device.chat(room).await;
                assert_eq!((&chat["read_seq"], &chat["unread"]), (&json!(mark), &json!(left)));
            }
            assert_eq!(phone.socket().await.hello()["reads"][room], mark);
            if moved {
                let told = json!({ "type": "read", "room": room, "user_id": ann.id, "seq": mark });
                assert_eq!((phones.event().await, bens.event().await), (told.clone(), told));
            }
        }
        assert_eq!(ann.read(room, 0).await.is(200)["seq"], mark);
        assert_eq!(until_now(ann, &mut phones, room).await, Vec::<Value>::new(), "a mark that stays is not told");
        let heard = until_now(ben, &mut bens, room).await;
        assert!(heard.iter().all(|event| event["type"] == "profile"), "{heard:?}");
        assert_eq!(ann.log_head().await, before + 1, "marks are state and no entries");
    }
}

#[tokio::test]
async fn a_mark_beyond_the_end_or_in_a_room_of_others_is_refused_and_changes_nothing() {
    let (server, ann, ben, room) = couple().await;
    server.stick();
    let cleo = server.person("cleo").await;
    ben.say(&room, "m-1", "hello").await.is(201);
    ann.read(&room, 1).await.is(200);
    let before = ann.chats("").await;
    for seq in [3, 4, i64::from(u32::MAX)] {
        ann.read(&room, seq).await.refused(422, "read.beyond_end");
    }
    ann.read(WORLD, 1).await.refused(422, "read.beyond_end");
    for seq in [json!(-1), json!(1_i64 << 33), json!(1.5), json!("2"), json!(null)] {
        let path = format!("/rooms/{room}/read");
        ann.call(Method::PUT, &path, &json!({ "seq": seq })).await.refused(422, "request.invalid");
    }
    let path = format!("/rooms/{room}/read");
    ann.call(Method::PUT, &path, &json!({ "seq": 2, "at": 1 })).await.refused(422, "request.unknown_field");
    ann.call(Method::PUT, &path, &json!({})).await.refused(422, "request.invalid");
    for name in [&room, &cleo.room(&ann), "g:999", "w:2", "x", "p:0:1"] {
        cleo.read(name, 1).await.refused(404, "resource.not_found");
        cleo.get(&format!("/rooms/{name}/readers?seq=1")).await.refused(404, "resource.not_found");
    }
    ann.get(&format!("/rooms/{room}/readers?seq=3")).await.refused(404, "resource.not_found");
    ann.get(&format!("/rooms/{room}/readers?seq=0")).await.refused(404, "resource.not_found");
    for query in ["", "seq=x", "seq=-1", "seq=1&limit=0", "seq=1&limit=101"] {
        ann.get(&format!("/rooms/{room}/readers?{query}")).await.refused(422, "request.invalid");
    }
    ann.get(&format!("/rooms/{room}/readers?seq=1&cursor=AAAA")).await.refused(422, "cursor.invalid");
    assert_eq!(ann.chats("").await, before);
    assert_eq!(readers(&ben, &room, 1, 9).await, [ann.id, ben.id], "who wrote above it has read it, too");
}

#[tokio::test]
async fn unread_is_what_others_wrote_above_the_mark_and_did_not_take_back() {
    let server = Server::start().await;
    server.stick();
    let (people, _, club) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    assert_eq!(unread(ann, &club).await, (0, 0), "what nobody wrote is never unread");
    assert_eq!(unread(ann, &ann.room(ben)).await, (0, 0), "nor is the greeting");
    let mention = async |who: &Person, client_ref: &str, mentions: Value| {
        let mut wish = message(client_ref, "look");
        wish["mentions"] = mentions;
        seq(&who.post(&format!("/rooms/{club}/messages"), &wish).await.is(201))
    };
    let first = mention(ben, "m-1", json!([ann.id, cleo.id])).await;
    let second = mention(cleo, "m-2", json!([ben.id])).await;
    assert_eq!((unread(ann, &club).await, unread(ben, &club).await), ((2, 1), (1, 1)));
    assert_eq!(unread(cleo, &club).await, (0, 0), "who writes has read");
    cleo.put(&format!("/rooms/{club}/pins/{first}")).await.refused(403, "group.role_required");
    ann.put(&format!("/rooms/{club}/pins/{first}")).await.is(204);
    assert_eq!(unread(ann, &club).await, (2, 1), "to pin is not to read, and no event is unread");
    ben.act(&format!("/rooms/{club}/entries/{first}/retract")).await.is(200);
    assert_eq!((unread(ann, &club).await, unread(ben, &club).await), ((1, 0), (1, 1)));
    ann.read(&club, second).await.is(200);
    assert_eq!(unread(ann, &club).await, (0, 0));
    mention(ann, "m-3", json!("all")).await;
    assert_eq!(
        (unread(ann, &club).await, unread(ben, &club).await, unread(cleo, &club).await),
        ((0, 0), (2, 2), (1, 1))
    );
    ben.delete(&format!("/conversations/{club}")).await.is(204);
    assert_eq!(unread(ben, &club).await, (0, 0), "what is cleared is not unread");
    let hidden = mention(cleo, "m-4", json!([ann.id])).await;
    ann.put(&format!("/conversations/{club}/hidden/{hidden}")).await.is(204);
    assert_eq!(unread(ann, &club).await, (1, 1), "what is deleted for oneself stays as unread as it was");
}

#[tokio::test]
async fn who_writes_has_read_what_was_there_on_all_his_devices() {
    let (server, ann, ben, room) = couple().await;
    server.stick();
    let phone = ann.log_in("phone").await;
    for n in 0..3 {
        ben.say(&room, &format!("m-{n}"), "hello").await.is(201);
    }
    assert_eq!(unread(&phone, &room).await, (3, 0));
    let own = seq(&ann.say(&room, "mine", "I saw").await.is(201));
    assert_eq!(unread(&phone, &room).await, (0, 0));
    assert_eq!(phone.socket().await.hello()["reads"][&room], own);
    ben.say(&room, "more", "and more").await.is(201);
    ann.say(&room, "mine", "I saw").await.is(200);
    assert_eq!(unread(&phone, &room).await, (1, 0), "a send that is repeated is not a new one");
    assert_eq!(readers(&ben, &room, 2, 9).await, [ann.id]);
}

#[tokio::test]
async fn the_readers_of_an_entry_are_exactly_those_who_may_and_did_read_it_and_not_its_author() {
    let server = Server::start().await;
    let (people, id, club) = group_of(&server, &["ann", "ben", "cleo", "dora", "emil"]).await;
    let mut rng = StdRng::seed_from_u64(12);
    let (mut marks, mut authors) = ([0; 5], Vec::new());
    let head = people[0].whole_history(&club).await.len();
    for step in 0..60 {
        let at = rng.random_range(0..5);
        let last = i64::try_from(head + authors.len()).unwrap();
        if rng.random_bool(0.5) || authors.is_empty() {
            marks[at] = seq(&people[at].say(&club, &format!("m-{step}"), "hello").await.is(201));
            authors.push(at);
        } else {
            let to = rng.random_range(1..=last);
            marks[at] = marks[at].max(to);
            people[at].read(&club, to).await.is(200);
        }
    }
    for (number, author) in (i64::try_from(head).unwrap() + 1..).zip(&authors) {
        let read = (0..5).filter(|at| at != author && marks[*at] >= number);
        let mut expected: Vec<i64> = read.map(|at| people[at].id).collect();
        expected.sort_unstable();
        for limit in [1, 2, 5] {
            assert_eq!(readers(&people[1], &club, number, limit).await, expected, "entry {number}, pages of {limit}");
        }
    }
    // Who comes later may not read it, and who goes is no reader any more.
    let late = server.person("late").await;
    crate::support::befriend(&people[0], &late).await;
    people[0].post(&format!("/groups/{id}/members"), &json!({ "user_ids": [late.id] })).await.is(200);
    let said = seq(&late.say(&club, "m-late", "I am new").await.is(201));
    assert!(!readers(&people[1], &club, said - 2, 9).await.contains(&late.id));
    late.get(&format!("/rooms/{club}/readers?seq={}", said - 2)).await.refused(404, "resource.not_found");
    people[4].read(&club, said).await.is(200);
    assert_eq!(readers(&late, &club, said, 9).await, [people[4].id]);
    people[4].act(&format!("/groups/{id}/leave")).await.is(204);
    assert_eq!(readers(&late, &club, said, 9).await, Vec::<i64>::new());
}

#[tokio::test]
async fn who_blocks_and_who_is_blocked_do_not_see_each_other_read() {
    let (_server, ann, ben, room) = couple().await;
    for n in 0..3 {
        ann.say(&room, &format!("m-{n}"), "hello").await.is(201);
    }
    ben.read(&room, 2).await.is(200);
    assert_eq!(readers(&ann, &room, 2, 1).await, [ben.id]);
    let mut number = 2;
    for (blocker, other) in [(&ann, &ben), (&ben, &ann)] {
        blocker.put(&format!("/blocks/{}", other.id)).await.is(204);
        let (mut anns, mut bens) = (ann.socket().await, ben.socket().await);
        number += 1;
        assert_eq!(ben.read(&room, number).await.is(200)["seq"], number);
        assert_eq!(readers(&ann, &room, 2, 9).await, Vec::<i64>::new());
        let heard = until_now(&ann, &mut anns, &number.to_string()).await;
        assert!(heard.iter().all(|event| event["type"] != "read"), "{heard:?}");
        assert_eq!(bens.event_of("read").await["seq"], number, "one's own devices do");
        blocker.delete(&format!("/blocks/{}", other.id)).await.is(204);
        assert_eq!(readers(&ann, &room, 2, 9).await, [ben.id]);
    }
}

#[tokio::test]
async fn a_mark_that_was_answered_outlives_a_kill_that_follows_at_once() {
    let (mut server, ann, ben, room) = couple().await;
    let mut written = 0;
    for round in 0..5 {
        for n in 0..4 {
            written = seq(&ben.say(&room, &format!("m-{round}-{n}"), "hello").await.is(201));
        }
        ann.say(WORLD, &format!("w-{round}"), "hello").await.is(201);
        let mut reading = JoinSet::new();
        for back in 0..3 {
            let (ann, room) = (ann.clone(), room.clone());
            reading.spawn(async move { ann.read(&room, written - 1 - back).await.is(200) });
        }
        reading.join_all().await;
        ben.read(WORLD, round + 1).await.is(200);
        if round < 4 {
            ann.read(WORLD, round + 1).await.is(200);
        }
        if round == 4 {
            assert_eq!(server.stop().await, Some(0));
        } else {
            server.kill();
        }
        server.restart().await;
        let chat = ann.chat(&room).await;
        assert_eq!((&chat["read_seq"], &chat["unread"]), (&json!(written - 1), &json!(1)), "round {round}");
        for person in [&ann, &ben] {
            assert_eq!(person.chat(WORLD).await["read_seq"], round + 1, "also where writing had read it before");
        }
    }
    assert_eq!(ann.chat(WORLD).await["unread"], 0, "a stop in good order stores what writing has read, too");
}

#[tokio::test]
async fn the_world_channel_is_read_by_each_for_himself() {
    let server = Server::start().await;
    let (ann, ben, cleo) = (server.person("ann").await, server.person("ben").await, server.person("cleo").await);
    let phone = ann.log_in("phone").await;
    for n in 0..4 {
        ben.say(WORLD, &format!("m-{n}"), "hello").await.is(201);
    }
    assert_eq!((unread(&ann, WORLD).await, unread(&ben, WORLD).await), ((4, 0), (0, 0)));
    let (mut phones, mut cleos) = (phone.socket().await, cleo.socket().await);
    assert_eq!(ann.read(WORLD, 3).await.is(200), json!({ "room": WORLD, "seq": 3, "unread": 1 }));
    let told = json!({ "type": "read", "room": WORLD, "user_id": ann.id, "seq": 3 });
    assert_eq!(phones.next().await, Event::Frame(told));
    assert_eq!(until_now(&cleo, &mut cleos, "now").await, Vec::<Value>::new(), "nobody else hears of it");
    assert_eq!((unread(&ann, WORLD).await, unread(&cleo, WORLD).await), ((1, 0), (4, 0)));
    cleo.get(&format!("/rooms/{WORLD}/readers?seq=3")).await.refused(422, "room.invalid");
    let late = server.person("late").await;
    assert_eq!(unread(&late, WORLD).await, (4, 0));
}
