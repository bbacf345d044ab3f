//! What administrators can do, what they alone can do, and what is written down of it.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::groups::group_of;
use crate::support::{Answer, Client, Person, Server, WORLD, befriend, eventually, password_of, seq};

async fn call(who: &Client, method: &Method, path: &str, body: &Value) -> Answer {
    let call = who.request(method.clone(), path);
    Answer::to(if body.is_null() { call } else { call.json(body) }).await
}

async fn log_in(client: &Client, name: &str, password: &str) -> Answer {
    client.anonymous().post("/auth/login", &json!({ "username": name, "password": password })).await
}

/// The acts of the audit log in short, oldest first.
async fn acts(admin: &Person, query: &str) -> Vec<(Value, String, String)> {
    let mut rows = admin.list(&format!("/admin/audit?{query}")).await;
    rows.reverse();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter().map(|row| (row["by"].clone(), text(&row["action"]), text(&row["target"]))).collect()
}

#[tokio::test]
async fn every_operation_of_administrators_is_refused_to_all_others_and_changes_nothing() {
    let server = Server::start().await;
    let admin = server.admin("root").await;
    let (people, group, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let said = seq(&ann.say(&room, "m-1", "Hello").await.is(201));
    ann.say(WORLD, "w-1", "Hello").await.is(201);
    let new = json!({ "username": "eve", "password": "a fine long password" });
    let table = [
        (Method::GET, "/admin/users".to_owned(), Value::Null),
        (Method::POST, "/admin/users".into(), new),
        (Method::POST, format!("/admin/users/{}/disable", ben.id), Value::Null),
        (Method::POST, format!("/admin/users/{}/enable", ben.id), Value::Null),
        (Method::DELETE, format!("/admin/users/{}", ben.id), Value::Null),
        (Method::PUT, format!("/admin/users/{}/password", ben.id), json!({ "password": "a fine long password" })),
        (Method::GET, format!("/admin/users/{}/sessions", ben.id), Value::Null),
        (Method::DELETE, format!("/admin/users/{}/sessions", ben.id), Value::Null),
        (Method::GET, "/admin/groups".into(), Value::Null),
        (Method::DELETE, format!("/admin/groups/{group}"), Value::Null),
        (Method::POST, format!("/admin/groups/{group}/transfer"), json!({ "user_id": ben.id })),
        (Method::POST, format!("/admin/rooms/{room}/entries/{said}/retract"), Value::Null),
        (Method::GET, "/admin/registration".into(), Value::Null),
        (Method::PUT, "/admin/registration".into(), json!({ "mode": "closed" })),
        (Method::GET, "/admin/audit".into(), Value::Null),
        (Method::PATCH, "/world/1".into(), json!({ "open": false })),
        (Method::PUT, format!("/world/1/mutes/{}", ben.id), json!({})),
        (Method::DELETE, format!("/world/1/mutes/{}", ben.id), Value::Null),
    ];
    // Nothing of the API that is for administrators is missing here.
    let document = server.stranger().get("//openapi.json").await.is(200);
    let paths = document["paths"].as_object().unwrap().iter();
    let ours = paths.filter(|(path, _)| path.starts_with("/api/v1/admin/"));
    let operations: usize = ours.map(|(_, methods)| methods.as_object().unwrap().len()).sum();
    assert_eq!(table.iter().filter(|(_, path, _)| path.starts_with("/admin/")).count(), operations);

    let everything = async || {
        let lists = ["/admin/users", "/admin/groups", "/admin/registration", "/admin/audit", "/world/1"];
        let mut all = Vec::new();
        for path in lists {
            all.push(admin.get(path).await.is(200));
        }
        all.push(ann.history(&room, "").await);
        all.push(ben.get("/me/sessions").await.is(200)["items"].clone());
        for session in all.last_mut().unwrap().as_array_mut().unwrap() {
            session["last_seen_at"].take();
        }
        all
    };
    let before = everything().await;
    for (method, path, body) in &table {
        for user in [ann, ben] {
            call(user, method, path, body).await.refused(403, "admin.required");
        }
        call(&server.stranger(), method, path, body).await.refused(401, "auth.required");
    }
    assert_eq!(everything().await, before);
    for (method, path, body) in
        table.iter().filter(|(method, path, _)| *method != Method::DELETE || path.contains("world"))
    {
        let answer = call(&admin, method, path, body).await;
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn an_account_that_is_disabled_is_out_at_once_and_in_again_when_it_is_enabled() {
    let server = Server::start().await;
    let admin = server.admin("root").await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let room = befriend(&ann, &ben).await;
    let phone = ben.log_in("phone").await;
    let ticket = ben.ticket().await;
    let mut sockets = Vec::new();
    // One on each node, where there are two.
    for device in [&ben, &phone, &ben, &phone] {
        sockets.push(device.socket().await);
    }
    ann.say(&room, "m-1", "Hello").await.is(201);
    let disable = format!("/admin/users/{}/disable", ben.id);
    let begun = Instant::now();
    let account = admin.act(&disable).await.is(200);
    assert_eq!(
        (&account["id"], &account["state"], &account["role"]),
        (&json!(ben.id), &json!("disabled"), &json!("user"))
    );
    assert_eq!(admin.act(&disable).await.is(200), account, "again, nothing changes");
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, Some(4401));
    }
    for device in [&ben, &phone] {
        eventually("every node refuses him", async || {
            let answer = device.get("/me").await;
            (answer.status == 401).then(|| answer.refused(401, "auth.required"))
        })
        .await;
    }
    assert!(begun.elapsed().as_millis() < 2_000, "{:?}", begun.elapsed());
    log_in(&ben, "ben", &ben.password).await.refused(403, "auth.account_disabled");
    log_in(&ben, "ben", "not the password").await.refused(401, "auth.invalid_credentials");
    let wish = json!({ "refresh_token": ben.refresh });
    server.stranger().post("/auth/refresh", &wish).await.refused(401, "auth.refresh_invalid");
    let refused = crate::support::Socket::with_ticket(&ben.base, &ticket).await;
    assert_eq!(refused.err().map(|refused| refused.problem()), Some((401, "auth.required".to_owned())));
    ann.say(&room, "m-2", "Hello?").await.refused(403, "user.unavailable");
    ann.get(&format!("/users/{}", ben.id)).await.refused(404, "resource.not_found");

    let enable = format!("/admin/users/{}/enable", ben.id);
    for _ in 0..2 {
        assert_eq!(admin.act(&enable).await.is(200)["state"], "active");
    }
    ben.get("/me").await.refused(401, "auth.required");
    let again = ben.log_in("phone").await;
    ann.say(&room, "m-2", "Hello?").await.is(201);
    assert_eq!(again.whole_history(&room).await.len(), 3);
    let (by, target) = (json!(admin.id), format!("user/{}", ben.id));
    let done = |action: &str| (by.clone(), action.to_owned(), target.clone());
    assert_eq!(acts(&admin, &format!("target={target}")).await, [done("user.disabled"), done("user.enabled")]);
}

#[tokio::test]
async fn accounts_are_made_listed_and_searched_page_by_page() {
    let server = Server::start().await;
    let admin = server.admin("root").await;
    let wish = json!({ "username": "Dora", "password": password_of("Dora"), "nickname": "Dodo" });
    let made = admin.post("/admin/users", &wish).await.is(201);
    assert_eq!(made["role"], "user");
    assert!(!made.to_string().contains("sesame"));
    admin.post("/admin/users", &wish).await.refused(409, "auth.username_taken");
    let short = admin.post("/admin/users", &json!({ "username": "x", "password": "short" })).await;
    assert_eq!(short.broken_fields().len(), 2);
    let dora = Person::known(&server.stranger(), "Dora").await;
    assert_eq!(dora.get("/me").await.is(200)["nickname"], "Dodo");
    for name in ["ann-1", "ann-2", "ann-3", "a_n"] {
        server.person(name).await;
    }
    let names = async |query: &str| -> Vec<String> {
        let users = admin.list(&format!("/admin/users?{query}")).await;
        users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("limit=2").await, ["root", "Dora", "ann-1", "ann-2", "ann-3", "a_n"]);
    assert_eq!(names("username=ANN&limit=1").await, ["ann-1", "ann-2", "ann-3"]);
    assert_eq!(names("username=a_").await, ["a_n"]);
    assert_eq!(names("role=admin").await, ["root"]);
    admin.get("/admin/users?role=owner").await.refused(422, "request.invalid");
    admin.get("/admin/users?cursor=AAAA").await.refused(422, "cursor.invalid");
    admin.get("/admin/users?limit=0").await.refused(422, "request.invalid");
}

#[tokio::test]
async fn a_password_is_reset_and_sessions_are_seen_and_ended() {
    let server = Server::start().await;
    let admin = server.admin("root").await;
    let ann = server.person("ann").await;
    let phone = ann.log_in("phone").await;
    let mut socket = phone.socket().await;
    let sessions = format!("/admin/users/{}/sessions", ann.id);
    let listed = admin.get(&sessions).await.is(200);
    let ids: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|session| &session["id"]).collect();
    assert_eq!(ids, [&json!(phone.session), &json!(ann.session)]);
    assert!(listed["items"].as_array().unwrap().iter().all(|session| session["current"] == false));
    for _ in 0..2 {
        admin.delete(&sessions).await.is(204);
    }
    assert_eq!(socket.closed().await, Some(4401));
    eventually("the session is over", async || (ann.get("/me").await.status == 401).then_some(())).await;
    let again = ann.log_in("desk").await;
    let reset = format!("/admin/users/{}/password", ann.id);
    let wish = json!({ "password": "ann is my name" });
    let own = admin.call(Method::PUT, &reset, &wish).await;
    assert_eq!(own.broken_fields(), [("password".into(), "password.contains_username".into())]);
    again.get("/me").await.is(200);
    let wish = json!({ "password": "a brand new password" });
    admin.call(Method::PUT, &reset, &wish).await.is(204);
    eventually("the session is over", async || (again.get("/me").await.status == 401).then_some(())).await;
    log_in(&ann, "ann", &ann.password).await.refused(401, "auth.invalid_credentials");
    log_in(&ann, "ann", "a brand new password").await.is(200);
    let expected = ["user.sessions_ended", "user.password_reset"]
        .map(|action| (json!(admin.id), action.to_owned(), format!("user/{}", ann.id)));
    assert_eq!(acts(&admin, &format!("by={}", admin.id)).await, expected);
    assert!(!server.printed().join("\n").contains("brand new"));
    for path in ["/admin/users/999999/disable", "/admin/users/x/enable"] {
        admin.act(path).await.refused(404, "resource.not_found");
    }
    admin.get("/admin/users/999999/sessions").await.refused(404, "resource.not_found");
    admin.delete("/admin/users/999999").await.refused(404, "resource.not_found");
}

