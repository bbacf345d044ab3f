//! Every operation that changes something, and what it tells whom.

use reqwest::Method;
use serde_json::{Value, json};

use super::Stage;
use crate::support::{Authenticator, Person, WORLD, message, seq};

/// Nobody is told.
pub(super) const NOBODY: &[(&str, &[&str])] = &[];

pub(super) async fn play(stage: &mut Stage) {
    friends(stage).await;
    // Not last: who hears nothing for long is taken for gone.
    addresses(stage).await;
    second_factor(stage).await;
    let (group, room) = group(stage).await;
    members(stage, &group, &room).await;
    messages(stage, &room).await;
    chats(stage, &room).await;
    farewells(stage, &group, &room).await;
    world(stage).await;
    super::administration::play(stage).await;
    accounts(stage).await;
}

fn cast(stage: &Stage) -> [Person; 5] {
    stage.people.clone().try_into().unwrap_or_else(|_| unreachable!("five people"))
}

async fn friends(stage: &mut Stage) {
    let [ann, ben, cleo, ..] = cast(stage);
    let both = |kind: &'static str| [("ann", vec![kind]), ("ben", vec![kind])];
    let asked = async |stage: &mut Stage| {
        let request = ann.ask(&ben).await.is(201);
        let told = both("friend.requested");
        stage.told("requestFriend", &told.each_ref().map(|(who, kinds)| (*who, &kinds[..]))).await;
        format!("/friend-requests/{}", request["id"])
    };
    let request = asked(stage).await;
    ben.post(&format!("{request}/reject"), &json!({ "reason": "who?" })).await.is(200);
    stage.told("rejectFriendRequest", &[("ann", &["friend.rejected"]), ("ben", &["friend.rejected"])]).await;
    let request = asked(stage).await;
    ann.delete(&request).await.is(204);
    stage.told("cancelFriendRequest", &[("ann", &["friend.cancelled"]), ("ben", &["friend.cancelled"])]).await;
    let request = asked(stage).await;
    ann.ask(&ben).await.refused(409, "friend_request.duplicate");
    stage.told("requestFriend", NOBODY).await;
    ben.post(&format!("{request}/accept"), &json!({ "greeting": "Hello" })).await.is(200);
    let (room, added) = (ann.room(&ben), &["friend.added"][..]);
    let greeted = &["message.sent"][..];
    stage.told("acceptFriendRequest", &[("ann", added), ("ben", added), (&room, greeted)]).await;
    cleo.ask(&ann).await.is(201);
    stage.told("requestFriend", &[("ann", &["friend.requested"]), ("cleo", &["friend.requested"])]).await;
    ann.ask(&cleo).await.is(201);
    let crossed = ann.room(&cleo);
    stage.told("requestFriend", &[("ann", added), ("cleo", added), (&crossed, greeted)]).await;
    for told in [&[("ann", &["friend.updated"][..])][..], NOBODY] {
        ann.patch(&format!("/friends/{}", ben.id), &json!({ "remark": "B" })).await.is(200);
        stage.told("updateFriend", told).await;
    }
    for change in [json!({ "labels": ["work", "chess"], "starred": true }), json!({ "labels": null })] {
        for told in [&[("ann", &["friend.updated"][..])][..], NOBODY] {
            ann.patch(&format!("/friends/{}", ben.id), &change).await.is(200);
            stage.told("updateFriend", told).await;
        }
    }
    for status in ["invisible", "dnd"] {
        for told in [&[("ann", &["status.changed"][..])][..], NOBODY] {
            ann.set_status(status).await.is(200);
            stage.told("setStatus", told).await;
        }
    }
    let seen = &["~profile"][..];
    for told in [&[("ann", &["profile.changed"][..]), ("ben", seen), ("cleo", seen)][..], NOBODY] {
        ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
        stage.told("updateMe", told).await;
    }
    for told in [&[("ann", &["block.added"][..])][..], NOBODY] {
        ann.put(&format!("/blocks/{}", ben.id)).await.is(204);
        stage.told("block", told).await;
    }
    for told in [&[("ann", &["block.removed"][..])][..], NOBODY] {
        ann.delete(&format!("/blocks/{}", ben.id)).await.is(204);
        stage.told("unblock", told).await;
    }
}

