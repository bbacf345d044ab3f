//! Every field at, below and above its limit, and of the wrong kind: each gets its documented answer and changes
//! nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Person, Server, befriend};

/// People in every relation that a field needs.
struct Stage {
    server: Server,
    ann: Person,
    /// A friend of Ann's.
    ben: Person,
    /// Somebody who waits for Ann's answer.
    cleo: Person,
    /// A stranger.
    dora: Person,
    admin: Person,
    request: Value,
    room: String,
}

/// A field of a request with its range in characters.
#[derive(Clone, Copy)]
struct Field {
    /// What the request is for.
    of: &'static str,
    /// The path of the field in the body, as refusals name it.
    name: &'static str,
    min: usize,
    max: usize,
    required: bool,
}

const fn field(of: &'static str, name: &'static str, (min, max): (usize, usize)) -> Field {
    Field { of, name, min, max, required: true }
}

const fn optional(of: &'static str, name: &'static str, range: (usize, usize)) -> Field {
    Field { required: false, ..field(of, name, range) }
}

/// Every text that a client can send and that has a length.
const FIELDS: &[Field] = &[
    field("register", "username", (3, 32)),
    field("register", "password", (8, 128)),
    optional("register", "nickname", (1, 32)),
    optional("register", "device", (1, 64)),
    optional("log in", "device", (1, 64)),
    optional("profile", "status_text", (1, 100)),
    optional("profile", "nickname", (1, 32)),
    field("password", "new_password", (8, 128)),
    optional("friend", "remark", (1, 32)),
    optional("ask", "note", (1, 200)),
    optional("accept", "greeting", (1, 200)),
    optional("reject", "reason", (1, 200)),
    field("send", "client_ref", (1, 64)),
    field("send", "content.text", (1, 4000)),
    field("emoji", "content.code", (1, 64)),
    field("account", "username", (3, 32)),
    field("account", "password", (8, 128)),
    optional("account", "nickname", (1, 32)),
    field("reset", "password", (8, 128)),
];

/// Requests that no field of [`FIELDS`] is of.
const OTHERS: &[&str] = &[
    "refresh",
    "external",
    "captcha",
    "recovery",
    "recovered",
    "address",
    "confirm",
    "second factor",
    "farewell",
    "status",
    "registration",
];

impl Stage {
    async fn new() -> Stage {
        let server = Server::start().await;
        let (ann, ben) = (server.person("ann").await, server.person("ben").await);
        let (cleo, dora) = (server.person("cleo").await, server.person("dora").await);
        let admin = server.admin("root").await;
        let room = befriend(&ann, &ben).await;
        let request = cleo.ask(&ann).await.is(201)["id"].clone();
        Stage { server, ann, ben, cleo, dora, admin, request, room }
    }

