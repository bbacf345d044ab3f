//! Tokens: which of them open what, and what a refresh buys.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Answer, Client, Person, Profile, Server, Socket, eventually};

async fn refresh(client: &Client, token: &str) -> Answer {
    client.post("/auth/refresh", &json!({ "refresh_token": token })).await
}

/// The token with one bit of one character changed, for every character that allows it.
fn one_bit_flipped(token: &str) -> Vec<String> {
    let flipped = |at: usize| {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8(bytes).ok().filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
    };
    (0..token.len()).filter_map(flipped).collect()
}

/// A JSON web token that is signed by nobody.
const UNSIGNED: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.";

/// At once where there is one node; every other one knows within a second.
async fn must_log_in(person: &Client, token: &str) {
    let mut answer = person.bearer(token).get("/me").await;
    let patience = Instant::now() + Duration::from_millis(if Profile::here() == Profile::Cluster { 1200 } else { 0 });
    while answer.status != 401 && Instant::now() < patience {
        answer = person.bearer(token).get("/me").await;
    }
    answer.refused(401, "auth.required");
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
}

#[tokio::test]
async fn only_a_whole_access_token_opens_the_api() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let mut wrong = one_bit_flipped(&ann.access);
    assert!(wrong.len() > 40);
    wrong.extend([ann.refresh.clone(), ann.ticket().await, UNSIGNED.into(), "x".into(), "x".repeat(10_000)]);
    wrong.push(format!("{0}{0}", ann.access));
    for token in wrong {
        must_log_in(&ann, &token).await;
    }
    ann.anonymous().get("/me").await.refused(401, "auth.required");
    let basic =
        ann.anonymous().request(reqwest::Method::GET, "/me").header("authorization", format!("Basic {}", ann.access));
    Answer::to(basic).await.refused(401, "auth.required");
    // Not in the URL either.
    let url = format!("/me?access_token={0}&token={0}", ann.access);
    let answer = ann.anonymous().get(&url).await;
    assert!([401, 422].contains(&answer.status), "{answer:?}");
    ann.get("/me").await.is(200);
}

#[tokio::test]
async fn only_a_whole_access_token_or_a_ticket_opens_a_socket() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let mut wrong = one_bit_flipped(&ann.access);
    wrong.truncate(8);
    wrong.extend([ann.refresh.clone(), ann.ticket().await, UNSIGNED.into(), "x".repeat(10_000)]);
    for token in wrong {
        let refused = Socket::with_token(server.base(), &token).await.err().expect("no socket");
        assert_eq!(refused.problem(), (401, "auth.required".into()));
    }
    let socket = Socket::with_token(server.base(), &ann.access).await.unwrap();
    assert_eq!(socket.hello()["session"], ann.session);
}

#[tokio::test]
async fn only_a_whole_refresh_token_buys_a_session() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let mut wrong = one_bit_flipped(&ann.refresh);
    wrong.extend([ann.access.clone(), ann.ticket().await, UNSIGNED.into(), String::new(), "x".repeat(10_000)]);
    for token in wrong {
        refresh(&server.stranger(), &token).await.refused(401, "auth.refresh_invalid");
    }
    refresh(&server.stranger(), &ann.refresh).await.is(200);
}

#[tokio::test]
async fn an_access_token_expires_and_its_socket_lives_on_with_the_session() {
    let server = Server::with(&[("auth.access_seconds", "2")]).await;
    let ann = server.person("ann").await;
    let mut socket = ann.socket().await;
    eventually("the token expires", async || (ann.get("/me").await.status == 401).then_some(())).await;
    must_log_in(&ann, &ann.access).await;
    assert!(Socket::with_token(server.base(), &ann.access).await.is_err());
    let session = refresh(&server.stranger(), &ann.refresh).await.is(200)["session"].clone();
    assert_eq!(session["id"], ann.session, "a refresh goes on with the session");
    let ann = ann.with_session(&session);
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    assert_eq!(socket.event_of("profile.changed").await["data"]["nickname"], "Annie");
}

#[tokio::test]
async fn twenty_equal_refreshes_at_once_get_one_answer() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (client, token) = (server.stranger(), ann.refresh.clone());
        calls.spawn(async move { refresh(&client, &token).await.is(200) });
    }
    let answers: Vec<Value> = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    // An answer that got lost on the way is asked for again.
    assert_eq!(refresh(&server.stranger(), &ann.refresh).await.is(200), answers[0]);
    let next = ann.with_session(&answers[0]["session"]);
    assert_ne!((&next.access, &next.refresh), (&ann.access, &ann.refresh));
    next.get("/me").await.is(200);
    refresh(&server.stranger(), &next.refresh).await.is(200);
}

/// Somebody who has refreshed once, with a token of each generation.
async fn refreshed(server: &Server) -> (Person, Person) {
    let old = server.person("ann").await;
    let new = old.with_session(&refresh(&server.stranger(), &old.refresh).await.is(200)["session"]);
    (old, new)
}

#[tokio::test]
async fn the_old_access_token_dies_when_the_new_one_is_used() {
    let server = Server::start().await;
    let (old, new) = refreshed(&server).await;
    old.get("/me").await.is(200);
    new.get("/me").await.is(200);
    eventually("the old token dies", async || (old.get("/me").await.status == 401).then_some(())).await;
    must_log_in(&new, &old.access).await;
    new.get("/me").await.is(200);
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_after_its_successor_was_used_ends_the_session() {
    let server = Server::start().await;
    let (old, new) = refreshed(&server).await;
    let other = new.log_in("tablet").await;
    let (mut socket, mut other_socket) = (new.socket().await, other.socket().await);
    new.get("/me").await.is(200);
    refresh(&server.stranger(), &old.refresh).await.refused(401, "auth.refresh_invalid");
    must_log_in(&new, &new.access).await;
    must_log_in(&new, &old.access).await;
    refresh(&server.stranger(), &new.refresh).await.refused(401, "auth.refresh_invalid");
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(other_socket.event_of("session.revoked").await["data"]["id"], new.session);
    other.get("/me").await.is(200);
}

#[tokio::test]
async fn using_the_new_refresh_token_also_ends_the_grace_of_the_old_one() {
    let server = Server::start().await;
    let (old, new) = refreshed(&server).await;
    let third = new.with_session(&refresh(&server.stranger(), &new.refresh).await.is(200)["session"]);
    // A thief with the first token: nobody can tell who is who, so the session ends for both.
    refresh(&server.stranger(), &old.refresh).await.refused(401, "auth.refresh_invalid");
    assert_eq!(third.get("/me").await.status, 200, "a token of two generations ago is not known any more");
}

#[tokio::test]
async fn tokens_survive_a_crash_and_a_lost_answer_too() {
    let mut server = Server::start().await;
    let (old, new) = refreshed(&server).await;
    server.kill();
    server.restart().await;
    let again = refresh(&server.stranger(), &old.refresh).await.is(200);
    assert_eq!(again["session"]["access_token"], new.access, "the same answer as before the crash");
    new.get("/me").await.is(200);
}
