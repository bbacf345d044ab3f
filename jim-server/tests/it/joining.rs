//! Ways into groups: joining, approval, invitations, and who is kept out of all of them.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::groups::group_of;
use crate::support::{Person, Server, befriend};

async fn set_policy(owner: &Person, id: i64, policy: &str) {
    owner.patch(&format!("/groups/{id}"), &json!({ "join_policy": policy })).await.is(200);
}

async fn join(person: &Person, id: i64) -> crate::support::Answer {
    person.post(&format!("/groups/{id}/join"), &json!({})).await
}

async fn member_count(person: &Person, id: i64) -> i64 {
    person.get(&format!("/groups/{id}")).await.is(200)["member_count"].as_i64().unwrap()
}

#[tokio::test]
async fn of_two_hundred_who_join_at_once_as_many_come_in_as_there_are_places() {
    const PLACES: i64 = 20;
    let server = Server::with(&[("rate.enabled", "false")]).await;
    let (people, id, _) = group_of(&server, &["ann", "ben"]).await;
    people[0].patch(&format!("/groups/{id}"), &json!({ "join_policy": "open", "max_members": PLACES })).await.is(200);
    let mut joining = JoinSet::new();
    for n in 0..40 {
        let person = server.person(&format!("guest-{n}")).await;
        // Each one tries as if five of his devices did.
        for _ in 0..5 {
            let person = person.clone();
            joining.spawn(async move { join(&person, id).await.status });
        }
    }
    let statuses = joining.join_all().await;
    let joined = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(i64::try_from(joined).unwrap(), PLACES - 2);
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    assert_eq!(member_count(&people[0], id).await, PLACES);
}

#[tokio::test]
async fn who_joins_an_open_group_is_in_and_told_and_others_hear_of_it() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let cleo = server.person("cleo").await;
    set_policy(&people[0], id, "open").await;
    let (mut bens, mut cleos) = (people[1].socket().await, cleo.socket().await);
    let joined = join(&cleo, id).await.is(200);
    assert_eq!((&joined["status"], &joined["group"]["my"]["role"]), (&json!("joined"), &json!("member")));
    let event = bens.event_of("member.joined").await;
    assert_eq!((&event["data"]["user_id"], &event["by"]), (&json!(cleo.id), &json!(cleo.id)));
    assert_eq!(cleos.event_of("group.joined").await["data"]["id"], id);
    cleo.say(&room, "hello", "I am here").await.is(201);
    join(&cleo, id).await.refused(409, "group.already_member");
    people[0].delete(&format!("/groups/{id}")).await.is(204);
    join(&cleo, id).await.refused(410, "group.dissolved");
    join(&server.person("dora").await, id).await.refused(404, "resource.not_found");
}

#[tokio::test]
async fn a_request_waits_for_an_admin_who_alone_sees_and_decides_it() {
    let server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo, dora) = (&people[0], &people[1], &people[2], server.person("dora").await);
    ann.patch(&format!("/groups/{id}/members/{}", ben.id), &json!({ "role": "admin" })).await.is(200);
    let (mut bens, mut doras) = (ben.socket().await, dora.socket().await);
    let wish = json!({ "note": "It is me" });
    let asked = dora.post(&format!("/groups/{id}/join"), &wish).await.is(202);
    assert_eq!(asked["status"], "pending");
    assert_eq!(dora.post(&format!("/groups/{id}/join"), &wish).await.is(202), asked, "the same request");
    let told = bens.event_of("join.requested").await["data"].clone();
    assert_eq!(
        (&told["id"], &told["note"], &told["user"]["id"]),
        (&asked["request_id"], &wish["note"], &json!(dora.id))
    );
    let list = format!("/groups/{id}/join-requests");
    assert_eq!(ann.get(&list).await.is(200)["items"], json!([told]));
    assert!(cleo.log_types(0).await.iter().all(|kind| kind != "join.requested"));
    let decide = |request: &Value, word: &str| format!("{list}/{request}/{word}");
    let request = &asked["request_id"];
    for word in ["approve", "reject"] {
        cleo.get(&list).await.refused(403, "group.role_required");
        cleo.act(&decide(request, word)).await.refused(403, "group.role_required");
        dora.act(&decide(request, word)).await.refused(404, "resource.not_found");
        ben.act(&decide(&json!(999), word)).await.refused(404, "resource.not_found");
    }
    assert_eq!(ben.act(&decide(request, "reject")).await.is(200)["status"], "rejected");
    assert_eq!(doras.event_of("join.decided").await["data"]["status"], "rejected");
    ann.act(&decide(request, "approve")).await.refused(409, "join_request.decided");
    let again = join(&dora, id).await.is(202)["request_id"].clone();
    let mut deciding = JoinSet::new();
    for n in 0..20 {
        let (admin, path) = ([ann, ben][n % 2].clone(), decide(&again, "approve"));
        deciding.spawn(async move { admin.act(&path).await.status });
    }
    let statuses = deciding.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(doras.event_of("join.decided").await["data"]["status"], "accepted");
    assert_eq!(member_count(&dora, id).await, 4);
}