    /// Who makes a request, where, and with which sound body.
    fn request(&self, of: &str) -> (Client, Method, String, Value) {
        let ann: Client = (*self.ann).clone();
        let admin: Client = (*self.admin).clone();
        let stranger = self.server.stranger();
        let messages = format!("/rooms/{}/messages", self.room);
        let answer = |verb: &str| format!("/friend-requests/{}/{verb}", self.request);
        let text = json!({ "client_ref": "r", "content": { "kind": "text", "text": "t" } });
        let emoji = json!({ "client_ref": "r", "content": { "kind": "emoji", "code": "c" } });
        let passwords = json!({ "old_password": self.ann.password, "new_password": self.ann.password });
        match of {
            "register" => (
                stranger,
                Method::POST,
                "/auth/register".into(),
                json!({ "username": "eve", "password": "a long password" }),
            ),
            "log in" => {
                let body = json!({ "username": "ann", "password": self.ann.password });
                (stranger, Method::POST, "/auth/login".into(), body)
            }
            "refresh" => (stranger, Method::POST, "/auth/refresh".into(), json!({ "refresh_token": self.ann.refresh })),
            "profile" => (ann, Method::PATCH, "/me".into(), json!({})),
            "password" => (ann, Method::PUT, "/me/password".into(), passwords),
            "friend" => (ann, Method::PATCH, format!("/friends/{}", self.ben.id), json!({})),
            "ask" => (ann, Method::POST, "/friend-requests".into(), json!({ "user_id": self.dora.id })),
            "accept" | "reject" => (ann, Method::POST, answer(of), json!({})),
            "send" => (ann, Method::POST, messages, text),
            "emoji" => (ann, Method::POST, messages, emoji),
            "account" => {
                let body = json!({ "username": "eve", "password": "a long password" });
                (admin, Method::POST, "/admin/users".into(), body)
            }
            "reset" => {
                let body = json!({ "password": "a longer password" });
                (admin, Method::PUT, format!("/admin/users/{}/password", self.dora.id), body)
            }
            "registration" => (admin, Method::PUT, "/admin/registration".into(), json!({ "mode": "open" })),
            "status" => (ann, Method::PUT, "/me/status".into(), json!({ "status": "away" })),
            "external" => (stranger, Method::POST, "/auth/external".into(), json!({ "token": "t" })),
            "captcha" => (stranger, Method::POST, "/auth/captcha".into(), json!({})),
            "recovery" => (stranger, Method::POST, "/auth/recovery".into(), json!({ "email": "ann@example.org" })),
            "recovered" => {
                let body = json!({ "email": "ann@example.org", "code": "AAAAAAAA", "password": "a longer password" });
                (stranger, Method::POST, "/auth/recovery/confirm".into(), body)
            }
            "address" => (ann, Method::POST, "/me/email".into(), json!({ "email": "ann@example.org" })),
            "confirm" => (ann, Method::POST, "/me/email/confirm".into(), json!({ "code": "AAAAAAAA" })),
            "second factor" => (ann, Method::POST, "/me/totp/confirm".into(), json!({ "code": "123456" })),
            "farewell" => (ann, Method::DELETE, "/me".into(), json!({ "password": "a wrong password" })),
            _ => panic!("{of}"),
        }
    }

    /// Makes a request with one field set.
    async fn with(&self, field: Field, value: &Value) -> Answer {
        let (who, method, path, mut body) = self.request(field.of);
        let pointer = format!("/{}", field.name.replace('.', "/"));
        match body.pointer_mut(&pointer) {
            Some(place) => *place = value.clone(),
            None => body[field.name] = value.clone(),
        }
        who.call(method, &path, &body).await
    }

    /// Makes possible again what a success has used up.
    async fn again(&mut self, field: Field, new: &str, answer: &Answer) {
        match field.of {
            "ask" => drop(self.ann.delete(&format!("/friend-requests/{}", answer.json()["id"])).await.is(204)),
            "accept" => drop(self.ann.delete(&format!("/friends/{}", self.cleo.id)).await.is(204)),
            _ => {}
        }
        if ["accept", "reject"].contains(&field.of) {
            self.request = self.cleo.ask(&self.ann).await.is(201)["id"].clone();
        }
        if field.of == "password" {
            new.clone_into(&mut self.ann.password);
        }
    }

    /// All that anybody can see.
    async fn everything(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for person in [&self.ann, &self.ben, &self.cleo, &self.dora] {
            for list in [
                "/me",
                "/friends",
                "/friend-requests?direction=in",
                "/friend-requests?direction=out",
                "/blocks",
                "/log",
            ] {
                all.push(person.get(list).await.is(200));
            }
        }
        all.push(self.ben.history(&self.room, "").await);
        all.push(self.ann.get("/users?nickname=e").await.is(200));
        for list in ["/admin/users", "/admin/registration", "/admin/audit"] {
            all.push(self.admin.get(list).await.is(200));
        }
        all
    }
}

