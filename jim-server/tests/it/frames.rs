//! Every frame that a scenario brings is held against `docs/asyncapi.yaml`, and the document against the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Event, Person, Server, Socket, WORLD, befriend, seq};

/// A file of the checkout.
fn source(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document() -> Value {
    serde_yaml_ng::from_str(&source("docs/asyncapi.yaml")).unwrap()
}

/// The schemas, with every field refused that they do not name: clients ignore such fields, the document must not.
fn strict(document: &Value) -> Value {
    let mut schemas = document["components"]["schemas"].clone();
    for (name, schema) in schemas.as_object_mut().unwrap() {
        // What others are made of is closed by them.
        if name != "Entry" {
            close(schema);
        }
    }
    schemas
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.contains_key("allOf") {
                fields.insert("unevaluatedProperties".into(), false.into());
            } else if fields.get("properties").is_some_and(Value::is_object) && fields.contains_key("required") {
                fields.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The validator of one message.
fn validator(document: &Value, message: &str) -> Validator {
    let payload = &document["components"]["messages"][message]["payload"]["$ref"];
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": payload,
        "components": { "schemas": strict(document) },
    });
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{message}: {error}"))
}

/// The names of a map.
fn names(map: &Value) -> BTreeSet<String> {
    map.as_object().expect("a map").keys().cloned().collect()
}

/// Every frame of the sockets of people who do all that can be done.
async fn play() -> Vec<Value> {
    let server = Server::with(&[("friends.required", "false"), ("socket.heartbeat_seconds", "1")]).await;
    let (ann, ben, cleo) = (server.person("ann").await, server.person("ben").await, server.person("cleo").await);
    let spare = ann.log_in("spare").await;
    let mut sockets = JoinSet::new();
    for (listener, person) in [&ann, &ben, &cleo].into_iter().enumerate() {
        sockets.spawn(frames(if listener == 1 { person.events().await } else { person.socket().await }));
    }
    let request = async |from: &Person, to: &Person| {
        let wish = json!({ "user_id": to.id, "note": "it is me" });
        format!("/friend-requests/{}", from.post("/friend-requests", &wish).await.is(201)["id"])
    };
    let rejected = request(&ann, &ben).await;
    ben.post(&format!("{rejected}/reject"), &json!({ "reason": "who?" })).await.is(200);
    ann.delete(&request(&ann, &ben).await).await.is(204);
    ann.say(&ann.room(&cleo), "first", "Hello stranger").await.is(201);
    let room = befriend(&ann, &ben).await;
    group(&ann, &ben, &cleo).await;
    let until = "2099-12-31T23:59:59.000Z";
    let profile = json!({
        "nickname": "Annie", "status_text": "here", "status_text_until": until, "birth_date": "1999-12-31",
    });
    ann.patch("/me", &profile).await.is(200);
    let change = json!({ "remark": "B", "labels": ["work"], "starred": true });
    ann.patch(&format!("/friends/{}", ben.id), &change).await.is(200);
    for status in ["away", "invisible"] {
        let mut watch = ben.events().await;
        ann.set_status(status).await.is(200);
        watch.presence(&ann).await;
    }
    ann.say(&room, "text", "Hello").await.is(201);
    let emoji = json!({ "client_ref": "emoji", "content": { "kind": "emoji", "code": "👍" } });
    ben.post(&format!("/rooms/{room}/messages"), &emoji).await.is(201);
    chat(&ann, &ben, &room).await;
    world(&server, &ann).await;
    ann.put(&format!("/blocks/{}", ben.id)).await.is(204);
    ann.delete(&format!("/blocks/{}", ben.id)).await.is(204);
    ann.delete(&format!("/me/sessions/{}", spare.session)).await.is(204);
    ann.delete(&format!("/friends/{}", ben.id)).await.is(204);
    for person in [&ann, &ben, &cleo] {
        person.patch("/me", &json!({ "status_text": LAST })).await.is(200);
    }
    let mut frames: Vec<Value> = sockets.join_all().await.into_iter().flatten().collect();
    // A later connection, when there is a history, and that history.
    frames.append(&mut ann.socket().await.frames);
    for room in [&room, WORLD] {
        frames.append(&mut ann.whole_history(room).await);
    }
    frames
}

/// All that can be done in a group of two, and by one who wants to come in.
async fn group(ann: &Person, ben: &Person, cleo: &Person) {
    let wish = json!({ "name": "Club", "member_ids": [ben.id] });
    let path = format!("/groups/{}", ann.post("/groups", &wish).await.is(201)["id"]);
    let member = format!("{path}/members/{}", ben.id);
    let change = json!({ "name": "Circle", "announcement": "Hear", "invite_policy": "admins", "max_members": 7 });
    ann.patch(&path, &change).await.is(200);
    ann.patch(&path, &json!({ "announcement": null, "history_policy": "all" })).await.is(200);
    for role in ["admin", "member"] {
        ann.patch(&member, &json!({ "role": role })).await.is(200);
    }
    for nickname in [json!("B"), json!(null)] {
        ann.patch(&member, &json!({ "nickname": nickname })).await.is(200);
    }
    for until in [json!({}), json!({ "until": "2099-12-31T23:59:59Z" })] {
        ann.call(Method::PUT, &format!("{member}/mute"), &until).await.is(204);
        ann.delete(&format!("{member}/mute")).await.is(204);
    }
    ann.put(&format!("{path}/mute")).await.is(204);
    ann.delete(&format!("{path}/mute")).await.is(204);
    let room = format!("g:{}", path.rsplit('/').next().unwrap());
    ben.say(&room, "hello", "to all").await.is(201);
    ann.delete(&member).await.is(204);
    let back = json!({ "user_ids": [ben.id] });
    ann.post(&format!("{path}/members"), &back).await.is(200);
    ben.act(&format!("{path}/leave")).await.is(204);
    ann.post(&format!("{path}/members"), &back).await.is(200);
    ann.patch(&path, &json!({ "invite_policy": "members" })).await.is(200);
    let stranger = json!({ "user_ids": [cleo.id] });
    ann.post(&format!("{path}/members"), &stranger).await.is(200);
    let invitation = cleo.get("/group-invitations").await.is(200)["items"][0]["id"].clone();
    cleo.act(&format!("/group-invitations/{invitation}/reject")).await.is(200);
    let asked = cleo.post(&format!("{path}/join"), &json!({ "note": "Me?" })).await.is(202);
    ann.act(&format!("{path}/join-requests/{}/reject", asked["request_id"])).await.is(200);
    ann.post(&format!("{path}/transfer"), &json!({ "user_id": ben.id })).await.is(200);
    ben.delete(&path).await.is(204);
}

/// All that can be done with messages in a private room, and with the room in the list of chats.
async fn chat(ann: &Person, ben: &Person, room: &str) {
    let path = format!("/rooms/{room}");
    ben.act(&format!("{path}/typing")).await.is(204);
    let wish = json!({
        "client_ref": "answer", "content": { "kind": "text", "text": "Look" }, "reply_to": 2, "mentions": [ben.id],
    });
    let answer = seq(&ann.post(&format!("{path}/messages"), &wish).await.is(201));
    let to_all = json!({ "client_ref": "all", "content": { "kind": "text", "text": "Here" }, "mentions": "all" });
    let doomed = seq(&ann.post(&format!("{path}/messages"), &to_all).await.is(201));
    ben.call(Method::PUT, &format!("{path}/read"), &json!({ "seq": answer })).await.is(200);
    ben.put(&format!("{path}/pins/{answer}")).await.is(204);
    ben.delete(&format!("{path}/pins/{answer}")).await.is(204);
    ann.act(&format!("{path}/entries/{doomed}/retract")).await.is(200);
    ann.put(&format!("/conversations/{room}/hidden/{answer}")).await.is(204);
    let conversation = format!("/conversations/{room}");
    for field in ["pinned", "muted", "hidden"] {
        for on in [true, false] {
            ann.patch(&conversation, &json!({ field: on })).await.is(200);
        }
    }
    ben.delete(&conversation).await.is(204);
}

/// All that an administrator can do with the world channel.
async fn world(server: &Server, ann: &Person) {
    let root = server.admin("root").await;
    for change in [json!({ "open": false }), json!({ "open": true }), json!({ "slow_mode_seconds": 1 })] {
        root.patch("/world/1", &change).await.is(200);
    }
    ann.say(WORLD, "world", "Hello world").await.is(201);
    let mute = format!("/world/1/mutes/{}", ann.id);
    for until in [json!({}), json!({ "until": "2099-12-31T23:59:59Z" })] {
        root.call(Method::PUT, &mute, &until).await.is(204);
        root.delete(&mute).await.is(204);
    }
}

/// What ends the scenario of a person.
const LAST: &str = "that was all";

/// Every frame of a socket up to the first heartbeat after the end of the scenario.
async fn frames(mut socket: Socket) -> Vec<Value> {
    read_on(&mut socket, |frame| frame["data"]["status_text"] == LAST).await;
    read_on(&mut socket, |frame| frame["type"] == "heartbeat").await;
    socket.frames
}

async fn read_on(socket: &mut Socket, is_last: impl Fn(&Value) -> bool) {
    while !matches!(socket.next().await, Event::Frame(frame) if is_last(&frame)) {}
}

#[tokio::test]
async fn every_frame_is_as_the_document_says() {
    let document = document();
    let frames = play().await;
    let mut seen = BTreeSet::new();
    for frame in &frames {
        let kind = frame["type"].as_str().expect("a type");
        let errors: Vec<_> = validator(&document, kind).iter_errors(frame).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{frame}: {errors:?}");
        seen.insert(kind.to_owned());
    }
    assert_eq!(seen, names(&document["components"]["messages"]), "each described type is seen");
}

#[test]
fn the_schemas_refuse_what_is_not_described() {
    let document = document();
    let mut checked = 0;
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        for example in message["examples"].as_array().into_iter().flatten() {
            let (validator, payload) = (validator(&document, name), &example["payload"]);
            assert!(validator.is_valid(payload), "{payload}");
            for field in names(payload) {
                let mut less = payload.clone();
                less.as_object_mut().unwrap().remove(&field);
                assert!(field == "by" || !validator.is_valid(&less), "{name} without {field}");
                let mut other = payload.clone();
                other[&field] = json!(["of another type"]);
                assert!(!validator.is_valid(&other), "{name} with another {field}");
                checked += 1;
            }
            let mut more = payload.clone();
            more["unknown"] = json!(1);
            assert!(!validator.is_valid(&more), "{name} with an unknown field");
        }
    }
    assert!(checked > 15);
}

