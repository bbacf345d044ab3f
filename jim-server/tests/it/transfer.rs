//! `jim verify` and `jim move` from outside.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use jim_core::testkit::servers::{MySqlDatabase, name, server};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::groups::group_of;
use crate::support::{Person, Server, jim, serve};

/// Settings that are not the data folder's.
type Settings<'a> = &'a [(&'a str, &'a str)];

fn command(data: &Path, settings: Settings<'_>, arguments: &[&str]) -> Command {
    let mut all = vec![("data.dir", data.to_str().unwrap())];
    all.extend_from_slice(settings);
    let mut command = jim(data.parent().unwrap(), &all);
    command.args(arguments);
    command
}

/// What a command said on both channels, and its exit code.
fn run(data: &Path, settings: Settings<'_>, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command(data, settings, arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// A database of MongoDB that nobody else uses.
fn mongo() -> String {
    let mut url = server("JIM_TEST_MONGO");
    url.set_path(&name());
    url.into()
}

/// What somebody sees: digests and entries of two rooms, and his own log.
async fn seen(who: &Person, rooms: &[&str]) -> Vec<Value> {
    let mut seen = vec![json!(who.log(0).await)];
    for room in rooms {
        seen.push(who.get(&format!("/rooms/{room}/digest")).await.is(200));
        seen.push(json!(who.whole_history(room).await));
    }
    seen.push(json!(who.chats("latest=3").await));
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_moves_to_others_engines_and_back_and_nobody_sees_a_difference() {
    let mut first = Server::start().await;
    let (people, _, club) = group_of(&first, &["ann", "ben"]).await;
    let (ann, ben) = (&people[0], &people[1]);
    let room = ann.room(ben);
    for n in 0..230 {
        ann.say(&room, &format!("m-{n}"), "hello \u{1F600}").await.is(201);
    }
    ann.act(&format!("/rooms/{room}/entries/3/retract")).await.is(200);
    ben.say(&club, "in-the-club", "hi").await.is(201);
    let rooms = [room.as_str(), club.as_str()];
    let before = seen(ann, &rooms).await;

    let (code, said) = run(first.data(), &[], &["move", "--to", "sqlite:/nowhere"]);
    assert!(code == Some(1) && said.contains("another server is running"), "{said}");
    let (code, said) = run(first.data(), &[], &["verify"]);
    assert!(code == Some(0) && said.starts_with("0 findings in "), "beside the server: {said}");
    assert_eq!(first.stop().await, Some(0));

    let databases = (MySqlDatabase::make().await, MySqlDatabase::make().await);
    let (mysql, mixed, mongo) = (databases.0.url().to_string(), databases.1.url().to_string(), mongo());
    let home = tempfile::tempdir().unwrap();
    let (here, back) = (first.data().to_owned(), home.path().join("back"));
    let to_back = format!("sqlite:{}", back.display());
    let steps: [(Settings<'_>, Vec<&str>); 3] = [
        (&[], vec!["move", "--to", &mysql]),
        (&[("store.url", &mysql)], vec!["move", "--to", &mixed, "--to-rooms", &mongo]),
        (&[("store.url", &mixed), ("rooms.url", &mongo)], vec!["move", "--to", &to_back]),
    ];
    for (source, arguments) in &steps {
        let (code, said) = run(&here, source, arguments);
        assert!(code == Some(0) && said.contains("all is equal"), "{said}");
        assert!(!said.contains("hello") && !said.contains("password@"), "{said}");
        let (code, said) = run(&here, source, arguments);
        assert!(code == Some(1) && said.contains("the target holds other data"), "{said}");
    }
    for (data, settings) in [(&here, steps[1].0), (&here, steps[2].0), (&back, &[] as Settings<'_>)] {
        let (code, said) = run(data, settings, &["verify"]);
        assert!(code == Some(0), "{said}");
        let settings: Vec<(&'static str, &str)> = settings
            .iter()
            .map(|(key, value)| (if *key == "store.url" { "store.url" } else { "rooms.url" }, *value))
            .collect();
        let moved = Server::on(data, &settings).await;
        let ann = ann.at(&moved.stranger());
        assert_eq!(seen(&ann, &rooms).await, before);
        ann.say(&room, "m-1", "hello \u{1F600}").await.is(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_killed_leaves_a_target_that_nobody_serves_and_goes_on() {
    let mut first = Server::start().await;
    let (people, _, club) = group_of(&first, &["ann", "ben"]).await;
    for n in 0..600 {
        people[0].say(&club, &format!("m-{n}"), "hello").await.is(201);
    }
    let before = people[0].whole_history(&club).await;
    assert_eq!(first.stop().await, Some(0));
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("target");
    let to = format!("sqlite:{}", target.display());
    let mut refused = 0;
    for wait in 0..100 {
        let mut moving = command(first.data(), &[], &["move", "--to", &to])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(20 + 10 * wait + wait * wait)).await;
        let ended = moving.try_wait().unwrap();
        moving.kill().unwrap();
        moving.wait().unwrap();
        // The kill before may have come between the end of the move and that of the program.
        if ended.is_some_and(|ended| ended.success() || refused > 0) {
            break;
        }
        let begun = target.join("jim.db").is_file() && is_marked(&target).await;
        if begun {
            let said = String::from_utf8(serve(&target, &[]).output().unwrap().stderr).unwrap();
            assert!(said.contains("has not come to its end") && said.lines().count() == 1, "{said}");
            refused += 1;
        }
    }
    assert!(refused > 0, "no move was killed half-way");
    let moved = Server::on(&target, &[]).await;
    let ann = people[0].at(&moved.stranger());
    assert_eq!(ann.whole_history(&club).await, before);
}

/// Whether a database says that a move into it is going on.
async fn is_marked(data: &Path) -> bool {
    use sqlx::ConnectOptions as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("jim.db"));
    let Ok(mut conn) = options.connect().await else { return false };
    let text = AssertSqlSafe("SELECT COUNT(*) FROM jim_settings WHERE name = 'moving'".to_owned());
    sqlx::query_scalar::<_, i64>(text).fetch_one(&mut conn).await.is_ok_and(|count| count > 0)
}

#[tokio::test]
async fn verify_names_what_is_wrong_and_what_cannot_be_opened() {
    let mut server = Server::start().await;
    let (people, id, _) = group_of(&server, &["ann", "ben"]).await;
    people[0].say(&people[0].room(&people[1]), "m-1", "a secret").await.is(201);
    assert_eq!(server.stop().await, Some(0));
    let file = server.data().join("jim.db");
    {
        use sqlx::ConnectOptions as _;
        let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        sqlx::raw_sql("UPDATE jim_groups SET member_count = 7").execute(&mut conn).await.unwrap();
    }
    let (code, said) = run(server.data(), &[], &["verify"]);
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with(&format!("groups {id}: it says that it has 7 members, and has 2\n1 findings in ")),
        "{said}"
    );

    let home = tempfile::tempdir().unwrap();
    let nowhere = home.path().join("nowhere");
    for (settings, what) in [
        (&[] as Settings<'_>, "there is no database in it"),
        (&[("store.url", "mysql://jim:hunter2@127.0.0.1:1/jim")], "store.url"),
    ] {
        let (code, said) = run(&nowhere, settings, &["verify"]);
        assert!(code == Some(2) && said.contains(what) && said.lines().count() == 1, "{code:?} {said}");
        assert!(!said.contains("hunter2"));
        assert!(!nowhere.exists(), "nothing is made by looking");
    }
    for (to, key) in [("redis://x", "--to"), ("mysql://jim:hunter2@127.0.0.1:1/jim", "--to"), ("sqlite:", "--to")] {
        let (code, said) = run(server.data(), &[], &["move", "--to", to]);
        assert!(code == Some(2) && said.contains(key) && said.lines().count() == 1, "{code:?} {said}");
        assert!(!said.contains("hunter2"));
    }
}
