//! The command line.

use std::process::Output;

use tempfile::TempDir;

use crate::support::{Server, jim};

fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let folder = TempDir::new().unwrap();
    jim(folder.path(), env).args(arguments).output().unwrap()
}

#[test]
fn a_bad_key_ends_with_2_and_one_line_that_names_it() {
    for (key, value) in [
        ("server.lisen", "x"),
        ("auth.secret", "short"),
        ("server.listen", "here"),
        ("server.listen", "192.0.2.1:80"),
        ("log.level", "a=b=c"),
    ] {
        let output = run(&["serve"], &[(key, value)]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(&format!("`{key}`")), "{stderr}");
        assert!(!stderr.contains("short"));
    }
    assert_eq!(run(&["serv"], &[]).status.code(), Some(2));
}

#[test]
fn config_prints_what_takes_effect_without_secrets() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("jim.toml"), "[server]\ndrain_seconds = 3\n").unwrap();
    let secret = "0123456789abcdef0123456789abcdef";
    let env = [("auth.secret", secret), ("store.url", "mysql://jim:hunter2@db/jim")];
    let output = jim(folder.path(), &env).arg("config").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && shown.contains("drain_seconds = 3"), "{shown}");
    assert!(!shown.contains(secret) && !shown.contains("hunter2"));
    std::fs::write(folder.path().join("other.toml"), shown.replace("\"***\"", "\"\"")).unwrap();
    let again = jim(folder.path(), &[]).args(["config", "--config", "other.toml"]).output().unwrap();
    assert!(again.status.success(), "what is printed can be read: {:?}", String::from_utf8(again.stderr));
}

#[test]
fn what_asks_after_administrators_makes_no_store_where_none_is() {
    let folder = TempDir::new().unwrap();
    for arguments in [&["list"][..], &["audit"], &["disable", "--username", "ann"], &["enable", "--username", "ann"]] {
        let output = jim(folder.path(), &[]).arg("admin").args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains("no database") && folder.path().read_dir().unwrap().next().is_none(), "{said}");
    }
}

#[test]
fn openapi_needs_no_configuration() {
    let output = run(&["openapi"], &[("server.lisen", "x")]);
    assert!(output.status.success());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["openapi"], "3.0.0");
}

#[tokio::test]
async fn it_stops_when_told_and_says_what_has_no_effect() {
    let mut server = Server::embedded(&[
        ("server.public_url", "https://jim.example"),
        ("mail.url", "smtp://jim:hunter2@127.0.0.1:9"),
        ("mail.from", "no-reply@jim.example"),
    ])
    .await;
    assert_eq!(server.stop().await, Some(0));
    let warned = server.log("config.without_effect");
    assert_eq!(warned.len(), 1);
    assert_eq!((&warned[0]["key"], &warned[0]["level"]), (&"server.public_url".into(), &40.into()));
    assert_eq!(server.log("server.stopped").len(), 1);
    assert!(!server.printed().join("\n").contains("hunter2"));
}

/// A port at which nobody listens.
fn nobody() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn what_is_configured_and_cannot_be_reached_is_named_by_its_key_in_one_line_without_its_password() {
    for (key, value) in [
        ("store.url", format!("mysql://jim:hunter2@127.0.0.1:{}/jim", nobody())),
        ("store.url", "mysql://jim:hunter2@127.0.0.1:3306".to_owned()),
        ("rooms.url", format!("mongodb://jim:hunter2@127.0.0.1:{}/jim", nobody())),
        ("bus.url", format!("redis://:hunter2@127.0.0.1:{}", nobody())),
        ("bus.url", format!("redis+sentinel://:hunter2@127.0.0.1:{}/jim", nobody())),
        ("bus.url", format!("redis+cluster://:hunter2@127.0.0.1:{}", nobody())),
        ("bus.url", format!("amqp://jim:hunter2@127.0.0.1:{}", nobody())),
        ("auth.external_key", "/nonexistent/hunter2.pem".to_owned()),
        ("auth.external_key", "/dev/null".to_owned()),
    ] {
        let started = tokio::time::Instant::now();
        let output = run(&["serve"], &[(key, &value)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{value}: {said}");
        assert!(said.contains(key) && said.lines().count() == 1 && !said.contains("hunter2"), "{said}");
        assert!(started.elapsed().as_secs() < 10, "{value}: {:?}", started.elapsed());
    }
}

#[test]
fn a_level_that_the_log_does_not_know_is_refused_by_every_command_that_writes_to_it() {
    for command in ["serve", "migrate"] {
        let output = run(&[command], &[("log.level", "loud")]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("log.level") && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn mail_that_cannot_be_sent_as_it_is_set_up_is_named_by_its_key() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = format!("file:{}/mails", file.display());
    for (named, url, from) in [
        ("mail.url", "gopher://hunter2", "no-reply@jim.example"),
        ("mail.url", "smtp://jim:hunter2@", "no-reply@jim.example"),
        ("mail.url", "smtp://127.0.0.1?tls=hunter2", "no-reply@jim.example"),
        ("mail.url", "file:", "no-reply@jim.example"),
        ("mail.url", &inside, "no-reply@jim.example"),
        ("mail.from", "smtp://127.0.0.1", ""),
        ("mail.from", "smtp://127.0.0.1", "hunter2"),
        ("mail.from", "smtp://127.0.0.1", "Jim <a@jim.example>\r\nBcc: hunter2@jim.example"),
    ] {
        let output = run(&["serve"], &[("mail.url", url), ("mail.from", from)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{url} {from}: {said}");
        assert!(said.contains(&format!("`{named}`")) && said.lines().count() == 1, "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
