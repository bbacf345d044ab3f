//! Who may register, and when.

use jim_core::time::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server};

async fn register(server: &Server, name: &str) -> Answer {
    let wish = json!({ "username": name, "password": "a fine long password" });
    server.stranger().post("/auth/register", &wish).await
}

async fn set(root: &Person, rule: &Value) -> Answer {
    root.call(Method::PUT, "/admin/registration", rule).await
}

async fn told_open(server: &Server) -> Value {
    server.stranger().get("/meta").await.is(200)["registration"]["open"].clone()
}

/// Hours in UTC from some minutes before or after now to some others; they may go over midnight.
fn hours(from: i64, to: i64) -> String {
    let now = SystemClock.now().0 / 60_000;
    let time = |minutes: i64| {
        let minute = (now + minutes).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minute / 60, minute % 60)
    };
    format!("{}-{}", time(from), time(to))
}

#[tokio::test]
async fn an_administrator_closes_and_opens_registration_over_restarts_and_can_make_accounts_meanwhile() {
    let mut server = Server::start().await;
    let root = server.admin("root").await;
    assert_eq!(root.get("/admin/registration").await.is(200), json!({ "mode": "open" }));
    register(&server, "ann").await.is(201);
    for _ in 0..2 {
        assert_eq!(set(&root, &json!({ "mode": "closed" })).await.is(200), json!({ "mode": "closed" }));
    }
    // On every node at once.
    for n in 0..4 {
        register(&server, &format!("ben-{n}")).await.refused(403, "auth.registration_closed");
        assert_eq!(told_open(&server).await, false);
    }
    let wish = json!({ "username": "ben", "password": "a fine long password" });
    root.post("/admin/users", &wish).await.is(201);
    server.kill();
    server.restart().await;
    assert_eq!(root.get("/admin/registration").await.is(200), json!({ "mode": "closed" }));
    register(&server, "cleo").await.refused(403, "auth.registration_closed");
    set(&root, &json!({ "mode": "open" })).await.is(200);
    assert_eq!(told_open(&server).await, true);
    register(&server, "cleo").await.is(201);
    let rows = root.list("/admin/audit?action=registration.changed").await;
    let changes: Vec<_> =
        rows.iter().map(|row| (row["before"]["mode"].clone(), row["after"]["mode"].clone())).collect();
    assert_eq!(changes, [(json!("closed"), json!("open")), (json!("open"), json!("closed"))]);
}

#[tokio::test]
async fn at_its_hours_registration_is_open_and_at_others_it_is_closed() {
    let server = Server::start().await;
    let root = server.admin("root").await;
    // The second goes over midnight unless it is midnight now; the minute may end while the test looks.
    for (n, (window, open)) in [
        (hours(-5, 5), true),
        (hours(5, -5), false),
        (hours(-720, 5), true),
        (hours(5, 720), false),
        (hours(-5, -720), true),
    ]
    .into_iter()
    .enumerate()
    {
        let rule = json!({ "mode": "window", "window": window });
        assert_eq!(set(&root, &rule).await.is(200), rule);
        assert_eq!(told_open(&server).await, open, "{window}");
        let answer = register(&server, &format!("ann-{n}")).await;
        if open { drop(answer.is(201)) } else { drop(answer.refused(403, "auth.registration_closed")) }
    }
}

#[tokio::test]
async fn the_configuration_says_who_may_register_until_an_administrator_does() {
    let (closed, open) = (hours(5, 10), hours(-5, 10));
    let mut server = Server::with(&[("auth.registration", "window"), ("auth.registration_window", &closed)]).await;
    let root = server.admin("root").await;
    assert_eq!(root.get("/admin/registration").await.is(200), json!({ "mode": "window", "window": closed }));
    register(&server, "ann").await.refused(403, "auth.registration_closed");
    server.set("auth.registration_window", &open);
    server.kill();
    server.restart().await;
    register(&server, "ann").await.is(201);
    set(&root, &json!({ "mode": "closed" })).await.is(200);
    server.set("auth.registration", "open");
    server.kill();
    server.restart().await;
    register(&server, "ben").await.refused(403, "auth.registration_closed");
    let warned = server.log("config.overridden");
    assert!(!warned.is_empty() && warned.iter().all(|line| line["key"] == "auth.registration"), "{warned:?}");
    server.set("auth.registration", "closed");
    server.kill();
    server.restart().await;
    assert_eq!(server.log("config.overridden").len(), warned.len(), "what is the same is no news");
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    let root = server.admin("root").await;
    for (rule, field) in [
        (json!({ "mode": "ajar" }), "mode"),
        (json!({ "mode": "window" }), "window"),
        (json!({ "mode": "window", "window": "08:00" }), "window"),
        (json!({ "mode": "window", "window": "8:00-18:00" }), "window"),
        (json!({ "mode": "window", "window": "08:00-25:00" }), "window"),
        (json!({ "mode": "window", "window": "08:00-08:00" }), "window"),
        (json!({ "mode": "open", "window": "08:00-18:00" }), "window"),
        (json!({ "window": "08:00-18:00" }), "mode"),
        (json!({ "mode": 7 }), "mode"),
    ] {
        let answer = set(&root, &rule).await;
        answer.refused(422, "request.invalid");
        assert_eq!(answer.broken_fields()[0].0, field, "{rule}");
    }
    set(&root, &json!({ "mode": "open", "until": 7 })).await.refused(422, "request.unknown_field");
    assert_eq!(root.get("/admin/registration").await.is(200), json!({ "mode": "open" }));
    assert!(root.list("/admin/audit?action=registration.changed").await.is_empty());
}
