//! Power in groups: roles, mutes, and what the log shows of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jim_core::time::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::groups::{group_of, types};
use crate::support::{Answer, Person, Server, eventually, message, seq};

async fn appoint(owner: &Person, id: i64, user: i64, role: &str) {
    owner.patch(&format!("/groups/{id}/members/{user}"), &json!({ "role": role })).await.is(200);
}

#[tokio::test]
async fn muting_everyone_spares_the_owner_and_admins() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    appoint(&people[0], id, people[1].id, "admin").await;
    for (round, muted) in [true, true, false, false].into_iter().enumerate() {
        let path = format!("/groups/{id}/mute");
        let answer = if muted { people[1].put(&path).await } else { people[1].delete(&path).await };
        answer.is(204);
        for (person, role) in people.iter().zip(["owner", "admin", "member"]) {
            let answer = person.say(&room, &format!("m-{round}"), "hello").await;
            if muted && role == "member" {
                answer.refused(403, "group.muted");
            } else {
                answer.is(201);
            }
        }
        assert_eq!(people[2].get(&format!("/groups/{id}")).await.is(200)["muted"], muted);
        assert_eq!(people[2].get(&format!("/rooms/{room}")).await.is(200)["my"]["can_send"], !muted);
    }
    let entries = people[0].whole_history(&room).await;
    let mutes: Vec<&str> = types(&entries).into_iter().filter(|kind| kind.ends_with("muted")).collect();
    assert_eq!(mutes, ["group.muted", "group.unmuted"], "said twice, it happened once");
}

#[tokio::test]
async fn a_muted_member_is_told_until_when_and_writes_again_after_it_without_any_job() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let path = format!("/groups/{id}/members/{}/mute", ben.id);
    for until in [json!("2020-01-01T00:00:00Z"), json!("tomorrow"), json!(-1), json!(0), json!(10_i64.pow(18))] {
        ann.call(Method::PUT, &path, &json!({ "until": until })).await.refused(422, "request.invalid");
    }
    ben.say(&room, "m-0", "not muted").await.is(201);
    let until = SystemClock.now().plus(Duration::from_millis(1_500)).to_string();
    ann.call(Method::PUT, &path, &json!({ "until": until })).await.is(204);
    assert_eq!(ben.say(&room, "m-1", "hello").await.refused(403, "group.member_muted")["until"], until);
    let seen = ben.get(&format!("/groups/{id}")).await.is(200);
    assert_eq!(seen["my"], json!({ "role": "member", "muted": true, "muted_until": until }));
    eventually("the mute ends", async || (ben.say(&room, "m-1", "hello").await.status == 201).then_some(())).await;
    ann.call(Method::PUT, &path, &json!({})).await.is(204);
    let refused = ben.say(&room, "m-2", "hello").await.refused(403, "group.member_muted");
    assert!(refused.get("until").is_none(), "for good: {refused}");
    let listed = ann.get(&format!("/groups/{id}/members")).await.is(200);
    assert_eq!((&listed["items"][1]["muted"], listed["items"][1].get("muted_until")), (&json!(true), None));
    ann.delete(&path).await.is(204);
    ann.delete(&path).await.is(204);
    ben.say(&room, "m-2", "hello").await.is(201);
}

#[tokio::test]
async fn a_muted_heir_can_write_in_the_group_that_is_his() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    ann.call(Method::PUT, &format!("/groups/{id}/members/{}/mute", ben.id), &json!({})).await.is(204);
    ann.post(&format!("/groups/{id}/transfer"), &json!({ "user_id": ben.id })).await.is(200);
    ben.say(&room, "mine", "Thank you").await.is(201);
    let entries = ann.whole_history(&room).await;
    assert_eq!(types(&entries)[4..], ["member.unmuted", "group.transferred", "message.sent"]);
}

