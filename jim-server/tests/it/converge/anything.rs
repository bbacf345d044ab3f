//! Anything that people may do, again and again.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};

use super::Stage;
use crate::support::{Answer, Person, WORLD};

/// So many steps between two comparisons.
const STEPS: usize = 30;

/// Does so many things at random, most of which are allowed, and compares all clients now and then.
pub(super) async fn play(stage: &mut Stage, seed: u64, steps: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut done = 0;
    for step in 1..=steps {
        let who = stage.people[rng.random_range(0..stage.people.len())].clone();
        let other = stage.people[rng.random_range(0..stage.people.len())].clone();
        let (method, path, body) = match rng.random_range(0..4) {
            0 => of_friends(&mut rng, &who, &other).await,
            1 => of_groups(&mut rng, &who, &other).await,
            _ => of_rooms(&mut rng, &who, &other, step).await,
        };
        let call = who.request(method.clone(), &path);
        let answer = Answer::to(if body.is_null() { call } else { call.json(&body) }).await;
        assert!(answer.status < 500, "{method} {path}: {answer:?}");
        done += usize::from(answer.status < 300);
        if step % STEPS == 0 {
            stage.compare(&format!("after step {step}")).await;
        }
    }
    assert!(done > steps / 2, "{done} of {steps} were allowed");
}

type Call = (Method, String, Value);

fn one<'a, T>(rng: &mut StdRng, list: &'a [T]) -> Option<&'a T> {
    (!list.is_empty()).then(|| &list[rng.random_range(0..list.len())])
}

async fn of_friends(rng: &mut StdRng, who: &Person, other: &Person) -> Call {
    let mut waiting = who.list("/friend-requests?direction=in").await;
    waiting.retain(|request| request["status"] == "pending");
    if let Some(request) = one(rng, &waiting)
        && rng.random_bool(0.7)
    {
        let answer = if rng.random_bool(0.8) { "accept" } else { "reject" };
        return (Method::POST, format!("/friend-requests/{}/{answer}", request["id"]), json!({}));
    }
    let mut asked = who.list("/friend-requests?direction=out").await;
    asked.retain(|request| request["status"] == "pending");
    match (rng.random_range(0..10), one(rng, &asked)) {
        (0..=3, _) => (Method::POST, "/friend-requests".into(), json!({ "user_id": other.id })),
        (4, Some(request)) => (Method::DELETE, format!("/friend-requests/{}", request["id"]), Value::Null),
        (5, _) => {
            let erase = rng.random_bool(0.5);
            (Method::DELETE, format!("/friends/{}?erase_history={erase}", other.id), Value::Null)
        }
        (6, _) => (Method::PUT, format!("/blocks/{}", other.id), Value::Null),
        (7, _) => {
            let blocks = who.list("/blocks").await;
            let user = one(rng, &blocks).map_or(json!(other.id), |block| block["user"]["id"].clone());
            (Method::DELETE, format!("/blocks/{user}"), Value::Null)
        }
        (8, _) => {
            let remark = json!({ "remark": format!("r{}", rng.random_range(0..3)) });
            (Method::PATCH, format!("/friends/{}", other.id), remark)
        }
        _ => (Method::PATCH, "/me".into(), json!({ "status_text": format!("s{}", rng.random_range(0..3)) })),
    }
}

