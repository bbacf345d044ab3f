//! The second factor.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Answer, Authenticator, Client, Person, Server, within};

async fn log_in(client: &Client, person: &Person, code: Option<&str>) -> Answer {
    let mut wish = json!({ "username": person.name, "password": person.password });
    if let Some(code) = code {
        wish["totp"] = json!(code);
    }
    client.anonymous().post("/auth/login", &wish).await
}

async fn enrol(person: &Person) -> Value {
    person.post("/me/totp", &json!({ "password": person.password })).await.is(200)
}

/// Switches the second factor on; with the step that was used, and the recovery codes.
async fn switch_on(person: &Person) -> (Authenticator, i64, Vec<String>) {
    let authenticator = Authenticator::new(&enrol(person).await["secret"]);
    let step = Authenticator::now();
    let answer = person.post("/me/totp/confirm", &json!({ "code": authenticator.code(step) })).await.is(200);
    let codes = answer["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
    let codes: Vec<_> = codes.collect();
    (authenticator, step, codes)
}

#[tokio::test]
async fn once_it_is_confirmed_a_log_in_wants_a_code_and_takes_each_once() {
    // More wrong codes than a log-in is let try without a captcha.
    let server = Server::with(&[("auth.captcha_after", "100"), ("auth.lock_after", "100")]).await;
    let ann = server.person("ann").await;
    let enrolment = enrol(&ann).await;
    let secret = enrolment["secret"].as_str().unwrap();
    assert_eq!(enrolment["uri"], format!("otpauth://totp/Jim:ann?secret={secret}&issuer=Jim"));
    let image = enrolment["image"].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
    assert!(STANDARD.decode(image).unwrap().starts_with(b"\x89PNG"));
    log_in(&ann, &ann, None).await.is(200);
    assert!(ann.get("/me").await.is(200).get("totp").is_none(), "not before it is confirmed");

    let authenticator = Authenticator::new(&enrolment["secret"]);
    let step = Authenticator::now();
    let confirm = async |code: &str| ann.post("/me/totp/confirm", &json!({ "code": code })).await;
    for wrong in ["000000x", "", &authenticator.code(step - 5)] {
        confirm(wrong).await.refused(422, "totp.code_invalid");
    }
    let codes = confirm(&authenticator.code(step)).await.is(200)["recovery_codes"].clone();
    assert_eq!(codes.as_array().unwrap().len(), 10);
    confirm(&authenticator.code(step + 1)).await.refused(422, "totp.code_invalid");
    assert_eq!(ann.get("/me").await.is(200)["totp"], true);
    ann.post("/me/totp", &json!({ "password": ann.password })).await.refused(409, "totp.active");

    log_in(&ann, &ann, None).await.refused(401, "auth.totp_required");
    let wrong_password = json!({ "username": "ann", "password": "a wrong long password" });
    ann.anonymous().post("/auth/login", &wrong_password).await.refused(401, "auth.invalid_credentials");
    for wrong in ["123", "", "abcdef", &authenticator.code(step - 5), &authenticator.code(step)] {
        log_in(&ann, &ann, Some(wrong)).await.refused(401, "auth.invalid_credentials");
    }
    let next = authenticator.code(step + 1);
    // Of many at once with one code, one gets in.
    let mut tries = JoinSet::new();
    for _ in 0..10 {
        let (ann, next) = (ann.clone(), next.clone());
        tries.spawn(async move { log_in(&ann, &ann, Some(&next)).await.status });
    }
    let statuses = tries.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    log_in(&ann, &ann, Some(&next)).await.refused(401, "auth.invalid_credentials");
    // Whoever is logged in stays so.
    ann.get("/me").await.is(200);
}

#[tokio::test]
async fn a_recovery_code_stands_for_a_lost_authenticator_once() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let (_, _, codes) = switch_on(&ann).await;
    let (_, _, of_ben) = switch_on(&ben).await;
    let distinct: std::collections::BTreeSet<_> = codes.iter().chain(&of_ben).collect();
    assert_eq!(distinct.len(), 20);
    log_in(&ann, &ann, Some(&of_ben[0])).await.refused(401, "auth.invalid_credentials");
    log_in(&ann, &ann, Some(&codes[0])).await.is(200);
    log_in(&ann, &ann, Some(&codes[0])).await.refused(401, "auth.invalid_credentials");
    log_in(&ann, &ann, Some(&codes[9].replace('-', " ").to_lowercase())).await.is(200);
    let stored = server.everything().await;
    for code in &codes {
        assert!(!crate::support::contains(&stored, &code.replace('-', "")), "stored as a hash only");
    }
}

