//! How a person keeps friends: labels and stars; and the line under one's name that ends by itself.

use std::time::Duration;

use jim_core::time::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::support::{Person, Server, befriend, couple, eventually};

async fn found(person: &Person, query: &str) -> Vec<i64> {
    let friends = person.list(&format!("/friends?{query}")).await;
    friends.iter().map(|friend| friend["user"]["id"].as_i64().unwrap()).collect()
}

async fn change(person: &Person, friend: &Person, change: &Value) -> Value {
    person.patch(&format!("/friends/{}", friend.id), change).await.is(200)
}

#[tokio::test]
async fn labels_and_stars_sort_friends_for_their_owner_alone() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let mut people = Vec::new();
    for name in ["ben", "cleo", "dora"] {
        people.push(server.person(name).await);
        befriend(&ann, people.last().unwrap()).await;
    }
    let [ben, cleo, dora] = &people[..] else { unreachable!() };
    let all = found(&ann, "limit=100").await;
    let phone = ann.log_in("phone").await;
    let mut phones = phone.socket().await;
    let before = ben.log_head().await;
    let kept = change(&ann, ben, &json!({ "labels": ["work", " chess ", "work"], "starred": true })).await;
    assert_eq!((&kept["labels"], &kept["starred"]), (&json!(["chess", "work"]), &json!(true)));
    let mut told = phones.event_of("friend.updated").await["data"].clone();
    let mut listed = ann.friend(ben).await;
    for friend in [&mut told, &mut listed] {
        friend.as_object_mut().unwrap().remove("presence");
    }
    assert_eq!(told, listed);
    change(&ann, cleo, &json!({ "labels": ["work"] })).await;
    change(&ann, dora, &json!({ "starred": true })).await;

    assert_eq!(found(&ann, "limit=100").await, all, "nobody is missing from the whole list");
    for (query, expected) in [
        ("label=work", vec![ben.id, cleo.id]),
        ("label=work&limit=1", vec![ben.id, cleo.id]),
        ("label=chess", vec![ben.id]),
        ("starred=true", vec![ben.id, dora.id]),
        ("label=work&starred=true", vec![ben.id]),
        ("label=WORK", vec![]),
        ("starred=false", all.clone()),
    ] {
        assert_eq!(found(&ann, query).await, expected, "{query}");
    }
    let other = ben.friend(&ann).await;
    assert!(other.get("labels").is_none() && other.get("starred").is_none(), "{other}");
    assert_eq!(found(ben, "label=work").await, Vec::<i64>::new());
    assert_eq!(ben.log_head().await, before, "he is not told");

    let kept = change(&ann, ben, &json!({ "remark": "B" })).await;
    assert_eq!(
        (&kept["labels"], &kept["starred"], &kept["remark"]),
        (&json!(["chess", "work"]), &json!(true), &json!("B"))
    );
    let kept = change(&ann, ben, &json!({ "labels": null, "starred": false })).await;
    assert!(kept.get("labels").is_none() && kept.get("starred").is_none(), "{kept}");
    let quiet = ann.log_head().await;
    change(&ann, ben, &json!({ "labels": [], "starred": null })).await;
    assert_eq!(ann.log_head().await, quiet, "what is so already is not told");
}

#[tokio::test]
async fn labels_go_with_the_friendship() {
    let (_server, ann, ben, _) = couple().await;
    change(&ann, &ben, &json!({ "labels": ["work"], "starred": true, "remark": "B" })).await;
    change(&ben, &ann, &json!({ "labels": ["home"] })).await;
    ben.delete(&format!("/friends/{}", ann.id)).await.is(204);
    assert_eq!(found(&ann, "label=work").await, Vec::<i64>::new());
    befriend(&ann, &ben).await;
    for (who, other) in [(&ann, &ben), (&ben, &ann)] {
        let friend = who.friend(other).await;
        for field in ["labels", "starred", "remark"] {
            assert!(friend.get(field).is_none(), "{friend}");
        }
    }
}