/// Each action of the table, and how it is done to a member and to what he wrote under this number.
fn attempts(id: i64, target: i64, seq: i64) -> Vec<(&'static str, Method, String, Value)> {
    let (group, room) = (format!("/groups/{id}"), format!("/rooms/g:{id}"));
    let member = format!("{group}/members/{target}");
    let to_all = json!({ "client_ref": "all", "content": { "kind": "text", "text": "Hear" }, "mentions": "all" });
    vec![
        ("write, while nobody silences", Method::POST, format!("{room}/messages"), message("one", "Hello")),
        ("mention everybody", Method::POST, format!("{room}/messages"), to_all),
        ("pin and unpin messages", Method::PUT, format!("{room}/pins/{seq}"), Value::Null),
        ("pin and unpin messages", Method::DELETE, format!("{room}/pins/{seq}"), Value::Null),
        ("retract another's message, at any time", Method::POST, format!("{room}/entries/{seq}/retract"), Value::Null),
        ("decide requests to join", Method::GET, format!("{group}/join-requests"), Value::Null),
        ("add members, policy `admins`", Method::POST, format!("{group}/members"), json!({ "user_ids": [] })),
        ("mute a member", Method::PUT, format!("{member}/mute"), json!({})),
        ("change another's nickname", Method::PATCH, member.clone(), json!({ "nickname": "Nick" })),
        ("blacklist somebody", Method::PUT, format!("{group}/blacklist/{target}"), Value::Null),
        ("appoint and dismiss admins", Method::PATCH, member.clone(), json!({ "role": "member" })),
        ("transfer the group", Method::POST, format!("{group}/transfer"), json!({ "user_id": target })),
        ("remove a member", Method::DELETE, member, Value::Null),
        ("change name, announcement, policies", Method::PATCH, group.clone(), json!({ "announcement": "Hear" })),
        ("mute everyone", Method::PUT, format!("{group}/mute"), Value::Null),
        ("add members, policy `members`", Method::POST, format!("{group}/members"), json!({ "user_ids": [] })),
        ("dissolve the group", Method::DELETE, group, Value::Null),
    ]
}

/// The page with the table of permissions.
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/permissions.md"));

/// The table of permissions as the documentation shows it: whether a role may, to whom.
fn documented(action: &str, actor: &str, target: &str) -> bool {
    let row = PAGE.lines().find(|line| line.starts_with(&format!("| {action} |"))).unwrap();
    let column = ["owner", "admin", "member"].iter().position(|role| *role == actor).unwrap();
    let cell = row.split('|').nth(column + 2).unwrap().trim();
    cell == "yes" || (cell.starts_with("to ") && cell[3..].split(", ").any(|role| role == target))
}

#[tokio::test]
async fn each_cell_of_the_table_of_permissions_is_true_over_http() {
    // Nobody takes back what he wrote himself, so that rank alone decides.
    let server = Server::with(&[("limits.retract_seconds", "0")]).await;
    let names = ["owner", "admin", "member", "admin-2", "member-2"];
    let (mut tried, mut actions) = (0, BTreeSet::new());
    let (people, mut id, _) = group_of(&server, &names).await;
    let others: Vec<i64> = people[1..].iter().map(|person| person.id).collect();
    for (actor, role) in people[..3].iter().zip(["owner", "admin", "member"]) {
        for (target, target_role) in [(&people[0], "owner"), (&people[3], "admin"), (&people[4], "member")] {
            for place in 0..attempts(id, target.id, 0).len() {
                for admin in [&people[1], &people[3]] {
                    appoint(&people[0], id, admin.id, "admin").await;
                }
                if actor.id == target.id {
                    continue;
                }
                let written = seq(&target.say(&format!("g:{id}"), &format!("m-{tried}"), "Hello").await.is(201));
                let (action, method, path, body) = attempts(id, target.id, written).swap_remove(place);
                let policy = if action.ends_with("`admins`") { "admins" } else { "members" };
                people[0].patch(&format!("/groups/{id}"), &json!({ "invite_policy": policy })).await.is(200);
                let call = actor.request(method, &path);
                let answer = Answer::to(if body.is_null() { call } else { call.json(&body) }).await;
                tried += 1;
                actions.insert(action);
                if documented(action, role, target_role) {
                    assert!(answer.status < 300, "{role} may {action} to {target_role}: {}", answer.status);
                    // A group of its own for what changes who is who.
                    let wish = json!({ "name": "Next", "member_ids": others });
                    id = people[0].post("/groups", &wish).await.is(201)["id"].as_i64().unwrap();
                } else {
                    let retracting = action.starts_with("retract");
                    answer.refused(403, if retracting { "message.not_yours" } else { "group.role_required" });
                }
            }
        }
    }
    assert_eq!(tried, 17 * 8);
    let rows: BTreeSet<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    assert_eq!(actions, rows.into_iter().filter(|row| !row.starts_with('|')).collect(), "no row is left out");
}