#[test]
fn every_event_of_the_sources_is_described_and_no_other() {
    let document = document();
    let entry = source("jim-core/src/model/entry.rs");
    let kinds = entry.split(r#"Kind::of(""#).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let mut kinds: BTreeSet<String> = kinds.collect();
    assert!(kinds.len() > 10);
    kinds.extend(["hello", "heartbeat", "presence", "profile", "read", "typing"].map(Into::into));
    assert_eq!(kinds, names(&document["components"]["messages"]));
    assert_eq!(kinds, names(&document["channels"]["socket"]["messages"]));
    let clients = source("docs/src/clients.md");
    let told = clients.split_once("## Events").unwrap().1;
    for kind in &kinds {
        assert!(told.contains(&format!("`{kind}`")), "clients.md does not tell of {kind}");
    }
}

#[test]
fn every_close_code_of_the_sources_is_described_and_no_other() {
    let connection = source("jim-server/src/gateway/connection.rs");
    let codes = connection.split("=> (").skip(1).filter_map(|rest| rest.split_once(',')?.0.parse::<u64>().ok());
    let codes: BTreeSet<u64> = codes.collect();
    assert!(codes.contains(&4408) && codes.len() > 5, "{codes:?}");
    let document = document();
    let described = document["x-close-codes"].as_array().unwrap();
    for close in described {
        assert!(close["meaning"].is_string() && close["client"].is_string(), "{close}");
    }
    assert_eq!(codes, described.iter().map(|close| close["code"].as_u64().unwrap()).collect());
    let clients = source("docs/src/clients.md");
    let rows = clients.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse::<u64>().ok());
    assert_eq!(codes, rows.collect());
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    assert_eq!(document["asyncapi"], "3.0.0");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 40);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
