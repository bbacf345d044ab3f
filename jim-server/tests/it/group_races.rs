//! Groups in which much happens at once.

use serde_json::json;
use tokio::task::JoinSet;

use crate::groups::{group_of, types};
use crate::support::{Answer, Person, Server, eventually, seq};

#[tokio::test]
async fn a_transfer_that_races_with_the_removal_of_the_heir_leaves_one_owner_who_is_a_member() {
    let server = Server::start().await;
    let (people, _, _) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let (mut given, mut refused) = (0, 0);
    for round in 0..20 {
        let wish = json!({ "name": "Club", "member_ids": [ben.id, cleo.id] });
        let id = ann.post("/groups", &wish).await.is(201)["id"].as_i64().unwrap();
        let (give, heir) = (format!("/groups/{id}/transfer"), format!("/groups/{id}/members/{}", ben.id));
        // Removed by the owner, or gone by himself.
        let goes = async {
            if round % 2 == 0 { ann.delete(&heir).await } else { ben.act(&format!("/groups/{id}/leave")).await }
        };
        let wish = json!({ "user_id": ben.id });
        let (transfer, gone) = tokio::join!(ann.post(&give, &wish), goes);
        let seen = cleo.get(&format!("/groups/{id}")).await.is(200);
        let list = cleo.get(&format!("/groups/{id}/members")).await.is(200);
        let owners: Vec<_> = list["items"].as_array().unwrap().iter().filter(|one| one["role"] == "owner").collect();
        assert_eq!(owners.len(), 1, "{list}");
        assert_eq!(owners[0]["user"]["id"], seen["owner_id"]);
        if transfer.status == 200 {
            // The owner is not removed by who was it, and does not leave.
            assert!([403, 409].contains(&gone.status), "{gone:?}");
            assert_eq!(seen["owner_id"], ben.id);
            given += 1;
        } else {
            transfer.refused(422, "group.not_member");
            gone.is(204);
            assert_eq!((&seen["owner_id"], &seen["member_count"]), (&json!(ann.id), &json!(2)));
            refused += 1;
        }
    }
    assert_eq!(given + refused, 20);
}

#[tokio::test]
async fn of_a_hundred_transfers_at_once_to_different_heirs_one_counts() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let mut giving = JoinSet::new();
    for n in 0..100 {
        let (ann, heir) = (people[0].clone(), people[1 + n % 2].id);
        giving.spawn(async move { ann.post(&format!("/groups/{id}/transfer"), &json!({ "user_id": heir })).await });
    }
    let answers = giving.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refused(403, "group.role_required");
    }
    let owner = people[1].get(&format!("/groups/{id}")).await.is(200)["owner_id"].clone();
    let history = people[1].whole_history(&room).await;
    let told: Vec<_> = history.iter().filter(|entry| entry["type"] == "group.transferred").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["data"], json!({ "owner_id": owner, "user_id": people[0].id }));
}

#[tokio::test]
async fn of_those_who_want_the_last_place_at_once_one_gets_it() {
    let server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben"]).await;
    let path = format!("/groups/{id}");
    people[0].patch(&path, &json!({ "join_policy": "open", "max_members": 3 })).await.is(200);
    let mut joining = JoinSet::new();
    for n in 0..20 {
        let guest = server.person(&format!("guest-{n}")).await;
        for _ in 0..10 {
            let (guest, path) = (guest.clone(), path.clone());
            joining.spawn(async move { guest.post(&format!("{path}/join"), &json!({})).await });
        }
    }
    let answers = joining.join_all().await;
    assert_eq!((answers.len(), answers.iter().filter(|answer| answer.status == 200).count()), (200, 1));
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert!(["group.full", "group.already_member"].contains(&answer.problem()["code"].as_str().unwrap()));
    }
    assert_eq!(people[0].get(&path).await.is(200)["member_count"], 3);
}

/// Sends until it is refused, which must be soon; says which numbers it got, and the last answer.
async fn talk(person: Person, room: String, name: usize) -> (Vec<i64>, Answer) {
    let mut sent = Vec::new();
    loop {
        let answer = person.say(&room, &format!("m-{name}-{}", sent.len()), "and").await;
        if answer.status != 201 || sent.len() == 200 {
            return (sent, answer);
        }
        sent.push(seq(&answer.json()));
    }
}

/// Waits until so many entries stand in a room.
async fn grown(person: &Person, room: &str, to: i64) {
    let head = async || person.get(&format!("/rooms/{room}")).await.is(200)["head"].as_i64();
    eventually("they write", async || (head().await > Some(to)).then_some(())).await;
}

#[tokio::test]
async fn the_end_of_a_group_is_the_end_of_its_log_though_a_hundred_write() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let mut talking = JoinSet::new();
    for n in 0..100 {
        talking.spawn(talk(people[n % 3].clone(), room.clone(), n));
    }
    grown(&people[0], &room, 300).await;
    people[0].delete(&format!("/groups/{id}")).await.is(204);
    let mut sent = Vec::new();
    for (mut numbers, refused) in talking.join_all().await {
        refused.refused(410, "group.dissolved");
        sent.append(&mut numbers);
    }
    sent.sort_unstable();
    let history = people[1].whole_history(&room).await;
    assert_eq!(*types(&history).last().unwrap(), "group.dissolved", "nothing comes after it");
    let stored: Vec<i64> = history.iter().filter(|entry| entry["type"] == "message.sent").map(seq).collect();
    assert_eq!(stored, sent, "what was answered 201 is there, and nothing else");
}

#[tokio::test]
async fn who_is_removed_while_a_hundred_messages_fly_hears_those_before_his_removal_and_none_after() {
    let server = Server::with(&[("socket.queue_frames", "65536")]).await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let mut cleos = cleo.socket().await;
    let begun = cleos.head(&room).unwrap();
    let mut talking = JoinSet::new();
    for n in 0..100 {
        talking.spawn(talk(if n % 2 == 0 { ben.clone() } else { cleo.clone() }, room.clone(), n));
    }
    grown(ann, &room, 300).await;
    ann.delete(&format!("/groups/{id}/members/{}", cleo.id)).await.is(204);
    let removed =
        ann.whole_history(&room).await.iter().rfind(|entry| entry["type"] == "member.removed").map(seq).unwrap();
    grown(ann, &room, removed + 100).await;
    // The others are stopped in the same way.
    ann.delete(&format!("/groups/{id}/members/{}", ben.id)).await.is(204);
    for (_, refused) in talking.join_all().await {
        refused.refused(404, "resource.not_found");
    }
    let history = ann.whole_history(&room).await;
    let (before, after) = history.split_at(usize::try_from(removed).unwrap() - 1);
    assert!(after.iter().all(|entry| entry["by"] != cleo.id), "he writes nothing from there on");
    let mut news = Vec::new();
    loop {
        let event = cleos.event().await;
        if event["type"] == "group.left" {
            break;
        }
        news.push(event);
    }
    news.retain(|event| event["log"] == room);
    assert_eq!(news, before[usize::try_from(begun).unwrap()..]);
    cleo.patch("/me", &json!({ "nickname": "C" })).await.is(200);
    assert_eq!(cleos.event().await["type"], "profile.changed", "and nothing later");
}