#[tokio::test]
async fn what_a_group_is_called_and_says_is_told_to_everybody() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let mut bens = ben.socket().await;
    let path = format!("/groups/{id}");
    for (change, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "n".repeat(65) }), "name"),
        (json!({ "name": "a\u{0}b" }), "name"),
        (json!({ "announcement": "" }), "announcement"),
        (json!({ "announcement": "x".repeat(2001) }), "announcement"),
        (json!({ "join_policy": "sometimes" }), "join_policy"),
        (json!({ "max_members": 0 }), "max_members"),
    ] {
        let refused = ann.patch(&path, &change).await.refused(422, "request.invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{change}");
    }
    ben.patch(&path, &json!({ "name": "Mine" })).await.refused(403, "group.role_required");
    let changed =
        ann.patch(&path, &json!({ "name": "New", "announcement": "Two\nlines", "join_policy": "open" })).await;
    let changed = changed.is(200);
    assert_eq!((&changed["name"], &changed["announcement"]), (&json!("New"), &json!("Two\nlines")));
    ann.patch(&path, &json!({ "name": "New" })).await.is(200);
    let cleared = ann.patch(&path, &json!({ "announcement": null })).await.is(200);
    assert!(cleared.get("announcement").is_none(), "{cleared}");
    let mut entries = bens.until(&room, 7).await;
    entries.retain(|event| event["log"] == room);
    let told: Vec<(&str, &Value)> =
        types(&entries).into_iter().zip(entries.iter().map(|entry| &entry["data"])).collect();
    assert_eq!(
        told,
        [
            ("group.renamed", &json!({ "name": "New" })),
            ("group.announced", &json!({ "announcement": "Two\nlines" })),
            ("group.policy_changed", &json!({ "join_policy": "open" })),
            ("group.announced", &json!({})),
        ]
    );
}

#[tokio::test]
async fn a_nickname_in_a_group_is_of_that_group_alone() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let path = |person: &Person| format!("/groups/{id}/members/{}", person.id);
    let named = ben.patch(&path(ben), &json!({ "nickname": " Benny " })).await.is(200);
    assert_eq!((&named["nickname"], &named["user"]["nickname"]), (&json!("Benny"), &json!("ben")));
    ben.patch(&path(cleo), &json!({ "nickname": "C" })).await.refused(403, "group.role_required");
    assert_eq!(ann.patch(&path(cleo), &json!({ "nickname": "C" })).await.is(200)["nickname"], "C");
    ben.patch(&path(ben), &json!({ "nickname": "n".repeat(33) })).await.refused(422, "request.invalid");
    ben.patch(&path(ben), &json!({ "role": "admin" })).await.refused(403, "group.role_required");
    ann.patch(&path(ben), &json!({ "role": "owner" })).await.refused(422, "request.invalid");
    ann.patch(&path(ben), &json!({ "role": "king" })).await.refused(422, "request.invalid");
    assert!(cleo.patch(&path(cleo), &json!({ "nickname": null })).await.is(200).get("nickname").is_none());
    let entries = ann.whole_history(&room).await;
    let renamed: Vec<&Value> = entries.iter().filter(|entry| entry["type"] == "member.renamed").collect();
    assert_eq!(renamed.len(), 3);
    assert_eq!(renamed[2]["data"], json!({ "user_id": cleo.id }));
}

