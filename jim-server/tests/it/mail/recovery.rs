//! Ways back to accounts.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{a_minute_passes, bind, other, server, server_with};
use crate::support::{Answer, Client, Person, Received, Server, Sink, eventually, password_of};

const NEW: &str = "staple battery horse";

async fn ask(client: &Client, address: &str) -> Answer {
    client.post("/auth/recovery", &json!({ "email": address })).await
}

async fn recover(client: &Client, address: &str, code: &str, password: &str) -> Answer {
    let wish = json!({ "email": address, "code": code, "password": password });
    client.post("/auth/recovery/confirm", &wish).await
}

async fn log_in(server: &Server, name: &str, password: &str) -> Answer {
    server.stranger().post("/auth/login", &json!({ "username": name, "password": password })).await
}

/// The code of a mail about recovery.
async fn code(sink: &Sink, address: &str) -> String {
    let mail = eventually("a mail about recovery", async || {
        let is_it = |mail: &Received| mail.to == [address] && mail.head().contains(&"Subject: Reset your password");
        sink.received().into_iter().rev().find(is_it)
    });
    mail.await.code()
}

/// Somebody whose address is bound, and who had no mail of late.
async fn bound(server: &Server, sink: &Sink, name: &str) -> Person {
    let person = server.person(name).await;
    bind(sink, &person, &format!("{name}@example.org")).await;
    // A minute has passed as far as the store knows.
    a_minute_passes(server).await;
    person
}

#[tokio::test]
async fn a_code_that_was_mailed_sets_a_new_password_once_and_ends_all_sessions() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let ann = bound(&server, &sink, "ann").await;
    let mut socket = ann.socket().await;
    let stranger = server.stranger();
    ask(&stranger, "ANN@example.org").await.is(202);
    let code = code(&sink, "ann@example.org").await;
    recover(&stranger, "ann@example.org", &other(&code), NEW).await.refused(422, "email.code_invalid");
    recover(&stranger, "ben@example.org", &code, NEW).await.refused(422, "email.code_invalid");
    recover(&stranger, "no address", &code, NEW).await.refused(422, "email.code_invalid");
    for (password, rule) in [
        ("short", "password.too_short"),
        ("12345678", "password.common"),
        ("this is ANN again", "password.contains_username"),
    ] {
        let answer = recover(&stranger, "ann@example.org", &code, password).await;
        assert_eq!(answer.broken_fields(), [("password".into(), rule.into())]);
    }
    log_in(&server, "ann", &ann.password).await.is(200);
    recover(&stranger, "Ann@Example.org", &code, NEW).await.is(204);
    // The other node learns of it within a second.
    eventually("the session ends", async || (ann.get("/me").await.status == 401).then_some(())).await;
    assert_eq!(socket.closed().await, Some(4401));
    log_in(&server, "ann", &ann.password).await.refused(401, "auth.invalid_credentials");
    log_in(&server, "ann", NEW).await.is(200);
    recover(&stranger, "ann@example.org", &code, "another fine password").await.refused(422, "email.code_invalid");
    log_in(&server, "ann", NEW).await.is(200);
}

#[tokio::test]
async fn of_twenty_who_use_one_code_at_once_one_sets_his_password() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    bound(&server, &sink, "ann").await;
    ask(&server.stranger(), "ann@example.org").await.is(202);
    let code = code(&sink, "ann@example.org").await;
    let mut tries = JoinSet::new();
    for at in 0..20 {
        let (stranger, code) = (server.stranger(), code.clone());
        tries.spawn(async move {
            let password = format!("{NEW} {at}");
            (recover(&stranger, "ann@example.org", &code, &password).await.status, password)
        });
    }
    let done = tries.join_all().await;
    let won: Vec<_> = done.iter().filter(|(status, _)| *status == 204).collect();
    assert_eq!(won.len(), 1, "{done:?}");
    assert!(done.iter().all(|(status, _)| [204, 422].contains(status)), "{done:?}");
    log_in(&server, "ann", &won[0].1).await.is(200);
}

#[tokio::test]
async fn the_sixth_guess_is_one_too_many() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    bound(&server, &sink, "ann").await;
    let stranger = server.stranger();
    ask(&stranger, "ann@example.org").await.is(202);
    let code = code(&sink, "ann@example.org").await;
    for _ in 0..5 {
        recover(&stranger, "ann@example.org", &other(&code), NEW).await.refused(422, "email.code_invalid");
    }
    recover(&stranger, "ann@example.org", &code, NEW).await.refused(422, "email.code_invalid");
    log_in(&server, "ann", &password_of("ann")).await.is(200);
}