/// A text of so many characters, unlike those of other lengths and fields.
fn text(field: Field, count: usize) -> String {
    let sign = match (field.of, field.name) {
        // One name for each who makes accounts.
        ("account", "username") => "a",
        (_, "client_ref" | "username") => "r",
        _ => "漢",
    };
    sign.repeat(count)
}

#[tokio::test]
async fn every_text_is_taken_at_its_limits() {
    let mut stage = Stage::new().await;
    for field in FIELDS {
        for count in [field.min, field.max] {
            let value = text(*field, count);
            // One name and one reference for each try.
            let answer = match field.of {
                "register" | "account" if field.name != "username" => {
                    let (who, method, path, mut body) = stage.request(field.of);
                    body["username"] = format!("{}-{}-{count}", field.of, field.name).into();
                    body[field.name] = value.clone().into();
                    who.call(method, &path, &body).await
                }
                "send" | "emoji" if field.name != "client_ref" => {
                    let (who, method, path, mut body) = stage.request(field.of);
                    body["client_ref"] = format!("{}-{count}", field.name).into();
                    body["content"][field.name.trim_start_matches("content.")] = value.clone().into();
                    who.call(method, &path, &body).await
                }
                _ => stage.with(*field, &value.clone().into()).await,
            };
            assert!((200..300).contains(&answer.status), "{} {} of {count}: {answer:?}", field.of, field.name);
            stage.again(*field, &value, &answer).await;
        }
    }
}

#[tokio::test]
async fn a_text_beyond_its_limits_or_of_another_type_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    let before = stage.everything().await;
    for field in FIELDS {
        let refused = async |value: Value, codes: &[&str]| {
            let answer = stage.with(*field, &value).await;
            answer.refused(422, "request.invalid");
            let broken = answer.broken_fields();
            assert_eq!(broken.len(), 1, "{} {broken:?}", field.of);
            // Of a content, a wrong type is told of the whole.
            let named = broken[0].0 == field.name || codes == ["type"] && broken[0].0 == "content";
            assert!(named, "{} {} {broken:?}", field.of, field.name);
            assert!(codes.contains(&broken[0].1.as_str()), "{} {broken:?} for {value}", field.of);
        };
        refused(text(*field, field.min - 1).into(), &["too_short", "password.too_short"]).await;
        refused(text(*field, field.max + 1).into(), &["too_long", "password.too_long"]).await;
        for value in [json!(1), json!(1.5), json!(true), json!([]), json!(["x"]), json!({}), json!({ "x": 1 })] {
            refused(value, &["type"]).await;
        }
        if field.required {
            refused(Value::Null, &["type"]).await;
        }
    }
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn a_text_with_characters_that_it_cannot_have_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    let before = stage.everything().await;
    let of = |name: &str| *FIELDS.iter().find(|field| field.name == name).unwrap();
    let control = ["a\nb", "a\0b", "a\u{7}b", "a\u{9f}b"];
    for name in ["nickname", "device", "status_text", "remark", "content.code"] {
        for field in FIELDS.iter().filter(|field| field.name == name) {
            for value in control {
                let answer = stage.with(*field, &value.into()).await;
                assert_eq!(answer.broken_fields(), [(name.into(), "control_character".into())], "{}", field.of);
            }
            let blank = stage.with(*field, &"   ".into()).await;
            assert_eq!(blank.broken_fields(), [(name.into(), "too_short".into())], "{}", field.of);
        }
    }
    for value in ["a b c", "a@b", "a/b", "abc\0", "ab\u{202e}c", "😀😀😀", "a\nbc"] {
        let answer = stage.with(of("username"), &value.into()).await;
        assert_eq!(answer.broken_fields(), [("username".into(), "invalid".into())], "{value:?}");
    }
    for value in ["a b", "é", "a/b", "a\n", "#", "\u{202e}"] {
        let answer = stage.with(of("client_ref"), &value.into()).await;
        assert_eq!(answer.broken_fields(), [("client_ref".into(), "invalid".into())], "{value:?}");
    }
    for value in ["1899-12-31", "2101-01-01", "2001-02-29", "2000-2-9", "", "now", "2000-01-01T00:00:00Z"] {
        for of in ["profile", "register"] {
            let answer = stage.with(field(of, "birth_date", (1, 1)), &value.into()).await;
            assert_eq!(answer.broken_fields(), [("birth_date".into(), "invalid".into())], "{value:?}");
        }
    }
    for kind in ["image", "system", "", "TEXT", "text "] {
        let (ann, method, path, mut body) = stage.request("send");
        body["content"]["kind"] = kind.into();
        let answer = ann.call(method, &path, &body).await;
        answer.refused(422, "request.invalid");
        assert!(answer.broken_fields()[0].0.starts_with("content"), "{answer:?}");
    }
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn every_broken_field_is_named_at_once() {
    let stage = Stage::new().await;
    let wish = json!({ "username": "?", "password": "p", "nickname": "", "birth_date": "x", "device": "" });
    let answer = stage.server.stranger().post("/auth/register", &wish).await;
    let names: Vec<_> = answer.broken_fields().into_iter().map(|(name, _)| name).collect();
    for field in ["username", "nickname", "birth_date", "device"] {
        assert!(names.contains(&field.to_owned()), "{names:?}");
    }
}