/// A group of ann, ben, cleo and dora.
async fn group(stage: &mut Stage) -> (String, String) {
    let [ann, ben, cleo, dora, _] = cast(stage);
    let made = ann.post("/groups", &json!({ "name": "Club", "member_ids": [ben.id, dora.id] })).await.is(201);
    let (group, room) = (format!("/groups/{}", made["id"]), made["room"].as_str().unwrap().to_owned());
    let joined = &["group.joined"][..];
    let begun = &["group.created", "member.joined", "member.joined"][..];
    stage.told("createGroup", &[("ann", joined), ("ben", joined), ("dora", &["group.invited"]), (&room, begun)]).await;
    let invitation = async || format!("/group-invitations/{}", dora.list("/group-invitations").await[0]["id"]);
    dora.act(&format!("{}/reject", invitation().await)).await.is(200);
    stage.told("rejectGroupInvitation", &[("dora", &["group.uninvited"])]).await;
    let all = json!({ "user_ids": [cleo.id, dora.id] });
    ann.post(&format!("{group}/members"), &all).await.is(200);
    let come = &["member.joined"][..];
    stage.told("addMembers", &[("cleo", joined), ("dora", &["group.invited"]), (&room, come)]).await;
    ann.post(&format!("{group}/members"), &all).await.is(200);
    stage.told("addMembers", NOBODY).await;
    dora.act(&format!("{}/accept", invitation().await)).await.is(200);
    stage.told("acceptGroupInvitation", &[("dora", joined), (&room, come)]).await;
    let changes: [(Value, &[&str]); 6] = [
        (json!({ "name": "Circle" }), &["group.renamed"]),
        (json!({ "announcement": "Hear" }), &["group.announced"]),
        (json!({ "invite_policy": "admins", "max_members": 7 }), &["group.policy_changed"]),
        (json!({ "name": "Circle", "announcement": "Hear", "max_members": 7 }), &[]),
        (json!({}), &[]),
        (
            json!({ "name": "Round", "announcement": null, "invite_policy": "members" }),
            &["group.renamed", "group.announced", "group.policy_changed"],
        ),
    ];
    for (change, told) in changes {
        ann.patch(&group, &change).await.is(200);
        stage.told("updateGroup", &[(&room, told)]).await;
    }
    for (method, operation, told) in
        [(Method::PUT, "muteGroup", "group.muted"), (Method::DELETE, "unmuteGroup", "group.unmuted")]
    {
        for told in [&[told][..], &[]] {
            stage.mark(&ann, &method, &format!("{group}/mute"), &Value::Null).await;
            stage.told(operation, &[(&room, told)]).await;
        }
    }
    (group, room)
}