#[tokio::test]
async fn an_address_that_is_nobodys_looks_like_any_other_and_takes_as_long() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    server.stick();
    let mut answers = Vec::new();
    let mut times = [Vec::new(), Vec::new()];
    for at in 0..9 {
        bound(&server, &sink, &format!("known-{at}")).await;
    }
    let stranger = server.stranger();
    // In turns, so that both meet the machine in the same mood.
    for at in 0..9 {
        for (kind, times) in ["known", "unknown"].into_iter().zip(&mut times) {
            let address = format!("{kind}-{at}@example.org");
            let begun = Instant::now();
            let asked = ask(&stranger, &address).await;
            times.push(begun.elapsed());
            assert_eq!((asked.status, asked.body.len()), (202, 0));
            // Nobody could guess before the mail has gone.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let mut problem = recover(&stranger, &address, "WRNGCADE", NEW).await.refused(422, "email.code_invalid");
            problem["request_id"].take();
            answers.push(problem);
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    let [known, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let apart = known.abs_diff(unknown);
    assert!(apart < known.max(unknown) / 2 + Duration::from_millis(3), "{known:?} and {unknown:?}");
    let to_strangers = sink.received().into_iter().filter(|mail| mail.to[0].starts_with("unknown")).count();
    assert_eq!(to_strangers, 0);
}

#[tokio::test]
async fn an_address_that_was_given_up_and_an_account_that_is_disabled_have_no_way_back() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let ann = bound(&server, &sink, "ann").await;
    let stranger = server.stranger();
    ask(&stranger, "ann@example.org").await.is(202);
    let code = code(&sink, "ann@example.org").await;
    ann.delete("/me/email").await.is(204);
    recover(&stranger, "ann@example.org", &code, NEW).await.refused(422, "email.code_invalid");

    bound(&server, &sink, "ben").await;
    server.run_sql("UPDATE jim_users SET state = 1 WHERE username = 'ben'").await;
    let before = sink.received().len();
    for address in ["ann@example.org", "ben@example.org"] {
        ask(&stranger, address).await.is(202);
    }
    // As if a minute had passed.
    a_minute_passes(&server).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(sink.received().len(), before);
}

#[tokio::test]
async fn a_foreign_host_in_the_request_stands_nowhere_in_the_mail() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    bound(&server, &sink, "ann").await;
    let call = server.stranger().request(Method::POST, "/auth/recovery");
    let call = call.header("host", "evil.example").header("x-forwarded-host", "evil.example");
    let call = call.header("origin", "https://evil.example").header("referer", "https://evil.example/");
    let answer = Answer::to(call.json(&json!({ "email": "ann@example.org" }))).await;
    assert_eq!(answer.status, 202);
    code(&sink, "ann@example.org").await;
    for mail in sink.received() {
        let parts = mail.parts().concat();
        assert!(!mail.raw.contains("evil") && !parts.contains("evil") && !parts.contains("://"), "{parts}");
    }
}

#[tokio::test]
async fn who_asks_too_often_from_one_place_waits() {
    let sink = Sink::start().await;
    let server = server_with(&sink, &[("rate.enabled", "true"), ("rate.recovery", "3/1h")]).await;
    let stranger = server.stranger();
    for at in 0..3 {
        ask(&stranger, &format!("nobody-{at}@example.org")).await.is(202);
    }
    let refused = ask(&stranger, "nobody@example.org").await;
    refused.refused(429, "rate.limited");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 600);
    assert_eq!(sink.received().len(), 0);
}

#[tokio::test]
async fn an_account_of_the_host_has_no_way_back_by_mail() {
    let sink = Sink::start().await;
    let server = server_with(&sink, &[("auth.external_secret", crate::externals::SECRET)]).await;
    let stranger = server.stranger();
    let first = crate::externals::come(&stranger, &crate::externals::hs256(&crate::externals::claims("x-1"))).await;
    let token = first.is(200)["session"]["access_token"].as_str().unwrap().to_owned();
    let (host, ann) = (stranger.bearer(&token), server.person("ann").await);
    host.post("/me/email", &json!({ "email": "host@example.org" })).await.is(202);
    let code = sink.code("host@example.org", 1).await;
    host.post("/me/email/confirm", &json!({ "code": code })).await.is(204);
    bind(&sink, &ann, "ann@example.org").await;
    a_minute_passes(&server).await;
    for address in ["host@example.org", "ann@example.org"] {
        ask(&stranger, address).await.is(202);
    }
    self::code(&sink, "ann@example.org").await;
    assert_eq!(sink.mails("host@example.org", 1).await.len(), 1, "what came first is long gone out");
}

#[tokio::test]
async fn a_way_back_that_was_begun_ends_with_the_password_that_it_was_for() {
    let sink = Sink::start().await;
    let server = server(&sink).await;
    let (ann, root) = (bound(&server, &sink, "ann").await, server.admin("root").await);
    let stranger = server.stranger();
    let ask_for_one = async || {
        a_minute_passes(&server).await;
        let count = sink.received().len();
        ask(&stranger, "ann@example.org").await.is(202);
        eventually("another mail", async || (sink.received().len() > count).then_some(())).await;
        code(&sink, "ann@example.org").await
    };
    let begun = ask_for_one().await;
    let change = json!({ "old_password": ann.password, "new_password": "another fine password" });
    ann.call(reqwest::Method::PUT, "/me/password", &change).await.is(204);
    recover(&stranger, "ann@example.org", &begun, NEW).await.refused(422, "email.code_invalid");
    let begun = ask_for_one().await;
    let reset = json!({ "password": "a third fine password" });
    root.call(reqwest::Method::PUT, &format!("/admin/users/{}/password", ann.id), &reset).await.is(204);
    recover(&stranger, "ann@example.org", &begun, NEW).await.refused(422, "email.code_invalid");
    log_in(&server, "ann", "a third fine password").await.is(200);
}