#[tokio::test]
async fn the_log_shows_nobody_writing_after_the_entry_that_silenced_him() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let mut bens = ben.socket().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut talking = JoinSet::new();
    for talker in 0..8 {
        let (ben, room, stop) = (ben.clone(), room.clone(), stop.clone());
        talking.spawn(async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                let status = ben.say(&room, &format!("t-{talker}-{n}"), "and").await.status;
                assert!([201, 403, 404].contains(&status), "{status}");
                n += 1;
            }
        });
    }
    let mute = format!("/groups/{id}/members/{}/mute", ben.id);
    for _ in 0..10 {
        ann.call(Method::PUT, &mute, &json!({})).await.is(204);
        ann.delete(&mute).await.is(204);
        ann.put(&format!("/groups/{id}/mute")).await.is(204);
        ann.delete(&format!("/groups/{id}/mute")).await.is(204);
    }
    ann.delete(&format!("/groups/{id}/members/{}", ben.id)).await.is(204);
    stop.store(true, Ordering::Relaxed);
    talking.join_all().await;
    let (mut silenced, mut spoke) = (false, 0);
    for entry in ann.whole_history(&room).await {
        match entry["type"].as_str().unwrap() {
            "member.muted" | "group.muted" | "member.removed" => silenced = true,
            "member.unmuted" | "group.unmuted" => silenced = false,
            "message.sent" if entry["by"] == ben.id => {
                assert!(!silenced, "{entry}");
                spoke += 1;
            }
            _ => {}
        }
    }
    assert!(spoke > 0 && silenced);
    let removed = ann.whole_history(&room).await.iter().rfind(|entry| entry["type"] == "member.removed").map(seq);
    bens.event_of("group.left").await;
    ben.put(&format!("/blocks/{}", ann.id)).await.is(204);
    // Logs have no order among each other: what stands below the removal may come after what ben is told of it.
    let mut late = bens.event().await;
    while late["log"] == room.as_str() && Some(seq(&late)) < removed {
        late = bens.event().await;
    }
    assert_eq!(late["type"], "block.added", "nothing of the room from {removed:?} on: {late}");
}

#[tokio::test]
async fn a_mute_is_not_shaken_off_by_going_and_coming_again() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let (group, member) = (format!("/groups/{id}"), format!("/groups/{id}/members/{}", ben.id));
    ann.patch(&group, &json!({ "join_policy": "open" })).await.is(200);
    let until = SystemClock.now().plus(Duration::from_hours(1)).to_string();
    ann.call(Method::PUT, &format!("{member}/mute"), &json!({ "until": until })).await.is(204);
    ben.act(&format!("{group}/leave")).await.is(204);
    let joined = ben.post(&format!("{group}/join"), &json!({})).await.is(200);
    assert_eq!(joined["group"]["my"], json!({ "role": "member", "muted": true, "muted_until": until }));
    assert_eq!(ben.say(&room, "m-1", "hello").await.refused(403, "group.member_muted")["until"], until);
    let entries = ben.whole_history(&room).await;
    assert_eq!(types(&entries), ["member.joined", "member.muted"], "who mirrors the members knows of it");
    assert_eq!(entries[1]["data"], json!({ "user_id": ben.id, "until": until }));
    ann.call(Method::PUT, &format!("{member}/mute"), &json!({})).await.is(204);
    ann.delete(&member).await.is(204);
    ann.post(&format!("{group}/members"), &json!({ "user_ids": [ben.id] })).await.is(200);
    let refused = ben.say(&room, "m-1", "hello").await.refused(403, "group.member_muted");
    assert!(refused.get("until").is_none(), "for good, also by removal: {refused}");
    ann.delete(&format!("{member}/mute")).await.is(204);
    ben.say(&room, "m-1", "hello").await.is(201);
    ben.act(&format!("{group}/leave")).await.is(204);
    ben.post(&format!("{group}/join"), &json!({})).await.is(200);
    ben.say(&room, "m-2", "hello").await.is(201);
    assert_eq!(types(&ben.whole_history(&room).await), ["member.joined", "message.sent"]);
}