#[tokio::test]
async fn who_is_no_friend_is_invited_and_comes_by_consent_only() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let (ann, cleo) = (&people[0], server.person("cleo").await);
    set_policy(ann, id, "invite").await;
    join(&cleo, id).await.refused(404, "resource.not_found");
    let mut cleos = cleo.socket().await;
    for _ in 0..2 {
        let asked = ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
        assert_eq!(asked, json!({ "added": [], "invited": [cleo.id] }));
    }
    let invitation = cleos.event_of("group.invited").await["data"].clone();
    assert_eq!(invitation["group"], json!({ "id": id, "name": "Club" }));
    assert_eq!(cleo.get("/group-invitations").await.is(200)["items"], json!([invitation]));
    assert_eq!(cleo.log_types(0).await, ["group.invited"], "asked twice, told once");
    cleo.say(&room, "early", "not yet").await.refused(404, "resource.not_found");
    let path = format!("/group-invitations/{}", invitation["id"]);
    people[1].act(&format!("{path}/accept")).await.refused(404, "resource.not_found");
    let mut accepting = JoinSet::new();
    for _ in 0..10 {
        let (cleo, path) = (cleo.clone(), path.clone());
        accepting.spawn(async move { cleo.act(&format!("{path}/accept")).await.status });
    }
    let statuses = accepting.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(cleos.event_of("group.joined").await["data"]["id"], id);
    assert_eq!(cleo.get("/group-invitations").await.is(200)["items"], json!([]));
    cleo.act(&format!("/groups/{id}/leave")).await.is(204);
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    let second = cleo.get("/group-invitations").await.is(200)["items"][0]["id"].clone();
    cleo.act(&format!("/group-invitations/{second}/reject")).await.is(200);
    cleo.act(&format!("/group-invitations/{second}/accept")).await.refused(404, "resource.not_found");
    assert_eq!(member_count(ann, id).await, 2);
}

#[tokio::test]
async fn an_invitation_is_worth_what_its_maker_may_do() {
    let server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben", "cleo"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], &people[2]);
    let mut invited = Vec::new();
    for (inviter, name) in [(ben, "dora"), (cleo, "finn")] {
        let person = server.person(name).await;
        inviter.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [person.id] })).await.is(200);
        let invitation = person.get("/group-invitations").await.is(200)["items"][0]["id"].clone();
        invited.push((person, format!("/group-invitations/{invitation}/accept")));
    }
    ann.delete(&format!("/groups/{id}/members/{}", ben.id)).await.is(204);
    ann.patch(&format!("/groups/{id}"), &json!({ "invite_policy": "admins" })).await.is(200);
    for (person, path) in &invited {
        person.act(path).await.refused(404, "resource.not_found");
    }
    ann.patch(&format!("/groups/{id}"), &json!({ "invite_policy": "members" })).await.is(200);
    invited[0].0.act(&invited[0].1).await.refused(404, "resource.not_found");
    invited[1].0.act(&invited[1].1).await.is(200);
    assert_eq!(member_count(ann, id).await, 3);
}

#[tokio::test]
async fn a_blacklisted_person_comes_in_by_no_way_at_all() {
    let server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben"]).await;
    let (ann, ben, cleo) = (&people[0], &people[1], server.person("cleo").await);
    befriend(ben, &cleo).await;
    // An old invitation and an old request are worth nothing.
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    let invitation = cleo.get("/group-invitations").await.is(200)["items"][0]["id"].clone();
    let request = join(&cleo, id).await.is(202)["request_id"].clone();
    ann.put(&format!("/groups/{id}/blacklist/{}", cleo.id)).await.is(204);
    cleo.act(&format!("/group-invitations/{invitation}/accept")).await.refused(404, "resource.not_found");
    ann.act(&format!("/groups/{id}/join-requests/{request}/approve")).await.refused(409, "join_request.decided");
    for policy in ["approval", "open"] {
        set_policy(ann, id, policy).await;
        join(&cleo, id).await.refused(403, "group.blacklisted");
        for who in [ann, ben] {
            let added = who.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await;
            added.refused(403, "group.blacklisted");
        }
    }
    assert_eq!(member_count(ann, id).await, 2);
    assert_eq!(cleo.get("/group-invitations").await.is(200)["items"], json!([]));
    ann.delete(&format!("/groups/{id}/blacklist/{}", cleo.id)).await.is(204);
    join(&cleo, id).await.is(200);
}

