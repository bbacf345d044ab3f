//! Failed log-ins: when a captcha is asked for, when a door is locked, and for whom.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use crate::captchas::ask;
use crate::support::{Answer, Client, Person, Server, eventually};

/// Behind a proxy that tests play, so that they can come from anywhere.
const PROXY: (&str, &str) = ("server.trusted_proxies", "127.0.0.1");
const OTHER_PASSWORD: &str = "not the right password";
/// Answers every captcha.
const ANSWER: (&str, &str) = ("captcha.test_answer", "zebra crossing");

struct Door {
    client: Client,
    from: &'static str,
    name: String,
}

impl Door {
    fn of(server: &Server, person: &Person, from: &'static str) -> Door {
        Door { client: server.stranger(), from, name: person.name.clone() }
    }

    async fn knock(&self, password: &str, captcha: Option<&Value>) -> Answer {
        let mut wish = json!({ "username": self.name, "password": password });
        if let Some(captcha) = captcha {
            wish["captcha"] = captcha.clone();
        }
        let call = self.client.request(reqwest::Method::POST, "/auth/login").header("x-forwarded-for", self.from);
        Answer::to(call.json(&wish)).await
    }

    async fn captcha(&self) -> Value {
        json!({ "id": ask(&self.client, "image").await["id"], "answer": ANSWER.1 })
    }
}

#[tokio::test]
async fn after_three_failures_a_captcha_opens_the_door_for_the_owner_alone() {
    let server = Server::with(&[PROXY, ANSWER]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let door = Door::of(&server, &ann, "192.0.2.1");
    for n in 1..=3 {
        let refused = door.knock(OTHER_PASSWORD, None).await.refused(401, "auth.invalid_credentials");
        assert_eq!(refused.get("captcha_required"), (n == 3).then_some(&json!(true)), "{refused}");
    }
    for password in [&*ann.password, OTHER_PASSWORD] {
        door.knock(password, None).await.refused(403, "auth.captcha_required");
    }
    let wrong = json!({ "id": ask(&door.client, "image").await["id"], "answer": "x" });
    door.knock(&ann.password, Some(&wrong)).await.refused(422, "captcha.invalid");
    // Nobody else is concerned: not another account, not another address. Another spelling is the same account.
    Door::of(&server, &ben, "192.0.2.1").knock(&ben.password, None).await.is(200);
    Door::of(&server, &ann, "192.0.2.2").knock(&ann.password, None).await.is(200);
    let shouted = Door { name: "ANN".into(), ..Door::of(&server, &ann, "192.0.2.1") };
    shouted.knock(&ann.password, None).await.refused(403, "auth.captcha_required");
    let captcha = door.captcha().await;
    door.knock(&ann.password, Some(&captcha)).await.is(200);
    // The right password takes the failures away.
    door.knock(OTHER_PASSWORD, None).await.refused(401, "auth.invalid_credentials");
    door.knock(&ann.password, None).await.is(200);
}

#[tokio::test]
async fn after_five_failures_one_account_is_locked_for_one_address_and_opens_by_itself() {
    let server = Server::with(&[PROXY, ANSWER, ("auth.lock_seconds", "8")]).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let door = Door::of(&server, &ann, "2001:db8:1:2::1");
    for n in 1..=5 {
        let captcha = if n > 3 { Some(door.captcha().await) } else { None };
        door.knock(OTHER_PASSWORD, captcha.as_ref()).await.refused(401, "auth.invalid_credentials");
    }
    for captcha in [None, Some(door.captcha().await)] {
        let locked = door.knock(&ann.password, captcha.as_ref()).await;
        locked.refused(429, "auth.locked");
        assert!((1..=8).contains(&locked.header("retry-after").parse::<u64>().unwrap()), "{locked:?}");
    }
    // One customer has a /64; his neighbours have others.
    Door::of(&server, &ann, "2001:db8:1:2:ffff::9").knock(&ann.password, None).await.refused(429, "auth.locked");
    Door::of(&server, &ann, "2001:db8:1:3::1").knock(&ann.password, None).await.is(200);
    Door::of(&server, &ben, "2001:db8:1:2::1").knock(&ben.password, None).await.is(200);
    let opened = async || (door.knock(&ann.password, None).await.status == 200).then_some(());
    eventually("the lock ends though somebody rattles at the door", opened).await;
}

#[tokio::test]
async fn of_a_thousand_wrong_passwords_at_once_three_are_looked_at() {
    // The nodes of a cluster count together.
    let server = Server::with(&[PROXY]).await;
    let ann = server.person("ann").await;
    let mut calls = JoinSet::new();
    for caller in 0..100 {
        let door = Door::of(&server, &ann, "192.0.2.1");
        calls.spawn(async move {
            let mut answers = Vec::new();
            for n in 0..10 {
                answers.push(door.knock(&format!("{OTHER_PASSWORD} {caller} {n}"), None).await);
            }
            answers
        });
    }
    let answers = calls.join_all().await.concat();
    let tried = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(tried, 3, "the hash was computed for as many");
    for answer in answers.iter().filter(|answer| answer.status != 401) {
        match answer.status {
            403 => answer.refused(403, "auth.captcha_required"),
            _ => answer.refused(429, "auth.locked"),
        };
    }
    // The owner comes in by another door.
    Door::of(&server, &ann, "192.0.2.2").knock(&ann.password, None).await.is(200);
}

#[tokio::test]
async fn an_address_that_is_only_claimed_opens_nothing() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    for from in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        Door::of(&server, &ann, from).knock(OTHER_PASSWORD, None).await.refused(401, "auth.invalid_credentials");
    }
    for from in ["192.0.2.4", "127.0.0.1", "::1", "nonsense", ""] {
        Door::of(&server, &ann, from).knock(&ann.password, None).await.refused(403, "auth.captcha_required");
    }
}