async fn members(stage: &mut Stage, group: &str, room: &str) {
    let [ann, ben, _, dora, _] = cast(stage);
    let member = format!("{group}/members/{}", dora.id);
    let changes: [(Value, &[&str]); 6] = [
        (json!({ "role": "admin" }), &["member.promoted"]),
        (json!({ "role": "admin" }), &[]),
        (json!({ "role": "member", "nickname": "D" }), &["member.demoted", "member.renamed"]),
        (json!({ "nickname": "D" }), &[]),
        (json!({ "nickname": null }), &["member.renamed"]),
        (json!({}), &[]),
    ];
    for (change, told) in changes {
        ann.patch(&member, &change).await.is(200);
        stage.told("updateMember", &[(room, told)]).await;
    }
    for (body, told) in [
        (json!({}), &["member.muted"][..]),
        (json!({}), &[]),
        (json!({ "until": "2099-12-31T23:59:59.000Z" }), &["member.muted"]),
    ] {
        stage.mark(&ann, &Method::PUT, &format!("{member}/mute"), &body).await;
        stage.told("muteMember", &[(room, told)]).await;
    }
    for told in [&["member.unmuted"][..], &[]] {
        stage.mark(&ann, &Method::DELETE, &format!("{member}/mute"), &Value::Null).await;
        stage.told("unmuteMember", &[(room, told)]).await;
    }
    // Who goes muted comes muted.
    stage.mark(&ann, &Method::PUT, &format!("{member}/mute"), &json!({})).await;
    stage.told("muteMember", &[(room, &["member.muted"])]).await;
    ann.delete(&format!("{member}?blacklist=true")).await.is(204);
    stage.told("removeMember", &[("dora", &["group.left"]), (room, &["member.removed"])]).await;
    ann.delete(&member).await.is(204);
    stage.told("removeMember", NOBODY).await;
    for (method, operation) in [(Method::DELETE, "removeFromBlacklist"), (Method::PUT, "addToBlacklist")] {
        stage.mark(&ann, &method, &format!("{group}/blacklist/{}", dora.id), &Value::Null).await;
        stage.told(operation, NOBODY).await;
    }
    stage.mark(&ann, &Method::DELETE, &format!("{group}/blacklist/{}", dora.id), &Value::Null).await;
    ann.patch(&format!("{group}/members/{}", ben.id), &json!({ "role": "admin" })).await.is(200);
    stage.told("updateMember", &[(room, &["member.promoted"])]).await;
    let asked = async |stage: &mut Stage| {
        let request = dora.post(&format!("{group}/join"), &json!({})).await.is(202)["request_id"].clone();
        stage.told("joinGroup", &[("ann", &["join.requested"]), ("ben", &["join.requested"])]).await;
        format!("{group}/join-requests/{request}")
    };
    let request = asked(stage).await;
    ben.act(&format!("{request}/reject")).await.is(200);
    stage.told("rejectJoinRequest", &[("dora", &["join.decided"])]).await;
    let request = asked(stage).await;
    ann.act(&format!("{request}/approve")).await.is(200);
    let came = &["member.joined", "member.muted"][..];
    stage.told("approveJoinRequest", &[("dora", &["join.decided", "group.joined"]), (room, came)]).await;
    for (from, to, told) in
        [(&ann, &dora, &["member.unmuted", "group.transferred"][..]), (&dora, &ann, &["group.transferred"])]
    {
        from.post(&format!("{group}/transfer"), &json!({ "user_id": to.id })).await.is(200);
        stage.told("transferGroup", &[(room, told)]).await;
    }
}

async fn messages(stage: &mut Stage, room: &str) {
    let [ann, ben, ..] = cast(stage);
    let path = format!("/rooms/{room}");
    let mut wish = message("m-1", "look");
    wish["mentions"] = json!([ann.id]);
    let mut sent = 0;
    for (status, told) in [(201, &["message.sent"][..]), (200, &[])] {
        sent = seq(&ben.post(&format!("{path}/messages"), &wish).await.is(status));
        stage.told("sendMessage", &[(room, told)]).await;
    }
    let whispered = |kind: &'static str| ["ann", "ben", "cleo", "dora"].map(|who| (who, vec![kind]));
    for (operation, kind) in [("markRead", "~read"), ("showTyping", "~typing")] {
        match operation {
            "markRead" => drop(ann.read(room, sent).await.is(200)),
            _ => drop(ann.act(&format!("{path}/typing")).await.is(204)),
        }
        stage.told(operation, &whispered(kind).each_ref().map(|(who, kinds)| (*who, &kinds[..]))).await;
    }
    ann.read(room, sent).await.is(200);
    stage.told("markRead", NOBODY).await;
    for (method, operation, told) in
        [(Method::PUT, "pinMessage", "pin.added"), (Method::DELETE, "unpinMessage", "pin.removed")]
    {
        for told in [&[told][..], &[]] {
            stage.mark(&ann, &method, &format!("{path}/pins/{sent}"), &Value::Null).await;
            stage.told(operation, &[(room, told)]).await;
        }
    }
    stage.mark(&ann, &Method::PUT, &format!("{path}/pins/{sent}"), &Value::Null).await;
    stage.told("pinMessage", &[(room, &["pin.added"])]).await;
    ben.act(&format!("{path}/entries/{sent}/retract")).await.is(200);
    stage.told("retractMessage", &[(room, &["message.retracted"])]).await;
    ben.act(&format!("{path}/entries/{sent}/retract")).await.refused(409, "message.retracted");
    stage.told("retractMessage", NOBODY).await;
}

