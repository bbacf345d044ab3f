//! Accounts: registering, logging in, and what happens to passwords.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Answer, Client, Server, contains, eventually};

const PASSWORD: &str = "a fine long password";

async fn register(client: &Client, username: &str, password: &str) -> Answer {
    client.post("/auth/register", &json!({ "username": username, "password": password })).await
}

async fn log_in(client: &Client, username: &str, password: &str) -> Answer {
    client.post("/auth/login", &json!({ "username": username, "password": password })).await
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_registration_answers_the_account_and_a_session_that_works_at_once() {
    let server = Server::start().await;
    let wish = json!({ "username": "Ann", "password": PASSWORD, "nickname": " Annie ", "birth_date": "2000-02-29" });
    let made = server.stranger().post("/auth/register", &wish).await.is(201);
    let user = &made["user"];
    assert_eq!(keys(user), ["birth_date", "created_at", "id", "nickname", "role", "status", "username"]);
    assert_eq!(user["username"], "Ann");
    assert_eq!(user["nickname"], "Annie");
    assert_eq!(user["birth_date"], "2000-02-29");
    assert_eq!((&user["role"], &user["status"]), (&json!("user"), &json!("online")));
    assert_eq!(keys(&made["session"]), ["access_token", "expires_at", "id", "refresh_token"]);
    let ann = server.stranger().bearer(made["session"]["access_token"].as_str().unwrap());
    assert_eq!(&ann.get("/me").await.is(200), user);

    let ben = register(&server.stranger(), "ben", PASSWORD).await.is(201);
    assert_eq!(ben["user"]["nickname"], "ben", "without a nickname it is the user name");
    assert!(ben["user"]["id"].as_i64() > user["id"].as_i64());
}

#[tokio::test]
async fn of_fifty_who_want_one_name_at_once_one_gets_it() {
    let server = Server::start().await;
    let mut wishes = JoinSet::new();
    for at in 0..50 {
        let client = server.stranger();
        // Spellings that are one name.
        let name = ["Carol", "carol", "CAROL", "ｃａｒｏｌ"][at % 4];
        // On a busy machine who waits too long for his password is told to come again.
        wishes.spawn(eventually("a name or none", async move || {
            Some(register(&client, name, PASSWORD).await).filter(|answer| answer.status != 503)
        }));
    }
    let answers = wishes.join_all().await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.refused(409, "auth.username_taken");
    }
    let made = made[0].json();
    let known = log_in(&server.stranger(), "carol", PASSWORD).await.is(200);
    assert_eq!(known["user"], made["user"]);
    register(&server.stranger(), "cArOl", PASSWORD).await.refused(409, "auth.username_taken");
}