#[tokio::test]
async fn groups_are_listed_given_to_others_and_dissolved_by_administrators_who_are_no_members() {
    let server = Server::start().await;
    let admin = server.admin("root").await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let stranger = server.person("dora").await;
    let other = stranger.post("/groups", &json!({ "name": "Reading circle", "member_ids": [] })).await.is(201);
    let listed = async |query: &str| -> Vec<Value> {
        let groups = admin.list(&format!("/admin/groups?{query}")).await;
        groups.iter().map(|group| group["id"].clone()).collect()
    };
    assert_eq!(listed("limit=1").await, [json!(id), other["id"].clone()]);
    assert_eq!(listed("name=circle").await, std::slice::from_ref(&other["id"]));
    let transfer = format!("/admin/groups/{id}/transfer");
    admin.post(&transfer, &json!({ "user_id": stranger.id })).await.refused(422, "group.not_member");
    let given = admin.post(&transfer, &json!({ "user_id": ben.id })).await.is(200);
    assert_eq!((&given["owner_id"], &given["member_count"]), (&json!(ben.id), &json!(3)));
    assert_eq!(ben.get(&format!("/groups/{id}")).await.is(200)["my"]["role"], "owner");
    assert_eq!(ann.get(&format!("/groups/{id}")).await.is(200)["my"]["role"], "member");
    for _ in 0..2 {
        admin.delete(&format!("/admin/groups/{id}")).await.is(204);
    }
    let last = ann.whole_history(&room).await.pop().unwrap();
    assert_eq!((&last["type"], &last["by"]), (&json!("group.dissolved"), &json!(admin.id)));
    admin.post(&transfer, &json!({ "user_id": ann.id })).await.refused(410, "group.dissolved");
    assert_eq!(listed("").await, std::slice::from_ref(&other["id"]));
    let rows = admin.list("/admin/audit?target=group/".to_owned().as_str()).await;
    assert!(rows.is_empty(), "a target is compared as a whole");
    let rows = admin.list(&format!("/admin/audit?target=group/{id}")).await;
    assert_eq!(rows[0]["before"], json!({ "owner_id": ben.id, "member_count": 3 }));
    assert_eq!(
        (&rows[1]["before"], &rows[1]["after"]),
        (&json!({ "owner_id": ann.id }), &json!({ "owner_id": ben.id }))
    );
    assert_eq!(rows[1]["ip"], "127.0.0.1");
}

