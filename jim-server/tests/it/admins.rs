//! Administrators are made on the command line, by whoever runs the server.

use std::process::Output;

use serde_json::json;

use crate::support::{Person, Server, WORLD, contains, password_of};

/// What the command said on both of its ways.
fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

#[tokio::test]
async fn an_administrator_is_made_while_the_server_runs_or_not_and_may_at_once() {
    let mut server = Server::start().await;
    let ann = server.person("ann").await;
    ann.say(WORLD, "m-1", "Hello world").await.is(201);
    let made = server.make_admin("Root", &password_of("root"));
    assert!(made.status.success(), "{made:?}");
    let root = Person::known(&server.stranger(), "root").await;
    assert!(said(&made).contains(&root.id.to_string()), "{made:?}");
    assert_eq!(root.get("/me").await.is(200)["role"], "admin");
    assert_eq!(ann.get("/me").await.is(200)["role"], "user");
    root.patch("/world/1", &json!({ "open": false })).await.is(200);
    ann.say(WORLD, "m-2", "Hello?").await.refused(403, "world.closed");
    assert_eq!(ann.get(&format!("/users/{}", root.id)).await.is(200), json!({ "id": root.id, "nickname": "Root" }));
    assert_eq!(server.stop().await, Some(0));
    let made = server.make_admin("second", &password_of("second"));
    assert!(made.status.success(), "{made:?}");
    server.restart().await;
    let second = Person::known(&server.stranger(), "second").await;
    assert_eq!(second.patch("/world/1", &json!({ "open": true })).await.is(200)["open"], true);
    ann.say(WORLD, "m-2", "Hello?").await.is(201);
}

#[tokio::test]
async fn the_first_administrator_can_be_made_before_the_first_start_and_with_registration_closed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::on(&data, &[("auth.registration", "closed")]).await;
    server.kill();
    std::fs::remove_dir_all(&data).unwrap();
    let made = server.make_admin("root", &password_of("root"));
    assert!(made.status.success(), "{made:?}");
    server.restart().await;
    let root = Person::known(&server.stranger(), "root").await;
    assert_eq!(root.get("/me").await.is(200)["role"], "admin");
}

#[tokio::test]
async fn what_cannot_be_taken_is_named_in_one_line_and_makes_nobody() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    server.admin("root").await;
    let good = "a long enough secret";
    for (name, password, fields) in [
        ("ab", good, vec!["username"]),
        ("has space", good, vec!["username"]),
        ("", good, vec!["username"]),
        (&*"n".repeat(33), good, vec!["username"]),
        ("second", "short", vec!["password"]),
        ("second", "", vec!["password"]),
        ("second", "password", vec!["password"]),
        ("second", "it is second to none", vec!["password"]),
        ("x", "short", vec!["username", "password"]),
    ] {
        let output = server.make_admin(name, password);
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        for field in ["username", "password"] {
            assert_eq!(stderr.contains(&format!("{field}:")), fields.contains(&field), "{name}: {stderr}");
        }
    }
    for taken in ["root", "ROOT", "ann"] {
        let output = server.make_admin(taken, good);
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.contains("taken"), "{stderr}");
    }
    assert_eq!(ann.get("/me").await.is(200)["role"], "user", "a taken name is not raised");
    ann.log_in("phone").await;
    assert_eq!(ann.get("/users?nickname=second").await.is(200)["items"], json!([]));
}

#[tokio::test]
async fn the_password_of_an_administrator_stands_in_no_output_no_log_and_no_file() {
    let server = Server::start().await;
    let password = "zebra crossing at midnight";
    let mut outputs = Vec::new();
    for (name, fits) in [("root", true), ("root", false), ("x", false)] {
        let output = server.make_admin(name, password);
        assert_eq!(output.status.success(), fits, "{output:?}");
        outputs.push(said(&output));
    }
    let login = json!({ "username": "root", "password": password });
    server.stranger().post("/auth/login", &login).await.is(200);
    outputs.extend(server.printed());
    assert!(!outputs.iter().any(|line| line.contains("zebra")), "{outputs:?}");
    assert!(!contains(&server.everything().await, "zebra"));
}