#[tokio::test]
async fn each_rule_for_passwords_is_named() {
    let server = Server::start().await;
    let refusals = [
        ("1234567", "password.too_short"),
        (&"x".repeat(129), "password.too_long"),
        ("12345678", "password.common"),
        ("PASSWORD", "password.common"),
        ("it is dORA herself", "password.contains_username"),
    ];
    for (password, rule) in refusals {
        let answer = register(&server.stranger(), "dora", password).await;
        answer.refused(422, "request.invalid");
        assert_eq!(answer.broken_fields(), [("password".into(), rule.into())]);
        assert!(!String::from_utf8_lossy(&answer.body).contains(password), "a password is not repeated");
    }
    let sixty_four = "correct horse battery staple and some more words up to sixtyfour";
    assert_eq!(sixty_four.len(), 64);
    let good = ["8 chars!", sixty_four, &"x".repeat(128), "пароль из слов", "密碼要有八個字元"];
    for (at, password) in good.into_iter().enumerate() {
        let name = format!("dora-{at}");
        register(&server.stranger(), &name, password).await.is(201);
        log_in(&server.stranger(), &name, password).await.is(200);
    }
    log_in(&server.stranger(), "dora", "12345678").await.refused(401, "auth.invalid_credentials");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_alike_and_take_as_long() {
    // A name and an address of its own for each try, so that no throttle steps in.
    let server = Server::with(&[("server.trusted_proxies", "127.0.0.1")]).await;
    let stranger = server.stranger();
    let try_in = async |name: &str, at: usize| {
        let call = stranger.request(Method::POST, "/auth/login").header("x-forwarded-for", format!("192.0.2.{at}"));
        Answer::to(call.json(&json!({ "username": name, "password": "a wrong long password" }))).await
    };
    let mut answers = Vec::new();
    let mut fastest = [Duration::MAX; 2];
    // The cost of the hash is paid for both; a look-up alone takes a tenth of it.
    let alike = |[known, unknown]: [Duration; 2]| unknown * 3 > known;
    // In turns, so that both meet the machine in the same mood; the fastest try says what the work costs. Beside others it
    // may take many until one was not held up.
    for at in 0..50 {
        if at >= 8 && alike(fastest) {
            break;
        }
        for (kind, fastest) in ["known", "unknown"].into_iter().zip(&mut fastest) {
            let name = format!("{kind}-{at}");
            if kind == "known" {
                register(&stranger, &name, PASSWORD).await.is(201);
            }
            let begun = Instant::now();
            let answer = try_in(&name, at).await;
            *fastest = begun.elapsed().min(*fastest);
            let mut problem = answer.refused(401, "auth.invalid_credentials");
            problem["request_id"].take();
            answers.push(problem);
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    assert!(alike(fastest), "{fastest:?}");
    assert!(fastest.iter().all(|time| *time > Duration::from_millis(5)), "{fastest:?}");
}

#[tokio::test]
async fn passwords_and_tokens_are_stored_as_hashes_only_and_never_answered() {
    let server = Server::start().await;
    // Words that stand nowhere else.
    let password = "zebra crossing at dawn";
    let mut bodies = Vec::new();
    let mut tokens = Vec::new();
    for name in ["ann", "ben"] {
        let made = register(&server.stranger(), name, password).await;
        let known = log_in(&server.stranger(), name, password).await;
        for answer in [&made, &known] {
            let session = answer.json()["session"].clone();
            tokens.extend(["access_token", "refresh_token"].map(|token| session[token].as_str().unwrap().to_owned()));
        }
        let client = server.stranger().bearer(tokens.last_chunk::<2>().unwrap().first().unwrap());
        let ticket = client.act("/ws/tickets").await.is(201)["ticket"].as_str().unwrap().to_owned();
        bodies.extend([made.json()["user"].to_string(), known.json()["user"].to_string()]);
        for path in ["/me", "/me/sessions", "/users/1", "/users?nickname=a"] {
            bodies.push(client.get(path).await.is(200).to_string());
        }
        tokens.push(ticket);
    }
    let stored = server.everything().await;
    for secret in tokens.iter().map(String::as_str).chain([password]) {
        assert!(!bodies.iter().any(|body| body.contains(secret)), "{secret} was answered");
        assert!(!contains(&stored, secret), "{secret} is stored");
    }
    assert!(!bodies.iter().any(|body| body.contains("argon2") || body.contains("hash")), "{bodies:?}");
    assert!(contains(&stored, "$argon2id$v=19$m=19456,t=2,p=1$"), "passwords are hashed with argon2id");
}

#[tokio::test]
async fn a_closed_registration_refuses_newcomers_and_lets_the_others_in() {
    let mut server = Server::start().await;
    let ann = server.person("ann").await;
    server.set("auth.registration", "closed");
    server.kill();
    server.restart().await;
    register(&server.stranger(), "ben", PASSWORD).await.refused(403, "auth.registration_closed");
    ann.log_in("phone").await.get("/me").await.is(200);
    assert_eq!(server.stranger().get("/meta").await.is(200)["registration"]["open"], false);
}