#[tokio::test]
async fn any_message_is_taken_back_by_an_administrator_and_the_log_of_it_does_not_say_what_it_said() {
    let server = Server::start().await;
    let admin = server.admin("root").await;
    let (people, _, club) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    for room in [&ann.room(ben), &club, &WORLD.to_owned()] {
        let said = seq(&ann.say(room, "m-1", "zebra crossing").await.is(201));
        let path = format!("/admin/rooms/{room}/entries/{said}/retract");
        let entry = admin.act(&path).await.is(200);
        assert_eq!((&entry["type"], &entry["by"]), (&json!("message.retracted"), &json!(admin.id)));
        admin.act(&path).await.refused(409, "message.retracted");
        let stub = ben.get(&format!("/rooms/{room}/entries/{said}")).await.is(200);
        assert_eq!(stub["data"]["retracted"]["by"], admin.id);
    }
    let system = format!("/admin/rooms/{}/entries/1/retract", ann.room(ben));
    admin.act(&system).await.refused(422, "message.not_retractable");
    for nowhere in ["p:3:999999", "g:999999", "w:9", "x", "p:5:5"] {
        admin.act(&format!("/admin/rooms/{nowhere}/entries/1/retract")).await.refused(404, "resource.not_found");
    }
    // What administrators do in the world channel by the way of everybody is written down too.
    let said = seq(&ann.say(WORLD, "w-2", "zebra").await.is(201));
    admin.act(&format!("/rooms/{WORLD}/entries/{said}/retract")).await.is(200);
    let own = seq(&admin.say(WORLD, "w-3", "oops").await.is(201));
    admin.act(&format!("/rooms/{WORLD}/entries/{own}/retract")).await.is(200);
    let rows = admin.list("/admin/audit?action=message.retracted").await;
    let targets: Vec<_> = rows.iter().map(|row| row["target"].as_str().unwrap().to_owned()).collect();
    assert_eq!(targets.len(), 4, "{targets:?}");
    assert_eq!(targets[0], format!("entry/{WORLD}/{said}"));
    assert!(rows.iter().all(|row| row["before"] == json!({ "by": ann.id }) && !row.to_string().contains("zebra")));
}