async fn chats(stage: &mut Stage, room: &str) {
    let [ann, ben, ..] = cast(stage);
    for on in [true, false] {
        for field in ["pinned", "muted", "hidden"] {
            let kind = format!("conversation.{field}");
            for told in [&[kind.as_str()][..], &[]] {
                ann.set_chat(room, &json!({ field: on })).await.is(200);
                stage.told("updateConversation", &[("ann", told)]).await;
            }
        }
    }
    ann.set_chat(WORLD, &json!({ "hidden": true })).await.is(200);
    stage.told("updateConversation", &[("ann", &["conversation.hidden"])]).await;
    let last = seq(&ben.say(room, "m-2", "the last").await.is(201));
    stage.told("sendMessage", &[(room, &["message.sent"])]).await;
    for told in [&["entry.deleted"][..], &[]] {
        stage.mark(&ann, &Method::PUT, &format!("/conversations/{room}/hidden/{last}"), &Value::Null).await;
        stage.told("hideEntry", &[("ann", told)]).await;
    }
    for told in [&["conversation.cleared"][..], &[]] {
        stage.mark(&ben, &Method::DELETE, &format!("/conversations/{room}"), &Value::Null).await;
        stage.told("clearConversation", &[("ben", told)]).await;
    }
}

async fn farewells(stage: &mut Stage, group: &str, room: &str) {
    let [ann, _, cleo, dora, admin] = cast(stage);
    dora.act(&format!("{group}/leave")).await.is(204);
    stage.told("leaveGroup", &[("dora", &["group.left"]), (room, &["member.left"])]).await;
    dora.post(&format!("{group}/join"), &json!({})).await.is(202);
    stage.told("joinGroup", &[("ann", &["join.requested"]), ("ben", &["join.requested"])]).await;
    let kept_out = format!("{group}/blacklist/{}", admin.id);
    for told in [&[("root", &["group.uninvited"][..])][..], NOBODY] {
        if !told.is_empty() {
            ann.post(&format!("{group}/members"), &json!({ "user_ids": [admin.id] })).await.is(200);
            stage.told("addMembers", &[("root", &["group.invited"])]).await;
        }
        stage.mark(&ann, &Method::PUT, &kept_out, &Value::Null).await;
        stage.told("addToBlacklist", told).await;
    }
    stage.mark(&ann, &Method::DELETE, &kept_out, &Value::Null).await;
    ann.post(&format!("{group}/members"), &json!({ "user_ids": [admin.id] })).await.is(200);
    stage.told("addMembers", &[("root", &["group.invited"])]).await;
    ann.delete(group).await.is(204);
    let ended = [("dora", &["join.decided"][..]), ("root", &["group.uninvited"]), (room, &["group.dissolved"])];
    stage.told("dissolveGroup", &ended).await;
    cleo.act(&format!("{group}/leave")).await.is(204);
    stage.told("leaveGroup", &[("cleo", &["group.left"])]).await;
    let gone = &["friend.removed"][..];
    let path = format!("/friends/{}?erase_history=true", cleo.id);
    for told in [&[("ann", &["friend.removed", "conversation.cleared"][..]), ("cleo", gone)][..], NOBODY] {
        ann.delete(&path).await.is(204);
        stage.told("removeFriend", told).await;
    }
}

