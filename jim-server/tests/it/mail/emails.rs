//! Addresses: only who reads the mail binds one.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{a_minute_passes, bind, confirm, other, server, server_with, wish};
use crate::support::{Answer, Mood, Received, Server, Sink, contains, eventually, within};

#[tokio::test]
async fn an_address_is_bound_by_the_code_that_was_sent_to_it_and_by_nothing_else() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let ann = server.person("ann").await;
    assert!(ann.get("/me").await.is(200).get("email").is_none());
    wish(&ann, "Ann@Example.org").await.is(202);
    let mails = sink.mails("Ann@Example.org", 1).await;
    let code = mails[0].code();
    confirm(&ann, &other(&code)).await.refused(422, "email.code_invalid");
    let ben = server.person("ben").await;
    confirm(&ben, &code).await.refused(422, "email.code_invalid");
    // As people type it.
    let typed = format!(" {}-{} ", code[..4].to_lowercase(), &code[4..]);
    confirm(&ann, &typed).await.is(204);
    assert_eq!(ann.get("/me").await.is(200)["email"], "Ann@Example.org");
    assert_eq!(ann.log(0).await.last().unwrap()["data"]["email"], "Ann@Example.org", "one's other devices are told");
    confirm(&ann, &code).await.refused(422, "email.code_invalid");
    let card = ben.get(&format!("/users/{}", ann.id)).await.is(200).to_string();
    assert!(!card.contains("xample"), "others do not see it: {card}");

    ann.delete("/me/email").await.is(204);
    ann.delete("/me/email").await.is(204);
    assert!(ann.get("/me").await.is(200).get("email").is_none());
    assert_eq!(sink.received().len(), 1, "one mail for one wish");
}

#[tokio::test]
async fn a_mail_is_written_in_the_language_of_who_wants_it_as_text_and_as_html() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let ann = server.person("ann").await;
    for (language, address, subject, words) in [
        ("de, en;q=0.5", "one@example.org", "Subject: Confirm your e-mail address", "10 minutes"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "two@example.org", "Subject: =?utf-8?b?", "10 分钟"),
    ] {
        let call = ann.request(Method::POST, "/me/email").header("accept-language", language);
        Answer::to(call.json(&json!({ "email": address }))).await.is(202);
        let mail = sink.mails(address, 1).await.remove(0);
        assert_eq!(mail.from, "no-reply@jim.example");
        let head = mail.head();
        for line in ["From: Jim <no-reply@jim.example>", &format!("To: {address}"), subject, "MIME-Version: 1.0"] {
            assert!(head.iter().any(|there| there.starts_with(line)), "{line} in {head:#?}");
        }
        for name in ["Date:", "Message-ID:", "Content-Type: multipart/alternative"] {
            assert_eq!(head.iter().filter(|line| line.starts_with(name)).count(), 1, "{name} in {head:#?}");
        }
        let parts = mail.parts();
        assert!(parts.iter().all(|part| part.contains(words)), "{parts:#?}");
        assert!(parts[1].contains("<html"), "{parts:#?}");
        mail.code();
    }
}

#[tokio::test]
async fn what_is_not_one_plain_address_is_refused_and_nothing_is_sent() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let ann = server.person("ann").await;
    for bad in [
        "",
        "ann",
        "ann@localhost",
        "ann@example.org\r\nBcc: ben@example.org",
        "ann@example.org\nRCPT TO:<ben@example.org>",
        "ann@example.org,ben@example.org",
        "ann@example.org; ben@example.org",
        "ann@example.org ben@example.org",
        "Ann <ann@example.org>",
        "\"ann\"@example.org",
        "ann@[127.0.0.1]",
        "ann@example.org\0",
        &format!("{}@example.org", "a".repeat(250)),
    ] {
        for answer in [wish(&ann, bad).await, server.stranger().post("/auth/recovery", &json!({ "email": bad })).await]
        {
            answer.refused(422, "request.invalid");
            assert_eq!(answer.broken_fields(), [("email".into(), "invalid".into())], "{bad:?}");
        }
    }
    for bad in [json!({}), json!({ "email": null }), json!({ "email": ["a@b.org", "c@d.org"] })] {
        assert_eq!(ann.post("/me/email", &bad).await.status, 422, "{bad}");
    }
    let rows = server.rows().await;
    assert_eq!((rows["jim_mails"], rows["jim_codes"]), (0, 0));
    wish(&ann, "ann@example.org").await.is(202);
    assert_eq!(sink.mails("ann@example.org", 1).await[0].to, ["ann@example.org"]);
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn a_code_bears_five_guesses_however_many_come_at_once() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let ann = server.person("ann").await;
    wish(&ann, "ann@example.org").await.is(202);
    let code = sink.code("ann@example.org", 1).await;
    let mut guesses = JoinSet::new();
    for _ in 0..20 {
        let (ann, wrong) = (ann.clone(), other(&code));
        guesses.spawn(async move { confirm(&ann, &wrong).await });
    }
    for answer in guesses.join_all().await {
        answer.refused(422, "email.code_invalid");
    }
    confirm(&ann, &code).await.refused(422, "email.code_invalid");

    let ben = server.person("ben").await;
    wish(&ben, "ben@example.org").await.is(202);
    let code = sink.code("ben@example.org", 1).await;
    for _ in 0..4 {
        confirm(&ben, &other(&code)).await.refused(422, "email.code_invalid");
    }
    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let (ben, code) = (ben.clone(), code.clone());
        tries.spawn(async move { confirm(&ben, &code).await.status });
    }
    let right = tries.join_all().await.into_iter().filter(|status| *status == 204).count();
    assert_eq!(right, 1, "the fifth is good, once");
}

