//! What administrators do, and what it tells whom.

use reqwest::Method;
use serde_json::{Value, json};

use super::Stage;
use super::script::NOBODY;
use crate::support::{Person, message};

/// Of a person who is not on the stage, so that he can come to an end on it.
pub(super) async fn play(stage: &mut Stage) {
    let (ann, admin) = (stage.people[0].clone(), stage.people[4].clone());
    let wish = json!({ "username": "emma", "password": crate::support::password_of("emma") });
    admin.post("/admin/users", &wish).await.is(201);
    stage.told("adminCreateUser", NOBODY).await;
    let emma = Person::known(&stage.server.stranger(), "emma").await;
    let request = emma.ask(&ann).await.is(201);
    stage.told("requestFriend", &[("ann", &["friend.requested"])]).await;
    ann.post(&format!("/friend-requests/{}/accept", request["id"]), &json!({})).await.is(200);
    let private = ann.room(&emma);
    stage.told("acceptFriendRequest", &[("ann", &["friend.added"]), (&private, &["message.sent"])]).await;
    let made = ann.post("/groups", &json!({ "name": "Last", "member_ids": [emma.id] })).await.is(201);
    let room = made["room"].as_str().unwrap().to_owned();
    let begun = &["group.created", "member.joined", "member.joined"][..];
    stage.told("createGroup", &[("ann", &["group.joined"]), (&room, begun)]).await;
    let said = ann.post(&format!("/rooms/{room}/messages"), &message("last", "Hello")).await.is(201);
    stage.told("sendMessage", &[(&room, &["message.sent"])]).await;
    admin.act(&format!("/admin/rooms/{room}/entries/{}/retract", said["seq"])).await.is(200);
    stage.told("adminRetractMessage", &[(&room, &["message.retracted"])]).await;
    let group = format!("/admin/groups/{}", made["id"]);
    for told in [&["group.transferred"][..], &[]] {
        admin.post(&format!("{group}/transfer"), &json!({ "user_id": emma.id })).await.is(200);
        stage.told("adminTransferGroup", &[(&room, told)]).await;
    }
    let account = format!("/admin/users/{}", emma.id);
    let password = json!({ "password": crate::support::password_of("emma") });
    for (method, path, body, operation) in [
        (Method::DELETE, format!("{account}/sessions"), Value::Null, "adminEndSessions"),
        (Method::PUT, format!("{account}/password"), password, "adminResetPassword"),
        (Method::POST, format!("{account}/disable"), Value::Null, "adminDisableUser"),
        (Method::POST, format!("{account}/enable"), Value::Null, "adminEnableUser"),
        (Method::PUT, "/admin/registration".into(), json!({ "mode": "closed" }), "setRegistration"),
        (Method::PUT, "/admin/registration".into(), json!({ "mode": "open" }), "setRegistration"),
    ] {
        let call = admin.request(method, &path);
        let answer = crate::support::Answer::to(if body.is_null() { call } else { call.json(&body) }).await;
        assert!(answer.status < 300, "{operation}: {answer:?}");
        stage.told(operation, NOBODY).await;
    }
    let emma = emma.log_in("the last time").await;
    stage.told("logIn", NOBODY).await;
    emma.call(Method::DELETE, "/me", &json!({ "password": emma.password })).await.is(204);
    let left = &["group.transferred", "member.left"][..];
    stage.told("deleteMe", &[("ann", &["friend.removed"]), (&room, left)]).await;
    for told in [&["group.dissolved"][..], &[]] {
        admin.delete(&group).await.is(204);
        stage.told("adminDissolveGroup", &[(&room, told)]).await;
    }
    admin.delete(&account).await.is(204);
    stage.told("adminDeleteUser", NOBODY).await;
}