async fn of_groups(rng: &mut StdRng, who: &Person, other: &Person) -> Call {
    let invitations = who.list("/group-invitations").await;
    if let Some(invitation) = one(rng, &invitations) {
        let answer = if rng.random_bool(0.7) { "accept" } else { "reject" };
        return (Method::POST, format!("/group-invitations/{}/{answer}", invitation["id"]), Value::Null);
    }
    let mut groups = who.list("/groups").await;
    // Most is done where one has some power.
    groups.retain(|group| group["my"]["role"] != "member" || rng.random_bool(0.4));
    let Some(group) = one(rng, &groups) else {
        let theirs = other.list("/groups").await;
        return match one(rng, &theirs) {
            Some(group) => (Method::POST, format!("/groups/{}/join", group["id"]), json!({})),
            None => (Method::POST, "/groups".into(), json!({ "name": "Club", "member_ids": [other.id] })),
        };
    };
    let path = format!("/groups/{}", group["id"]);
    let mut waiting = Vec::new();
    if group["my"]["role"] != "member" {
        waiting = who.list(&format!("{path}/join-requests")).await;
        waiting.retain(|request| request["status"] == "pending");
    }
    if let Some(request) = one(rng, &waiting) {
        let answer = if rng.random_bool(0.8) { "approve" } else { "reject" };
        return (Method::POST, format!("{path}/join-requests/{}/{answer}", request["id"]), Value::Null);
    }
    let members = who.list(&format!("{path}/members")).await;
    let member = one(rng, &members).map_or(json!(who.id), |member| member["user"]["id"].clone());
    let of_member = format!("{path}/members/{member}");
    match rng.random_range(0..20) {
        0..=5 => (Method::POST, format!("{path}/members"), json!({ "user_ids": [other.id] })),
        6 => (Method::PATCH, path, json!({ "name": format!("n{}", rng.random_range(0..3)), "announcement": null })),
        7 => {
            let policy = ["open", "approval", "invite"][rng.random_range(0..3)];
            (Method::PATCH, path, json!({ "join_policy": policy, "announcement": policy }))
        }
        8 => {
            let policy = ["all", "joined"][rng.random_range(0..2)];
            (Method::PATCH, path, json!({ "history_policy": policy }))
        }
        9 => (Method::PUT, format!("{path}/mute"), Value::Null),
        10 => (Method::DELETE, format!("{path}/mute"), Value::Null),
        11 => (Method::PUT, format!("{of_member}/mute"), json!({})),
        12 => (Method::PUT, format!("{of_member}/mute"), json!({ "until": "2099-12-31T23:59:59.000Z" })),
        13 => (Method::DELETE, format!("{of_member}/mute"), Value::Null),
        14 => (Method::PATCH, of_member, json!({ "role": (["admin", "member"][rng.random_range(0..2)]) })),
        15 => (Method::PATCH, of_member, json!({ "nickname": rng.random_bool(0.5).then_some("N") })),
        16 => (Method::DELETE, format!("{of_member}?blacklist={}", rng.random_bool(0.3)), Value::Null),
        17 => (Method::POST, format!("{path}/transfer"), json!({ "user_id": member })),
        18 => (Method::POST, format!("{path}/leave"), Value::Null),
        _ if rng.random_bool(0.4) => (Method::DELETE, path, Value::Null),
        _ => (Method::DELETE, format!("{path}/blacklist/{}", other.id), Value::Null),
    }
}

async fn of_rooms(rng: &mut StdRng, who: &Person, other: &Person, step: usize) -> Call {
    let chats = who.chats("hidden=true&limit=100").await;
    let chat = one(rng, &chats).unwrap();
    let (room, last) = (chat["room"].as_str().unwrap(), chat["last_seq"].as_i64().unwrap());
    let some = (last - rng.random_range(0..8)).max(1);
    let (path, chat) = (format!("/rooms/{room}"), format!("/conversations/{room}"));
    let on = rng.random_bool(0.6);
    match rng.random_range(0..20) {
        0..=6 => {
            let mut wish = json!({ "client_ref": format!("m-{step}"), "content": { "kind": "text", "text": "hello" } });
            match rng.random_range(0..6) {
                0 => wish["mentions"] = json!("all"),
                1 => wish["mentions"] = json!([other.id]),
                2 => wish["reply_to"] = json!(some),
                _ => {}
            }
            (Method::POST, format!("{path}/messages"), wish)
        }
        7..=9 => (Method::PUT, format!("{path}/read"), json!({ "seq": some.min(last) })),
        10 | 11 => (Method::POST, format!("{path}/entries/{some}/retract"), Value::Null),
        12 => (Method::PUT, format!("{path}/pins/{some}"), Value::Null),
        13 => {
            let pins = who.get(&format!("{path}/pins")).await.is(200)["items"].clone();
            let pin = one(rng, pins.as_array().unwrap()).map_or(json!(some), |pin| pin["seq"].clone());
            (Method::DELETE, format!("{path}/pins/{pin}"), Value::Null)
        }
        14 => (Method::PUT, format!("{chat}/hidden/{some}"), Value::Null),
        15 if rng.random_bool(0.5) => (Method::DELETE, chat, Value::Null),
        15 | 16 => (Method::PATCH, chat, json!({ "pinned": on })),
        17 => (Method::PATCH, chat, json!({ "muted": on })),
        18 => (Method::PATCH, chat, json!({ "hidden": on })),
        _ if room == WORLD => {
            let open = rng.random_bool(0.8);
            (Method::PATCH, "/world/1".into(), json!({ "open": open }))
        }
        _ => (Method::POST, format!("{path}/typing"), Value::Null),
    }
}