#[tokio::test]
async fn labels_that_make_no_sense_are_refused_and_change_nothing() {
    let (server, ann, ben, _) = couple().await;
    let path = format!("/friends/{}", ben.id);
    let eleven: Vec<String> = (0..11).map(|n| format!("label-{n}")).collect();
    for (labels, code) in [
        (json!(eleven), "too_many"),
        (json!([""]), "too_short"),
        (json!(["  "]), "too_short"),
        (json!(["x".repeat(33)]), "too_long"),
        (json!(["a\u{7}b"]), "control_character"),
        (json!(["\u{200b}"]), "invisible"),
    ] {
        let answer = ann.patch(&path, &json!({ "labels": labels, "starred": true })).await;
        answer.refused(422, "request.invalid");
        assert_eq!(answer.broken_fields(), [("labels".to_owned(), code.to_owned())], "{labels}");
    }
    for body in [json!({ "labels": "work" }), json!({ "labels": [3] }), json!({ "starred": "yes" })] {
        ann.patch(&path, &body).await.refused(422, "request.invalid");
    }
    for query in ["label=", "label=%20", &format!("label={}", "x".repeat(33)), "starred=maybe"] {
        ann.get(&format!("/friends?{query}")).await.refused(422, "request.invalid");
    }
    let cleo = server.person("cleo").await;
    ann.patch(&format!("/friends/{}", cleo.id), &json!({ "starred": true })).await.refused(404, "resource.not_found");
    let first = ann.get("/friends?limit=1").await.is(200);
    assert!(ann.friend(&ben).await.get("starred").is_none());
    // A cursor of one list is none of another.
    befriend(&ann, &cleo).await;
    let cursor = ann.get("/friends?limit=1").await.is(200)["next"].as_str().unwrap().to_owned();
    ann.get(&format!("/friends?starred=true&cursor={cursor}")).await.refused(422, "cursor.invalid");
    assert_eq!(first["next"], Value::Null);
    let ten: Vec<String> = (0..10).map(|n| format!("{n}{}", "好".repeat(31))).collect();
    assert_eq!(change(&ann, &ben, &json!({ "labels": ten })).await["labels"], json!(ten));
}

#[tokio::test]
async fn a_status_text_is_gone_after_its_end() {
    let (_server, ann, ben, _) = couple().await;
    let mut anns = ann.socket().await;
    let soon = SystemClock.now().plus(Duration::from_secs(3)).to_string();
    let me = ben.patch("/me", &json!({ "status_text": "at lunch", "status_text_until": soon })).await.is(200);
    assert_eq!((&me["status_text"], &me["status_text_until"]), (&json!("at lunch"), &json!(soon)));
    let card = json!({ "id": ben.id, "nickname": "ben", "status_text": "at lunch", "status_text_until": soon });
    assert_eq!(anns.event_of("profile").await["user"], card);
    assert_eq!(ann.friend(&ben).await["user"], card);
    let bare = json!({ "id": ben.id, "nickname": "ben" });
    eventually("it is gone for a fresh look", async || {
        (ann.get(&format!("/users/{}", ben.id)).await.is(200) == bare).then_some(())
    })
    .await;
    assert_eq!(ann.friend(&ben).await["user"], bare);
    let me = ben.get("/me").await.is(200);
    assert!(me.get("status_text").is_none() && me.get("status_text_until").is_none(), "{me}");
    // A new line does not end with the old one.
    let me = ben.patch("/me", &json!({ "status_text": "back" })).await.is(200);
    assert!(me["status_text"] == "back" && me.get("status_text_until").is_none(), "{me}");
    assert_eq!(ann.friend(&ben).await["user"]["status_text"], "back");
}

#[tokio::test]
async fn an_end_of_a_status_text_can_be_moved_and_needs_a_text_and_a_time_to_come() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let (late, later) = ("2098-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z");
    ann.patch("/me", &json!({ "status_text_until": late })).await.refused(422, "request.invalid");
    for until in ["2001-01-01T00:00:00Z", "tomorrow", "", "2099-01-01", "2099-13-01T00:00:00Z"] {
        let answer = ann.patch("/me", &json!({ "status_text": "out", "status_text_until": until })).await;
        answer.refused(422, "request.invalid");
        assert_eq!(answer.broken_fields()[0].0, "status_text_until", "{until}");
    }
    assert!(ann.get("/me").await.is(200).get("status_text").is_none());
    ann.patch("/me", &json!({ "status_text": "out", "status_text_until": late })).await.is(200);
    let me = ann.patch("/me", &json!({ "status_text_until": later })).await.is(200);
    assert_eq!((&me["status_text"], &me["status_text_until"]), (&json!("out"), &json!(later)));
    let me = ann.patch("/me", &json!({ "status_text": "away" })).await.is(200);
    assert_eq!(me["status_text_until"], later, "an absent field stays");
    let me = ann.patch("/me", &json!({ "status_text_until": null })).await.is(200);
    assert!(me["status_text"] == "away" && me.get("status_text_until").is_none());
    ann.patch("/me", &json!({ "status_text_until": late })).await.is(200);
    let me = ann.patch("/me", &json!({ "status_text": null })).await.is(200);
    assert!(me.get("status_text").is_none() && me.get("status_text_until").is_none());
}