#[tokio::test]
async fn what_administrators_do_to_the_world_channel_is_written_down_with_what_was_before() {
    let server = Server::start().await;
    let admin = server.admin("root").await;
    let ann = server.person("ann").await;
    let mute = format!("/world/1/mutes/{}", ann.id);
    for _ in 0..2 {
        admin.patch("/world/1", &json!({ "open": false })).await.is(200);
        admin.call(Method::PUT, &mute, &json!({})).await.is(204);
    }
    for _ in 0..2 {
        admin.delete(&mute).await.is(204);
    }
    let mut rows = admin.list("/admin/audit?limit=1").await;
    rows.reverse();
    let short: Vec<_> =
        rows.iter().map(|row| json!([row["action"], row["target"], row["before"], row["after"]])).collect();
    let person = format!("user/{}", ann.id);
    let expected = [
        json!(["user.created", format!("user/{}", admin.id), null, { "role": "admin" }]),
        json!(["world.changed", "world/1", { "open": true, "slow_mode_seconds": 0 }, { "open": false, "slow_mode_seconds": 0 }]),
        json!(["world.muted", person, null, { "world_id": 1 }]),
        json!(["world.unmuted", person, { "world_id": 1 }, null]),
    ];
    assert_eq!(short, expected);
    assert_eq!((rows[0].get("by"), rows[0].get("ip")), (None, None), "the command line is nobody");
    assert_eq!((&rows[1]["by"], &rows[1]["ip"]), (&json!(admin.id), &json!("127.0.0.1")));
    assert!(rows.windows(2).all(|pair| pair[0]["id"].as_i64() < pair[1]["id"].as_i64()));
    for path in ["/admin/audit?by=x", "/admin/audit?limit=101"] {
        admin.get(path).await.refused(422, "request.invalid");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        call(&admin, &method, "/admin/audit", &json!({})).await.refused(405, "request.method_not_allowed");
    }
}

