//! A mail server that is down, slow or refuses: nothing waits for it, and nothing is lost.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{confirm, mail_is, server, wish};
use crate::support::{Mood, Person, Server, Sink, eventually, within};

/// Asks for a mail, which must not take long whatever the mail server does.
async fn wish_quickly(person: &Person, address: &str) {
    let begun = Instant::now();
    wish(person, address).await.is(202);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

async fn mail_becomes(server: &Server, state: &str) {
    within(Duration::from_mins(1), state, async || (mail_is(server).await == state).then_some(())).await;
    // Without mail a server is as ready as with it.
    let ready = server.stranger().get("//health/ready").await;
    assert_eq!((ready.status, &ready.json()["status"]), (200, &Value::from("up")));
}

#[tokio::test]
async fn a_mail_waits_while_the_mail_server_is_down_and_comes_when_it_is_back() {
    let mut sink = Sink::start().await;
    let server = server(&sink).await;
    mail_becomes(&server, "up").await;
    sink.stop().await;
    let ann = server.person("ann").await;
    wish_quickly(&ann, "ann@example.org").await;
    eventually("a try that failed", async || server.log("mail.failed").pop()).await;
    mail_becomes(&server, "down").await;
    sink.restart();
    confirm(&ann, &sink.code("ann@example.org", 1).await).await.is(204);
    mail_becomes(&server, "up").await;
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn a_mail_that_is_refused_or_cut_off_is_tried_again() {
    let sink = Sink::in_mood(Mood::Refuses).await;
    let server = server(&sink).await;
    let ann = server.person("ann").await;
    for (at, mood) in [Mood::Refuses, Mood::Rejects, Mood::HangsUp].into_iter().enumerate() {
        sink.set(mood);
        let address = format!("ann-{at}@example.org");
        wish_quickly(&ann, &address).await;
        eventually("a try that failed", async || (server.log("mail.failed").len() > at).then_some(())).await;
        sink.set(Mood::Takes);
        confirm(&ann, &sink.code(&address, 1).await).await.is(204);
        assert_eq!(ann.get("/me").await.is(200)["email"], address);
    }
    let failed = server.log("mail.failed");
    assert!(failed.iter().any(|line| line["error.cause"] == "the mail server refused with 550"), "{failed:#?}");
    assert!(!server.printed().iter().any(|line| line.contains("ann-")), "no address is logged");
}

#[tokio::test]
async fn a_mail_server_that_says_nothing_holds_up_nobody() {
    let sink = Sink::in_mood(Mood::Silent).await;
    let server = server(&sink).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    wish_quickly(&ann, "ann@example.org").await;
    // It has been begun when the mood changes.
    tokio::time::sleep(Duration::from_secs(1)).await;
    sink.set(Mood::Takes);
    wish_quickly(&ben, "ben@example.org").await;
    // The next does not wait for the one that hangs.
    let begun = Instant::now();
    confirm(&ben, &sink.code("ben@example.org", 1).await).await.is(204);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // The one that hung goes again when its own time is over.
    confirm(&ann, &sink.code("ann@example.org", 1).await).await.is(204);
}

#[tokio::test]
async fn a_mail_outlives_a_crash_of_the_server() {
    let mut sink = Sink::start().await;
    let mut server = server(&sink).await;
    sink.stop().await;
    let ann = server.person("ann").await;
    wish_quickly(&ann, "ann@example.org").await;
    eventually("a try that failed", async || server.log("mail.failed").pop()).await;
    server.kill();
    sink.restart();
    server.restart().await;
    confirm(&ann, &sink.code("ann@example.org", 1).await).await.is(204);
}
