//! Accounts that are deleted, by their owners or by administrators, and what is left of them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::groups::{group_of, types};
use crate::support::{Answer, Person, Server, WORLD, befriend, contains, eventually, seq, within};

async fn delete_me(person: &Person, password: &str) -> Answer {
    person.call(Method::DELETE, "/me", &json!({ "password": password })).await
}

/// What everybody sees of who is gone.
fn gone(person: &Person) -> Value {
    json!({ "id": person.id, "nickname": "", "deleted": true })
}

/// Waits until nothing is to be done for anybody who is gone.
async fn nothing_left(server: &Server) {
    let done = async || (server.rows().await["jim_departures"] == 0).then_some(());
    within(Duration::from_secs(40), "nothing is left to be done", done).await;
}

fn texts(entries: &[Value], by: &Person) -> Vec<String> {
    let own = entries.iter().filter(|entry| entry["type"] == "message.sent" && entry["by"] == by.id);
    own.filter_map(|entry| entry["data"]["content"]["text"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn who_deletes_his_account_is_out_and_unknown_to_friends_and_lists_and_his_words_stay() {
    let mut server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let (cleo, dora) = (server.person("cleo").await, server.person("dora").await);
    let room = befriend(&ann, &ben).await;
    ben.patch("/me", &json!({ "nickname": "Benjamin", "birth_date": "1999-12-31", "status_text": "zebra" }))
        .await
        .is(200);
    ben.say(&room, "m-1", "Hello Ann").await.is(201);
    ben.say(WORLD, "w-1", "Hello world").await.is(201);
    let asks = ben.ask(&cleo).await.is(201)["id"].clone();
    dora.ask(&ben).await.is(201);
    ben.put(&format!("/blocks/{}", dora.id)).await.is(204);
    ann.put(&format!("/blocks/{}", cleo.id)).await.is(204);
    let phone = ben.log_in("zebra phone").await;
    let (mut bens, mut anns) = (phone.socket().await, ann.socket().await);

    delete_me(&ben, "not the password").await.refused(403, "auth.wrong_password");
    ben.call(Method::DELETE, "/me", &json!({})).await.refused(422, "request.invalid");
    ben.get("/me").await.is(200);
    delete_me(&ben, &ben.password).await.is(204);
    assert_eq!(bens.closed().await, Some(4401));
    for device in [&ben, &phone] {
        eventually("he is out", async || (device.get("/me").await.status == 401).then_some(())).await;
    }
    let login = json!({ "username": "ben", "password": ben.password });
    server.stranger().post("/auth/login", &login).await.refused(401, "auth.invalid_credentials");
    let left = json!({ "username": format!("#{}", ben.id), "password": "" });
    server.stranger().post("/auth/login", &left).await.refused(401, "auth.invalid_credentials");
    assert_eq!(anns.event_of("friend.removed").await["data"], json!({ "user_id": ben.id }));
    assert_eq!(ann.list("/friends").await, Vec::<Value>::new());
    assert_eq!(ann.get(&format!("/users/{}", ben.id)).await.is(200), gone(&ben));
    assert_eq!(ann.get(&format!("/users?ids={}", ben.id)).await.is(200)["items"], json!([gone(&ben)]));
    assert_eq!(ann.get("/users?nickname=Benj").await.is(200)["items"], json!([]));
    assert_eq!(ann.chat(&room).await["peer"], gone(&ben));
    assert_eq!(cleo.list("/friend-requests?direction=in").await, Vec::<Value>::new());
    assert!(cleo.log(0).await.iter().any(|entry| entry["type"] == "friend.cancelled" && entry["data"]["id"] == asks));
    let doras = dora.list("/friend-requests?direction=out").await;
    assert_eq!((&doras[0]["status"], &doras[0]["to"]), (&json!("rejected"), &gone(&ben)));
    ann.say(&room, "m-2", "Are you there?").await.refused(403, "friend.not_friend");
    ann.ask(&ben).await.refused(403, "user.unavailable");
    assert_eq!(texts(&ann.whole_history(&room).await, &ben), ["Hello Ann"]);
    assert_eq!(texts(&dora.whole_history(WORLD).await, &ben), ["Hello world"]);

    server.kill();
    server.restart().await;
    nothing_left(&server).await;
    let stored = server.everything().await;
    for personal in ["zebra phone", "1999-12-31"] {
        let text = String::from_utf8_lossy(&stored);
        // The embedded file may hold freed pages; the rows are what counts there.
        assert!(!contains(&stored, personal) || text.contains("SQLite format 3"), "{personal} is still stored");
    }
    let again = server.person("ben").await;
    assert!(again.id > ben.id, "the name is free, and who takes it is another one");
    again.get(&format!("/rooms/{room}")).await.refused(404, "resource.not_found");
}

#[tokio::test]
async fn groups_of_who_is_gone_go_to_the_oldest_admin_or_member_and_those_of_nobody_end() {
    let server = Server::start().await;
    let (people, first, first_room) = group_of(&server, &["ann", "ben", "cleo", "dora"]).await;
    let (ann, ben, cleo, dora) = (&people[0], &people[1], &people[2], &people[3]);
    let made = async |who: &Person, members: &[&Person]| {
        let ids: Vec<i64> = members.iter().map(|member| member.id).collect();
        who.post("/groups", &json!({ "name": "Another", "member_ids": ids })).await.is(201)["id"].as_i64().unwrap()
    };
    let second = made(ann, &[cleo, ben]).await;
    let third = made(ann, &[]).await;
    let fourth = made(cleo, &[ann]).await;
    let over = made(ann, &[ben]).await;
    ann.delete(&format!("/groups/{over}")).await.is(204);
    cleo.post("/groups", &json!({ "name": "Closed", "member_ids": [] })).await.is(201);
    ann.patch(&format!("/groups/{first}/members/{}", dora.id), &json!({ "role": "admin" })).await.is(200);
    let mut doras = dora.socket().await;
    delete_me(ann, &ann.password).await.is(204);

    let group = async |who: &Person, id: i64| who.get(&format!("/groups/{id}")).await.is(200);
    assert_eq!(
        (&group(ben, first).await["owner_id"], &group(ben, first).await["member_count"]),
        (&json!(dora.id), &json!(3))
    );
    let told = doras.event_of("group.transferred").await;
    assert_eq!(told["data"], json!({ "owner_id": dora.id, "user_id": ann.id }));
    assert_eq!(doras.event_of("member.left").await["data"], json!({ "user_id": ann.id }));
    // All came at one time: the one with the lowest id is the oldest.
    assert_eq!(group(cleo, second).await["owner_id"], ben.id);
    assert_eq!(group(cleo, fourth).await["member_count"], 1);
    let members = ben.list(&format!("/groups/{first}/members")).await;
    assert!(members.iter().all(|member| member["user"]["id"] != ann.id));
    let rows = server.rows().await;
    assert_eq!(rows["jim_members"], 3 + 2 + 1 + 1 + 1, "nobody is left in the third, ben in the one that is over");
    let root = server.admin("root").await;
    let listed = root.list("/admin/groups").await;
    assert!(listed.iter().all(|group| group["id"] != third), "what nobody is left in has ended");
    assert!(types(&ben.whole_history(&first_room).await).contains(&"member.left"));
}

#[tokio::test]
async fn an_administrator_deletes_an_account_once_and_for_good() {
    let server = Server::start().await;
    let root = server.admin("root").await;
    let ann = server.person("ann").await;
    let mut socket = ann.socket().await;
    let path = format!("/admin/users/{}", ann.id);
    for _ in 0..2 {
        root.delete(&path).await.is(204);
    }
    assert_eq!(socket.closed().await, Some(4401));
    for verb in ["disable", "enable"] {
        root.act(&format!("{path}/{verb}")).await.refused(403, "user.unavailable");
    }
    let listed = root.list("/admin/users").await;
    let row = listed.iter().find(|user| user["id"] == ann.id).unwrap();
    assert_eq!((&row["state"], &row["username"], &row["nickname"]), (&json!("deleted"), &json!(""), &json!("")));
    let rows = root.list("/admin/audit?action=user.deleted").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["before"], &rows[0]["after"]),
        (&json!({ "state": "active" }), &json!({ "state": "deleted", "messages": "keep" }))
    );
}

#[tokio::test]
async fn what_who_is_gone_wrote_is_erased_everywhere_where_the_server_is_set_up_so_though_it_is_killed_meanwhile() {
    let mut server = Server::with(&[("accounts.deleted_messages", "erase")]).await;
    let (people, group, club) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let room = ann.room(ben);
    // More than is taken in one unit.
    for n in 0..70 {
        ben.say(&room, &format!("b-{n}"), "zebra").await.is(201);
        ann.say(&room, &format!("a-{n}"), "giraffe").await.is(201);
    }
    for n in 0..3 {
        ben.say(&club, &format!("b-{n}"), "zebra").await.is(201);
        ben.say(WORLD, &format!("b-{n}"), "zebra").await.is(201);
    }
    // Of a group that he left before, too.
    ben.act(&format!("/groups/{group}/leave")).await.is(204);
    let over = ann.post("/groups", &json!({ "name": "Over", "member_ids": [ben.id] })).await.is(201);
    let ended = over["room"].as_str().unwrap().to_owned();
    ben.say(&ended, "b-1", "zebra").await.is(201);
    ann.delete(&format!("/groups/{}", over["id"])).await.is(204);
    let end = ann.whole_history(&ended).await.len();
    delete_me(ben, &ben.password).await.is(204);
    server.kill();
    server.restart().await;
    let rooms = [&room, &club, &WORLD.to_owned(), &ended];
    eventually("nothing of his stands", async || {
        for room in rooms {
            if !texts(&ann.whole_history(room).await, ben).is_empty() {
                return None;
            }
        }
        Some(())
    })
    .await;
    let history = ann.whole_history(&room).await;
    assert_eq!(texts(&history, ann).len(), 70, "what others wrote stays");
    let taken: Vec<_> = history.iter().filter(|entry| entry["type"] == "message.retracted").collect();
    assert_eq!(taken.len(), 70, "each is told once");
    assert!(taken.iter().all(|entry| entry["by"] == ben.id));
    assert_eq!(ann.whole_history(&ended).await.len(), end, "a log that has ended stays so");
    assert!(history.iter().map(seq).eq(1..=i64::try_from(history.len()).unwrap()), "without a hole");
}

#[tokio::test]
async fn of_what_is_sent_while_an_account_is_deleted_nothing_stands_or_everything_that_was_answered() {
    for mode in ["erase", "keep"] {
        let server = Server::with(&[("accounts.deleted_messages", mode)]).await;
        let (ann, ben) = (server.person("ann").await, server.person("ben").await);
        let room = befriend(&ann, &ben).await;
        let mut senders = JoinSet::new();
        for sender in 0..4 {
            let (ben, room) = (ben.clone(), room.clone());
            senders.spawn(async move {
                let mut answered = 0;
                for n in 0.. {
                    let answer = ben.say(&room, &format!("m-{sender}-{n}"), "zebra").await;
                    match answer.status {
                        201 => answered += 1,
                        401 | 403 => break,
                        status => panic!("{status}"),
                    }
                }
                answered
            });
        }
        eventually("some were sent", async || (ann.whole_history(&room).await.len() > 20).then_some(())).await;
        delete_me(&ben, &ben.password).await.is(204);
        let answered: usize = senders.join_all().await.into_iter().sum();
        if mode == "keep" {
            assert_eq!(texts(&ann.whole_history(&room).await, &ben).len(), answered);
            continue;
        }
        nothing_left(&server).await;
        let history = ann.whole_history(&room).await;
        assert_eq!(texts(&history, &ben), Vec::<String>::new());
        let stubs = history.iter().filter(|entry| entry["data"].get("retracted").is_some()).count();
        assert_eq!(stubs, answered);
    }
}

#[tokio::test]
async fn what_was_begun_in_the_name_of_who_is_gone_is_taken_away_too() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    befriend(&ann, &ben).await;
    let mut makers = JoinSet::new();
    for maker in 0..6 {
        let (ben, ann) = (ben.clone(), ann.id);
        makers.spawn(async move {
            for n in 0..100 {
                let wish = json!({ "name": format!("Group {maker} {n}"), "member_ids": [ann] });
                match ben.post("/groups", &wish).await.status {
                    201 => {}
                    // Made, or not: his log-in ended before he was told.
                    401 | 404 => return,
                    status => panic!("{status}"),
                }
            }
        });
    }
    eventually("some were made", async || (ann.list("/groups").await.len() > 5).then_some(())).await;
    delete_me(&ben, &ben.password).await.is(204);
    makers.join_all().await;
    nothing_left(&server).await;
    for group in ann.list("/groups").await {
        assert_eq!((&group["owner_id"], &group["member_count"]), (&json!(ann.id), &json!(1)), "{group}");
    }
}
