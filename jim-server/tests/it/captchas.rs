//! Captchas: at registration, and whatever is tried with them.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use crate::support::{Answer, Client, Server, Socket};

const PASSWORD: &str = "a fine long password";
const ANSWER: &str = "zebra crossing";

/// A captcha of a kind.
pub(crate) async fn ask(client: &Client, kind: &str) -> Value {
    client.post("/auth/captcha", &json!({ "kind": kind })).await.is(201)
}

/// The answer to a piece of work, as the page for clients says that it is found.
fn solve(captcha: &Value) -> Value {
    let challenge = &captcha["challenge"];
    let (nonce, bits) = (challenge["nonce"].as_str().unwrap(), challenge["zero_bits"].as_u64().unwrap());
    let begun = Sha256::new_with_prefix(format!("{nonce}:"));
    let is_found = |answer: &u64| {
        let hash = begun.clone().chain_update(answer.to_string()).finalize();
        let first = u64::from_be_bytes(hash[..8].try_into().unwrap());
        u64::from(first.leading_zeros()) >= bits
    };
    let answer = (0..=u64::MAX).find(is_found).unwrap();
    json!({ "id": captcha["id"], "answer": answer.to_string() })
}

async fn register(client: &Client, name: &str, captcha: &Value) -> Answer {
    let wish = json!({ "username": name, "password": PASSWORD, "captcha": captcha });
    client.post("/auth/register", &wish).await
}

async fn strict() -> Server {
    Server::with(&[("captcha.registration", "true"), ("captcha.test_answer", ANSWER)]).await
}

#[tokio::test]
async fn registration_wants_a_captcha_where_it_is_so_configured_and_takes_each_once() {
    let server = strict().await;
    let stranger = server.stranger();
    let meta = stranger.get("/meta").await.is(200);
    assert_eq!(meta["registration"], json!({ "open": true, "captcha": true }));
    assert_eq!(meta["captcha_kinds"], json!(["image", "proof_of_work"]));
    let wish = json!({ "username": "ann", "password": PASSWORD });
    stranger.post("/auth/register", &wish).await.refused(422, "captcha.required");
    register(&stranger, "ann", &Value::Null).await.refused(422, "captcha.required");

    let captcha = stranger.act("/auth/captcha").await.is(201);
    assert_eq!(captcha["kind"], "image", "the first kind is made for who names none");
    assert!(captcha["image"].as_str().unwrap().starts_with("data:image/png;base64,iVBOR"));
    assert!(captcha.get("challenge").is_none(), "{captcha}");
    let right = json!({ "id": captcha["id"], "answer": ANSWER });
    // What breaks a rule does not cost the captcha.
    let short = json!({ "username": "ann", "password": "short", "captcha": right });
    stranger.post("/auth/register", &short).await.refused(422, "request.invalid");
    let made = register(&stranger, "ann", &right).await.is(201);
    register(&stranger, "ben", &right).await.refused(422, "captcha.invalid");
    assert_eq!(made["user"]["username"], "ann");

    // A wrong answer is the one try too.
    let captcha = ask(&stranger, "image").await;
    let wrong = json!({ "id": captcha["id"], "answer": "AAAAA" });
    register(&stranger, "ben", &wrong).await.refused(422, "captcha.invalid");
    let right = json!({ "id": captcha["id"], "answer": ANSWER });
    register(&stranger, "ben", &right).await.refused(422, "captcha.invalid");
    // A taken name costs it as well: nobody looks up names for nothing.
    let captcha = solve(&ask(&stranger, "proof_of_work").await);
    register(&stranger, "ANN", &captcha).await.refused(409, "auth.username_taken");
    register(&stranger, "ben", &captcha).await.refused(422, "captcha.invalid");
    assert!(!server.printed().join("\n").contains("zebra"), "answers are in no log");
}