#[tokio::test]
async fn of_two_administrators_who_disable_each_other_at_once_one_is_left() {
    let server = Server::start().await;
    let mut left = Vec::new();
    for round in 0..5 {
        let (one, two) = (server.admin(&format!("one-{round}")).await, server.admin(&format!("two-{round}")).await);
        let mut calls = JoinSet::new();
        for (by, other) in [(one.clone(), two.id), (two.clone(), one.id)] {
            calls.spawn(async move { by.act(&format!("/admin/users/{other}/disable")).await.status });
        }
        let mut answers = calls.join_all().await;
        answers.sort_unstable();
        assert!(answers == [200, 401] || answers == [200, 403], "{answers:?}");
        let mut active = Vec::new();
        for person in [one, two] {
            let answer = log_in(&person, &person.name, &person.password).await;
            active.extend((answer.status == 200).then_some(person));
        }
        assert_eq!(active.len(), 1);
        left.extend(active);
    }
    let disabled = left[0].log_in("again").await.list("/admin/audit?action=user.disabled").await;
    assert_eq!(disabled.len(), 5, "one act a round");
}

#[tokio::test]
async fn the_command_line_lists_disables_and_enables_beside_a_running_server_and_without_one() {
    let mut server = Server::start().await;
    let admin = server.admin("root").await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let room = befriend(&ann, &ben).await;
    ann.say(&room, "m-1", "Hello").await.is(201);
    let mut socket = ben.socket().await;
    let said = |arguments: &[&str]| {
        let output = server.admin_command(arguments);
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    assert_eq!(said(&["list"]), (Some(0), format!("{} active root\n", admin.id)));
    let (code, text) = said(&["disable", "--username", "BEN"]);
    assert!(code == Some(0) && text.contains(&ben.id.to_string()), "{text}");
    assert_eq!(socket.closed().await, Some(4401));
    log_in(&ben, "ben", &ben.password).await.refused(403, "auth.account_disabled");
    let mut tries = 0;
    eventually("his friend learns of it", async || {
        tries += 1;
        let answer = ann.say(&room, &format!("to-{tries}"), "Hello?").await;
        (answer.status == 403).then(|| answer.refused(403, "user.unavailable"))
    })
    .await;
    let (code, _) = said(&["enable", "--username", "ben"]);
    assert_eq!(code, Some(0));
    ben.log_in("phone").await;
    eventually("his friend learns of it", async || (ann.say(&room, "m-2", "Hello!").await.status == 201).then_some(()))
        .await;
    let (code, text) = said(&["disable", "--username", "nobody"]);
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    let (_, lines) = said(&["audit"]);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert_eq!(server.stop().await, Some(0));

    let said = |arguments: &[&str]| {
        let output = server.admin_command(arguments);
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    assert_eq!(said(&["disable", "--username", "root"]).0, Some(0));
    assert_eq!(said(&["list"]).1, format!("{} disabled root\n", admin.id));
    let (_, lines) = said(&["audit", "--export"]);
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<_> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["user.disabled", "user.enabled", "user.disabled", "user.created"]);
    assert_eq!(rows[0]["target"], format!("user/{}", admin.id));
    assert_eq!(said(&["enable", "--username", "root"]).0, Some(0));
    server.restart().await;
    let admin = admin.log_in("again").await;
    assert_eq!(admin.list("/admin/audit").await.len(), 5);
}
