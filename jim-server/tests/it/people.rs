//! One's own profile, and finding other people.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Person, Server, Socket, befriend, couple};

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Everything that comes up to the owner's next change of profile, which is made for this purpose.
async fn events_so_far(person: &Person, socket: &mut Socket, mark: &str) -> Vec<Value> {
    person.patch("/me", &json!({ "status_text": mark })).await.is(200);
    let head = person.log_head().await;
    socket.until("me", head).await
}

fn profiles(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["type"] == "profile").collect()
}

#[tokio::test]
async fn one_sees_oneself_in_full_and_others_only_their_card() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    ann.patch("/me", &json!({ "birth_date": "1999-12-31", "status_text": "at sea" })).await.is(200);
    let me = ann.get("/me").await.is(200);
    let whole = ["birth_date", "created_at", "id", "nickname", "role", "status", "status_text", "username"];
    assert_eq!(keys(&me), whole);
    let card = ben.get(&format!("/users/{}", ann.id)).await.is(200);
    assert_eq!(card, json!({ "id": ann.id, "nickname": "ann", "status_text": "at sea" }));
    for path in ["/users/999999", "/users/0", "/users/-1", "/users/x", "/users/9007199254740992"] {
        ben.get(path).await.refused(404, "resource.not_found");
    }
}

#[tokio::test]
async fn a_patch_keeps_what_is_absent_clears_null_and_sets_the_rest() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let all = json!({ "nickname": "Annie", "birth_date": "1999-12-31", "status_text": "at sea" });
    let first = ann.patch("/me", &all).await.is(200);
    assert_eq!(first, ann.get("/me").await.is(200));
    assert_eq!(ann.patch("/me", &json!({})).await.is(200), first);
    let renamed = ann.patch("/me", &json!({ "nickname": "Ann" })).await.is(200);
    assert_eq!((&renamed["nickname"], &renamed["birth_date"]), (&json!("Ann"), &json!("1999-12-31")));
    let cleared = ann.patch("/me", &json!({ "birth_date": null, "status_text": null })).await.is(200);
    assert_eq!((cleared.get("birth_date"), cleared.get("status_text")), (None, None));
    let refused = ann.patch("/me", &json!({ "nickname": null, "status_text": "x" })).await;
    refused.refused(422, "request.invalid");
    assert_eq!(refused.broken_fields()[0].0, "nickname");
    assert_eq!(ann.get("/me").await.is(200), cleared, "a refusal changes nothing");
    for read_only in ["id", "username", "role", "created_at", "password"] {
        ann.patch("/me", &json!({ read_only: "x" })).await.refused(422, "request.unknown_field");
    }
}

#[tokio::test]
async fn a_new_nickname_reaches_ones_devices_and_friends_and_nobody_else() {
    let (server, ann, ben, _) = couple().await;
    let cleo = server.person("cleo").await;
    let phone = ann.log_in("phone").await;
    let (mut phones, mut bens, mut cleos) = (phone.socket().await, ben.socket().await, cleo.socket().await);
    let me = ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    assert_eq!(phones.event_of("profile.changed").await["data"], me);
    let told = bens.event_of("profile").await;
    assert_eq!(told, json!({ "type": "profile", "user": { "id": ann.id, "nickname": "Annie" } }));
    assert_eq!(ben.get("/friends").await.is(200)["items"][0]["user"]["nickname"], "Annie");
    assert_eq!(profiles(&events_so_far(&cleo, &mut cleos, "here").await), Vec::<&Value>::new());

    // What others do not see is not told to them, and what changes nothing is told to nobody.
    ann.patch("/me", &json!({ "birth_date": "1999-12-31" })).await.is(200);
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    assert_eq!(phones.event_of("profile.changed").await["data"]["birth_date"], "1999-12-31");
    assert_eq!(profiles(&events_so_far(&ben, &mut bens, "here").await), Vec::<&Value>::new());
    assert_eq!(ann.log_types(0).await.iter().filter(|kind| *kind == "profile.changed").count(), 2);
}