#[tokio::test]
async fn who_cannot_see_pictures_computes_something_and_only_the_very_thing_that_was_asked() {
    let server = Server::with(&[("captcha.registration", "true")]).await;
    let stranger = server.stranger();
    let (one, other) = (ask(&stranger, "proof_of_work").await, ask(&stranger, "proof_of_work").await);
    assert!(one.get("image").is_none(), "{one}");
    let solved = solve(&one);
    let crossed = json!({ "id": other["id"], "answer": solved["answer"] });
    register(&stranger, "ann", &crossed).await.refused(422, "captcha.invalid");
    register(&stranger, "ann", &solved).await.is(201);
    for answer in ["", "x", ANSWER, &"0".repeat(10_000)] {
        let captcha = json!({ "id": ask(&stranger, "image").await["id"], "answer": answer });
        register(&stranger, "ben", &captcha).await.refused(422, "captcha.invalid");
    }
}

#[tokio::test]
async fn of_twenty_who_answer_one_captcha_at_once_one_comes_in() {
    let server = strict().await;
    let captcha = ask(&server.stranger(), "image").await;
    let right = json!({ "id": captcha["id"], "answer": ANSWER });
    let mut calls = JoinSet::new();
    for at in 0..20 {
        let (client, right) = (server.stranger(), right.clone());
        calls.spawn(async move { register(&client, &format!("user-{at}"), &right).await });
    }
    let (made, refused): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.refused(422, "captcha.invalid");
    }
}

#[tokio::test]
async fn a_captcha_with_one_bit_flipped_or_a_token_in_its_place_is_none_and_costs_the_real_one_nothing() {
    let server = strict().await;
    let (stranger, captcha) = (server.stranger(), ask(&server.stranger(), "image").await);
    let id = captcha["id"].as_str().unwrap();
    let mut wrong: Vec<String> = Vec::new();
    for at in 0..id.len() {
        let mut bytes = id.as_bytes().to_vec();
        bytes[at] ^= 1;
        wrong.push(String::from_utf8(bytes).unwrap());
    }
    let made = register(&stranger, "ann", &json!({ "id": ask(&stranger, "image").await["id"], "answer": ANSWER }))
        .await
        .is(201);
    for token in ["access_token", "refresh_token"] {
        wrong.push(made["session"][token].as_str().unwrap().to_owned());
    }
    wrong.extend([
        String::new(),
        id[1..].to_owned(),
        format!("{id}A"),
        format!("{id}="),
        "\u{0}".into(),
        "x".repeat(50_000),
    ]);
    for id in wrong {
        let answer = register(&stranger, "ben", &json!({ "id": id, "answer": ANSWER })).await;
        answer.refused(422, "captcha.invalid");
    }
    // The other way round: a captcha opens nothing.
    stranger.bearer(id).get("/me").await.refused(401, "auth.required");
    stranger.post("/auth/refresh", &json!({ "refresh_token": id })).await.refused(401, "auth.refresh_invalid");
    assert!(Socket::with_token(server.base(), id).await.is_err());
    register(&stranger, "ben", &json!({ "id": id, "answer": ANSWER })).await.is(201);
}

#[tokio::test]
async fn an_unknown_kind_is_named_and_bad_bodies_are_refused() {
    let server = strict().await;
    let stranger = server.stranger();
    for kind in ["", "Image", "picture", "audio", "image\u{0}", &"x".repeat(10_000)] {
        let answer = stranger.post("/auth/captcha", &json!({ "kind": kind })).await;
        answer.refused(422, "request.invalid");
        assert_eq!(answer.broken_fields(), [("kind".into(), "unknown".into())]);
    }
    stranger.post("/auth/captcha", &json!({ "kind": 1 })).await.problem();
    stranger.post("/auth/captcha", &json!({ "sort": "image" })).await.refused(422, "request.unknown_field");
    for captcha in [json!("x"), json!({}), json!({ "id": 1, "answer": 2 }), json!({ "id": "x" })] {
        assert_eq!(register(&stranger, "ann", &captcha).await.problem()["status"], 422, "{captcha}");
    }
    let more = json!({ "id": "x", "answer": "y", "kind": "image" });
    register(&stranger, "ann", &more).await.refused(422, "request.unknown_field");
}