#[tokio::test]
async fn what_is_missing_unknown_or_said_twice_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    let before = stage.everything().await;
    let mut all: Vec<&str> = FIELDS.iter().map(|field| field.of).chain(OTHERS.iter().copied()).collect();
    all.dedup();
    for of in all {
        let (who, method, path, sound) = stage.request(of);
        let raw = async |body: String| {
            Answer::to(who.request(method.clone(), &path).header("content-type", "application/json").body(body)).await
        };
        for name in sound.as_object().unwrap().keys() {
            let mut body = sound.clone();
            body.as_object_mut().unwrap().remove(name);
            let answer = raw(body.to_string()).await;
            assert_eq!(answer.broken_fields(), [(name.clone(), "required".into())], "{of}");
        }
        let mut body = sound.clone();
        body["unknown"] = json!(1);
        let answer = raw(body.to_string()).await;
        answer.refused(422, "request.unknown_field");
        assert_eq!(answer.broken_fields()[0].0, "unknown", "{of}");

        let inside = sound.to_string();
        let inside = inside.trim_start_matches('{').trim_end_matches('}');
        let inside = if of == "send" || of == "emoji" { format!("{inside}}}") } else { inside.to_owned() };
        let comma = if inside.is_empty() { "" } else { "," };
        for twice in [r#""a":1,"a":1"#, r#""a":1,"\u0061":2"#] {
            raw(format!("{{{inside}{comma}{twice}}}")).await.refused(400, "request.malformed");
        }
        let deep = format!(r#"{{{inside}{comma}"deep":{}{}}}"#, "[".repeat(40), "]".repeat(40));
        raw(deep).await.refused(400, "request.malformed");
        for malformed in ["", "{", "}", "nul", "{\"a\":}", "{'a':1}", "{\"a\":1,}", "{\"a\":01}", "\u{feff}{}", "{} {}"]
        {
            raw(malformed.into()).await.refused(400, "request.malformed");
        }
        for other in ["[]", "1", "null", "\"text\"", "true", "[{}]"] {
            raw(other.into()).await.refused(422, "request.invalid");
        }
        let bytes = who.request(method.clone(), &path).header("content-type", "application/json");
        Answer::to(bytes.body(b"{\"a\":\"\xff\"}".to_vec())).await.refused(400, "request.malformed");
        let large = format!(r#"{{{inside}{comma}"large":"{}"}}"#, "x".repeat(70_000));
        let answer = raw(large).await;
        answer.refused(413, "request.too_large");
        assert_eq!(answer.header("connection"), "close", "what was not read ends the connection, and that is said");
        assert_eq!(raw("{".into()).await.header("connection"), "", "what was read does not");
        for kind in ["text/plain", "application/xml", "multipart/form-data", "application/json; charset=latin1"] {
            let call = who.request(method.clone(), &path).header("content-type", kind).body(sound.to_string());
            let answer = Answer::to(call).await;
            answer.refused(415, "request.unsupported_media_type");
            assert_eq!(answer.header("connection"), "close");
        }
    }
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn an_id_that_names_nothing_is_not_found_and_changes_nothing() {
    let stage = Stage::new().await;
    let before = stage.everything().await;
    let ann = &stage.ann;
    let ids = [
        "0",
        "-1",
        "-0",
        "1.0",
        "1e3",
        "+1",
        "01",
        "9007199254740992",
        "99999999999999999999",
        "x",
        "%20",
        "null",
        "１",
    ];
    for id in ids {
        let calls = [
            (Method::GET, format!("/users/{id}")),
            (Method::PATCH, format!("/friends/{id}")),
            (Method::DELETE, format!("/friends/{id}")),
            (Method::PUT, format!("/blocks/{id}")),
            (Method::DELETE, format!("/blocks/{id}")),
            (Method::POST, format!("/friend-requests/{id}/accept")),
            (Method::POST, format!("/friend-requests/{id}/reject")),
            (Method::DELETE, format!("/friend-requests/{id}")),
            (Method::DELETE, format!("/me/sessions/{id}")),
            (Method::GET, format!("/rooms/{}/entries/{id}", stage.room)),
            (Method::GET, format!("/rooms/p:{id}:{}", ann.id)),
        ];
        for (method, path) in calls {
            Answer::to(ann.request(method, &path)).await.refused(404, "resource.not_found");
        }
    }
    for (id, status, code) in [
        (json!(0), 404, "resource.not_found"),
        (json!(-1), 404, "resource.not_found"),
        (json!(9_007_199_254_740_992_i64), 404, "resource.not_found"),
        (json!(u64::MAX), 422, "request.invalid"),
        (json!(1.5), 422, "request.invalid"),
        (json!("1"), 422, "request.invalid"),
        (json!(null), 422, "request.invalid"),
    ] {
        ann.post("/friend-requests", &json!({ "user_id": id })).await.refused(status, code);
    }
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn a_cursor_fits_only_the_list_and_the_person_it_was_made_for() {
    let stage = Stage::new().await;
    let ann = &stage.ann;
    befriend(ann, &stage.dora).await;
    let cursor = ann.get("/friends?limit=1").await.is(200)["next"].as_str().unwrap().to_owned();
    ann.get(&format!("/friends?cursor={cursor}")).await.is(200);
    stage.ben.get(&format!("/friends?cursor={cursor}")).await.refused(422, "cursor.invalid");
    let lists =
        ["/friends", "/blocks", "/friend-requests?direction=in", "/friend-requests?direction=out", "/users?nickname=a"];
    let mut flipped = cursor.clone().into_bytes();
    flipped[3] ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    for list in lists {
        let join = if list.contains('?') { '&' } else { '?' };
        let wrong = ["x", "", "AAAAAAAAAAAAAAAAAAAA", &cursor[1..], flipped.as_str(), &"x".repeat(1000)];
        for wrong in wrong.into_iter().chain((list != "/friends").then_some(cursor.as_str())) {
            ann.get(&format!("{list}{join}cursor={wrong}")).await.refused(422, "cursor.invalid");
        }
        for limit in ["0", "101", "-1", "x", "1.5", "", "99999999999"] {
            let answer = ann.get(&format!("{list}{join}limit={limit}")).await;
            answer.refused(422, "request.invalid");
            assert_eq!(answer.broken_fields()[0].0, "limit", "{list} {limit}");
        }
    }
    ann.get("/friend-requests?direction=up").await.refused(422, "request.invalid");
}