#[tokio::test]
async fn a_code_ends_with_its_time() {
    let sink = Sink::start().await;
    let server = server_with(&sink, &[("auth.code_seconds", "1")]).await;
    let ann = server.person("ann").await;
    wish(&ann, "ann@example.org").await.is(202);
    let code = sink.code("ann@example.org", 1).await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    confirm(&ann, &code).await.refused(422, "email.code_invalid");
}

#[tokio::test]
async fn the_code_before_dies_with_the_next_mail_which_keeps_its_distance() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let ann = server.person("ann").await;
    wish(&ann, "one@example.org").await.is(202);
    let first = sink.code("one@example.org", 1).await;
    wish(&ann, "two@example.org").await.is(202);
    let second = sink.code("two@example.org", 1).await;
    confirm(&ann, &first).await.refused(422, "email.code_invalid");
    confirm(&ann, &second).await.is(204);
    assert_eq!(ann.get("/me").await.is(200)["email"], "two@example.org");
    // Within a minute the address gets no other mail, whoever asks for it.
    let ben = server.person("ben").await;
    for _ in 0..3 {
        wish(&ben, "Two@example.org").await.is(202);
        server.stranger().post("/auth/recovery", &json!({ "email": "TWO@example.org" })).await.is(202);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(sink.received().len(), 2);
    assert_eq!(server.rows().await["jim_mails"], 4, "two that went, and one for each wish that waits");
}

#[tokio::test]
async fn an_address_of_another_account_is_told_of_only_to_who_reads_its_mail() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    for (person, address) in [(&ann, "shared@example.org"), (&ben, "ben@example.org")] {
        wish(person, address).await.is(202);
    }
    let of_ann = sink.code("shared@example.org", 1).await;
    confirm(&ben, &sink.code("ben@example.org", 1).await).await.is(204);
    // Both get a code for one address, a minute apart, as it were, and the first who confirms has it.
    a_minute_passes(&server).await;
    wish(&ben, "SHARED@example.org").await.is(202);
    let of_ben = sink.mails("SHARED@example.org", 1).await[0].code();
    confirm(&ann, &of_ann).await.is(204);
    confirm(&ben, &of_ben).await.refused(409, "email.taken");
    confirm(&ben, &of_ben).await.refused(422, "email.code_invalid");
    assert_eq!(ben.get("/me").await.is(200)["email"], "ben@example.org", "nothing was changed");
    ann.delete("/me/email").await.is(204);
    assert_eq!(ann.get("/me").await.is(200).get("email"), None);
}

#[tokio::test]
async fn a_server_without_mail_says_so() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    wish(&ann, "ann@example.org").await.refused(403, "email.off");
    server.stranger().post("/auth/recovery", &json!({ "email": "ann@example.org" })).await.refused(403, "email.off");
    let features = server.stranger().get("/meta").await.is(200)["features"].clone();
    assert!(!features.as_array().unwrap().contains(&json!("email")));
    assert_eq!(super::mail_is(&server).await, "off");
}

#[tokio::test]
async fn mails_can_be_written_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("mails");
    let url = format!("file:{}", mails.display());
    let server = Server::with(&[("mail.url", &url), ("mail.from", "no-reply@jim.example")]).await;
    let ann = server.person("ann").await;
    wish(&ann, "ann@example.org").await.is(202);
    let written = eventually("a mail is written", async || {
        let found = std::fs::read_dir(&mails).ok()?.filter_map(Result::ok);
        found.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|name| name == "eml"))
    })
    .await;
    let text = std::fs::read_to_string(written).unwrap();
    assert!(text.contains("To: ann@example.org\r\n"), "{text}");
    within(Duration::from_secs(30), "the folder is there", async || {
        (super::mail_is(&server).await == "up").then_some(())
    })
    .await;
}

#[tokio::test]
async fn no_code_is_stored_and_no_code_no_key_and_no_address_is_logged() {
    let sink = Sink::start().await;
    let mut server = server_with(&sink, &[("log.level", "trace")]).await;
    let ann = server.person("ann").await;
    bind(&sink, &ann, "ann@secret-mail.example").await;
    let stranger = server.stranger();
    sink.set(Mood::Rejects);
    wish(&ann, "rejected@secret-mail.example").await.is(202);
    eventually("a failure is logged", async || server.log("mail.failed").pop()).await;
    sink.set(Mood::Takes);
    stranger.post("/auth/recovery", &json!({ "email": "nobody@secret-mail.example" })).await.is(202);
    let wrong =
        json!({ "email": "nobody@secret-mail.example", "code": "WRNGCADE", "password": "a fine long password" });
    stranger.post("/auth/recovery/confirm", &wrong).await.refused(422, "email.code_invalid");
    let enrolment = ann.post("/me/totp", &json!({ "password": ann.password })).await.is(200);
    let codes: Vec<String> = sink.received().iter().map(Received::code).collect();
    let mut secrets = codes.clone();
    secrets.extend(["secret-mail".to_owned(), "WRNGCADE".into(), "a fine long password".into()]);
    secrets.push(enrolment["secret"].as_str().unwrap().to_owned());
    assert!(!codes.is_empty());
    let stored = server.everything().await;
    for code in &codes {
        assert!(!contains(&stored, code), "a code is stored as a hash only");
    }
    assert_eq!(server.stop().await, Some(0));
    for line in server.printed() {
        for secret in &secrets {
            assert!(!line.contains(secret.as_str()), "{secret} in {line}");
        }
    }
}