#[tokio::test]
async fn it_is_switched_off_by_the_password_alone() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let wrong = json!({ "password": "a wrong long password" });
    ann.post("/me/totp", &wrong).await.refused(403, "auth.wrong_password");
    let (_, _, codes) = switch_on(&ann).await;
    ann.call(Method::DELETE, "/me/totp", &wrong).await.refused(403, "auth.wrong_password");
    assert_eq!(ann.delete("/me/totp").await.status, 422);
    let right = json!({ "password": ann.password });
    for _ in 0..2 {
        ann.call(Method::DELETE, "/me/totp", &right).await.is(204);
    }
    log_in(&ann, &ann, None).await.is(200);
    assert!(ann.get("/me").await.is(200).get("totp").is_none());
    // A new key has nothing of the old one.
    switch_on(&ann).await;
    log_in(&ann, &ann, Some(&codes[1])).await.refused(401, "auth.invalid_credentials");
    log_in(&ann, &ann, None).await.refused(401, "auth.totp_required");
}

#[tokio::test]
async fn a_key_that_was_not_confirmed_gives_way_to_the_next() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let (first, second) = (enrol(&ann).await, enrol(&ann).await);
    assert_ne!(first["secret"], second["secret"]);
    let code = |enrolment: &Value| Authenticator::new(&enrolment["secret"]).code(Authenticator::now());
    ann.post("/me/totp/confirm", &json!({ "code": code(&first) })).await.refused(422, "totp.code_invalid");
    within(std::time::Duration::from_secs(5), "the second is confirmed", async || {
        (ann.post("/me/totp/confirm", &json!({ "code": code(&second) })).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn codes_bear_few_guesses_from_wherever_they_come_and_recovery_codes_still_open() {
    let proxy = ("server.trusted_proxies", "127.0.0.1");
    let server = Server::with(&[proxy, ("auth.lock_after", "3"), ("auth.captcha_after", "100")]).await;
    let ann = server.person("ann").await;
    let (authenticator, step, recovery) = switch_on(&ann).await;
    let knock = async |from: usize, code: &str| {
        let wish = json!({ "username": ann.name, "password": ann.password, "totp": code });
        let call = ann.anonymous().request(Method::POST, "/auth/login");
        Answer::to(call.header("x-forwarded-for", format!("192.0.2.{from}")).json(&wish)).await
    };
    for from in 1..=6 {
        knock(from, &authenticator.code(step - 9)).await.refused(401, "auth.invalid_credentials");
    }
    let locked = knock(7, &authenticator.code(step + 1)).await;
    locked.refused(429, "auth.locked");
    assert!(locked.header("retry-after").parse::<u64>().unwrap() > 0, "{locked:?}");
    knock(8, &recovery[0]).await.is(200);
    // Whoever does not know the password keeps nobody out.
    let ben = server.person("ben").await;
    let (theirs, step, _) = switch_on(&ben).await;
    for from in 1..=9 {
        let wish = json!({ "username": ben.name, "password": "not the right password", "totp": "123456" });
        let call = ben.anonymous().request(Method::POST, "/auth/login");
        Answer::to(call.header("x-forwarded-for", format!("198.51.100.{from}")).json(&wish)).await.is(401);
    }
    log_in(&ben, &ben, Some(&theirs.code(step + 1))).await.is(200);
}

#[tokio::test]
async fn what_is_told_of_oneself_is_whole_whatever_was_changed() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    switch_on(&ann).await;
    let me = ann.set_status("away").await.is(200);
    assert_eq!((&me["status"], &me["totp"]), (&json!("away"), &json!(true)));
    assert_eq!(me, ann.get("/me").await.is(200));
}