async fn decisions(person: &Person) -> Vec<Value> {
    let mut log = person.log(0).await;
    log.retain(|entry| entry["type"] == "join.decided");
    log.into_iter().map(|entry| entry["data"]["status"].clone()).collect()
}

#[tokio::test]
async fn a_group_that_ends_is_closed_to_those_who_wait() {
    let server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben"]).await;
    let (cleo, dora) = (server.person("cleo").await, server.person("dora").await);
    let alone = people[1].post("/groups", &json!({ "name": "Alone" })).await.is(201)["id"].as_i64().unwrap();
    let ends = [("dissolved", &people[0], id), ("left", &people[1], alone)];
    for (round, (how, owner, id)) in ends.into_iter().enumerate() {
        owner.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
        let invitation = cleo.get("/group-invitations").await.is(200)["items"][0]["id"].clone();
        join(&dora, id).await.is(202);
        match how {
            "left" => owner.act(&format!("/groups/{id}/leave")).await.is(204),
            _ => owner.delete(&format!("/groups/{id}")).await.is(204),
        };
        assert_eq!(cleo.get("/group-invitations").await.is(200)["items"], json!([]), "{how}");
        cleo.act(&format!("/group-invitations/{invitation}/accept")).await.refused(404, "resource.not_found");
        assert_eq!(decisions(&dora).await, vec!["rejected"; round + 1], "{how}");
        join(&dora, id).await.refused(404, "resource.not_found");
    }
}

#[tokio::test]
async fn who_asked_to_join_is_told_also_when_something_else_decides() {
    let server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben"]).await;
    let (ann, cleo) = (&people[0], server.person("cleo").await);
    let (listed, member) = (format!("/groups/{id}/blacklist/{}", cleo.id), format!("/groups/{id}/members/{}", cleo.id));
    let mut expected = Vec::new();
    let ways = [("listed", "rejected"), ("removed", "rejected"), ("invited", "accepted"), ("added", "accepted")];
    for (way, status) in ways {
        join(&cleo, id).await.is(202);
        match way {
            "listed" => ann.put(&listed).await.is(204),
            "removed" => ann.delete(&format!("{member}?blacklist=true")).await.is(204),
            _ => ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200),
        };
        if way == "invited" {
            assert_eq!(decisions(&cleo).await, expected, "an invitation alone decides nothing");
            let invitation = cleo.get("/group-invitations").await.is(200)["items"][0]["id"].clone();
            cleo.act(&format!("/group-invitations/{invitation}/accept")).await.is(200);
            ann.delete(&member).await.is(204);
            befriend(ann, &cleo).await;
        }
        expected.push(json!(status));
        assert_eq!(decisions(&cleo).await, expected, "{way}");
        ann.delete(&listed).await.is(204);
    }
}

#[tokio::test]
async fn only_so_many_wait_and_who_invites_too_often_waits_himself() {
    let settings = [("rate.enabled", "true"), ("rate.group_invite", "4/1h"), ("limits.group_waiting", "2")];
    let server = Server::with(&settings).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let (cleo, dora) = (server.person("cleo").await, server.person("dora").await);
    let group = ann.post("/groups", &json!({ "name": "Club", "member_ids": [ben.id] })).await.is(201)["id"].clone();
    let members = format!("/groups/{group}/members");
    let bring = async |person: &Person| ann.post(&members, &json!({ "user_ids": [person.id] })).await;
    assert_eq!(bring(&cleo).await.is(200)["invited"], json!([cleo.id]));
    bring(&dora).await.refused(409, "group.waiting_full");
    join(&dora, group.as_i64().unwrap()).await.refused(409, "group.waiting_full");
    bring(&cleo).await.is(200);
    // Four have brought somebody in, or tried to; one that brings nobody is not counted.
    bring(&cleo).await.refused(429, "rate.limited");
    ann.post("/groups", &json!({ "name": "Club", "member_ids": [ben.id] })).await.refused(429, "rate.limited");
    ann.post("/groups", &json!({ "name": "Club", "member_ids": [] })).await.is(201);
}