#[tokio::test]
async fn names_that_nobody_has_are_counted_and_answered_like_those_that_somebody_has() {
    let server = Server::with(&[PROXY]).await;
    let ann = server.person("ann").await;
    let mut told: Vec<Vec<Value>> = Vec::new();
    for name in ["ann", "nobody", &"x".repeat(10_000), "\u{0}"] {
        let door = Door { name: name.to_owned(), ..Door::of(&server, &ann, "192.0.2.1") };
        let mut answers = Vec::new();
        for _ in 0..4 {
            let mut problem = door.knock(OTHER_PASSWORD, None).await.problem();
            problem["request_id"].take();
            answers.push(problem);
        }
        told.push(answers);
    }
    assert!(told.iter().all(|answers| *answers == told[0]), "{told:#?}");
}

#[tokio::test]
async fn who_hangs_up_has_not_failed() {
    let server = Server::with(&[("auth.captcha_after", "2"), ("auth.lock_after", "3")]).await;
    let ann = server.person("ann").await;
    let body = json!({ "username": ann.name, "password": ann.password }).to_string();
    for _ in 0..6 {
        let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: jim\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        // It is gone before its password is hashed.
        drop(stream);
    }
    let door = Door::of(&server, &ann, "192.0.2.1");
    let sessions = async || ann.get("/me/sessions").await.is(200)["items"].as_array().unwrap().len();
    let settled = async || (sessions().await > 1).then_some(());
    eventually("what they began is done", settled).await;
    eventually("the door is open", async || (door.knock(&ann.password, None).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn who_has_a_token_alone_does_not_guess_the_password() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let change = async |who: &Person, old: &str| {
        let wish = json!({ "old_password": old, "new_password": "another fine password" });
        who.call(reqwest::Method::PUT, "/me/password", &wish).await
    };
    for n in 0..10 {
        let refused = match n % 3 {
            0 => change(&ann, OTHER_PASSWORD).await,
            1 => ann.call(reqwest::Method::DELETE, "/me", &json!({ "password": OTHER_PASSWORD })).await,
            _ => ann.post("/me/totp", &json!({ "password": OTHER_PASSWORD })).await,
        };
        refused.refused(403, "auth.wrong_password");
    }
    let locked = change(&ann, &ann.password).await;
    locked.refused(429, "auth.locked");
    assert!(locked.header("retry-after").parse::<u64>().unwrap() > 0, "{locked:?}");
    change(&ben, &ben.password).await.is(204);
    Door::of(&server, &ann, "192.0.2.1").knock(&ann.password, None).await.is(200);
}