/// The nicknames that a search finds.
async fn found(person: &Person, prefix: &str) -> Vec<String> {
    let query = [("nickname", prefix)];
    let call = person.request(reqwest::Method::GET, "/users").query(&query);
    let list = crate::support::Answer::to(call).await.is(200);
    list["items"].as_array().unwrap().iter().map(|user| user["nickname"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_search_takes_its_text_literally_and_without_regard_to_case() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    for (name, nickname) in [("b-1", "100% Ben"), ("b-2", "100 Ben"), ("b-3", "a_b"), ("b-4", "axb"), ("b-5", r"a\b")] {
        let person = server.person(name).await;
        person.patch("/me", &json!({ "nickname": nickname })).await.is(200);
    }
    assert_eq!(found(&ann, "100%").await, ["100% Ben"]);
    assert_eq!(found(&ann, "a_").await, ["a_b"]);
    assert_eq!(found(&ann, r"A\").await, [r"a\b"]);
    assert_eq!(found(&ann, "%").await, Vec::<String>::new());
    assert_eq!(found(&ann, "_").await, Vec::<String>::new());
    assert_eq!(found(&ann, "A").await, ["ann", "a_b", "axb", r"a\b"], "by id");
    assert_eq!(found(&ann, "nn").await, Vec::<String>::new(), "a prefix, not a part");
    assert_eq!(found(&ann, "'; --").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_search_is_paged_by_a_cursor_that_fits_no_other_search() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    for at in 0..7 {
        server.person(&format!("ben-{at}")).await;
    }
    let mut names = Vec::new();
    let mut path = "/users?nickname=ben&limit=3".to_owned();
    let mut sizes = Vec::new();
    let mut cursors = Vec::new();
    loop {
        let page = ann.get(&path).await.is(200);
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        names.extend(items.iter().map(|user| user["nickname"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursors.push(next.to_owned());
        path = format!("/users?nickname=ben&limit=3&cursor={next}");
    }
    assert_eq!(sizes, [3, 3, 1]);
    assert_eq!(names, (0..7).map(|at| format!("ben-{at}")).collect::<Vec<_>>());
    let other = server.person("cleo").await;
    let cursor = &cursors[0];
    other.get(&format!("/users?nickname=ben&cursor={cursor}")).await.refused(422, "cursor.invalid");
    ann.get(&format!("/users?nickname=be&cursor={cursor}")).await.refused(422, "cursor.invalid");
    ann.get(&format!("/friends?cursor={cursor}")).await.refused(422, "cursor.invalid");
}

#[tokio::test]
async fn people_are_looked_up_by_their_ids() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let list = ann.get(&format!("/users?ids={},999999,{},{}", ben.id, ann.id, ben.id)).await.is(200);
    let ids: BTreeSet<_> = list["items"].as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, BTreeSet::from([ann.id, ben.id]));
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "nobody stands there twice");
    let ids = |count: i64| (1..=count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    ann.get(&format!("/users?ids={}", ids(100))).await.is(200);
    for query in [
        &format!("ids={}", ids(101)),
        "ids=",
        "ids=0",
        "ids=-1",
        "ids=x",
        "ids=9007199254740992",
        "",
        "ids=1&nickname=a",
    ] {
        ann.get(&format!("/users?{query}")).await.refused(422, "request.invalid");
    }
}

#[tokio::test]
async fn who_searches_too_often_waits_and_others_do_not() {
    let server = Server::with(&[("rate.enabled", "true"), ("rate.search", "3/1m")]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    for _ in 0..3 {
        ann.get("/users?nickname=b").await.is(200);
    }
    let limited = ann.get("/users?nickname=b").await;
    limited.refused(429, "rate.limited");
    let seconds: u64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    ben.get("/users?nickname=a").await.is(200);
    ann.get("/me").await.is(200);
}

#[tokio::test]
async fn friends_of_friends_are_strangers() {
    let (server, ann, ben, _) = couple().await;
    let cleo = server.person("cleo").await;
    befriend(&ben, &cleo).await;
    let mut cleos = cleo.socket().await;
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    assert_eq!(profiles(&events_so_far(&cleo, &mut cleos, "here").await), Vec::<&Value>::new());
    let friends = cleo.get("/friends").await.is(200);
    assert_eq!(friends["items"].as_array().unwrap().len(), 1);
}