async fn world(stage: &mut Stage) {
    let [ann, .., root] = cast(stage);
    let changes: [(Value, &[&str]); 4] = [
        (json!({ "open": false }), &["world.closed"]),
        (json!({ "open": false }), &[]),
        (json!({ "open": true, "slow_mode_seconds": 1 }), &["world.opened", "world.slowed"]),
        (json!({ "slow_mode_seconds": 0 }), &["world.slowed"]),
    ];
    for (change, told) in changes {
        root.patch("/world/1", &change).await.is(200);
        stage.told("updateWorld", &[(WORLD, told)]).await;
    }
    ann.say(WORLD, "w-1", "Hello world").await.is(201);
    stage.told("sendMessage", &[(WORLD, &["message.sent"])]).await;
    root.read(WORLD, 1).await.is(200);
    stage.told("markRead", &[("root", &["~read"])]).await;
    let mute = format!("/world/1/mutes/{}", ann.id);
    for (method, operation, body, kind) in [
        (Method::PUT, "muteInWorld", json!({}), "member.muted"),
        (Method::DELETE, "unmuteInWorld", Value::Null, "member.unmuted"),
    ] {
        for told in [&[kind][..], &[]] {
            stage.mark(&root, &method, &mute, &body).await;
            stage.told(operation, &[(WORLD, told)]).await;
        }
    }
}

async fn accounts(stage: &mut Stage) {
    let [ann, ..] = cast(stage);
    let spare = ann.log_in("spare").await;
    stage.told("logIn", NOBODY).await;
    ann.delete(&format!("/me/sessions/{}", spare.session)).await.is(204);
    stage.told("endSession", &[("ann", &["session.revoked"])]).await;
    ann.log_in("spare").await.act("/auth/logout").await.is(204);
    stage.told("logOut", &[("ann", &["session.revoked"])]).await;
    for _ in 0..2 {
        ann.log_in("spare").await;
    }
    ann.delete("/me/sessions").await.is(204);
    stage.told("endOtherSessions", &[("ann", &["session.revoked", "session.revoked"])]).await;
    ann.log_in("spare").await;
    let wish = json!({ "old_password": ann.password, "new_password": "open sesame again" });
    ann.call(Method::PUT, "/me/password", &wish).await.is(204);
    stage.told("changePassword", &[("ann", &["session.revoked"])]).await;
}

async fn addresses(stage: &mut Stage) {
    let [_, ben, ..] = cast(stage);
    ben.post("/me/email", &json!({ "email": "ben@example.org" })).await.is(202);
    let code = stage.sink.code("ben@example.org", 1).await;
    stage.told("bindEmail", NOBODY).await;
    ben.post("/me/email/confirm", &json!({ "code": code })).await.is(204);
    stage.told("confirmEmail", &[("ben", &["profile.changed"])]).await;
    for told in [&[("ben", &["profile.changed"][..])][..], NOBODY] {
        ben.delete("/me/email").await.is(204);
        stage.told("removeEmail", told).await;
    }
}

async fn second_factor(stage: &mut Stage) {
    let [_, ben, ..] = cast(stage);
    let password = json!({ "password": ben.password });
    let enrolment = ben.post("/me/totp", &password).await.is(200);
    stage.told("beginTotp", NOBODY).await;
    let code = Authenticator::new(&enrolment["secret"]).code(Authenticator::now());
    ben.post("/me/totp/confirm", &json!({ "code": code })).await.is(200);
    stage.told("confirmTotp", &[("ben", &["profile.changed"])]).await;
    for told in [&[("ben", &["profile.changed"][..])][..], NOBODY] {
        ben.call(Method::DELETE, "/me/totp", &password).await.is(204);
        stage.told("removeTotp", told).await;
    }
}
