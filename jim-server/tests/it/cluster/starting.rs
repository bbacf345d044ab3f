//! A start on databases that cannot be used, and beside other nodes.

use std::process::Output;
use std::time::Duration;

use jim_core::testkit::servers::{MySqlDatabase, name, server};
use tokio::task::JoinSet;

use crate::support::{Server, jim};

/// What `jim migrate` says to a store.
async fn migrate(url: String) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let command = move || jim(folder.path(), &[("store.url", &url)]).arg("migrate").output().unwrap();
    tokio::task::spawn_blocking(command).await.unwrap()
}

/// It was refused: exit code 2, and one line that names the key, says why, and holds no password.
#[track_caller]
fn refused(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.lines().count() == 1 && said.contains("`store.url`") && said.contains(why), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_wrong_password_and_a_database_that_is_not_there_are_one_line_and_exit_code_2() {
    let database = MySqlDatabase::make().await;
    let mut url = database.url();
    url.set_password(Some("hunter2")).unwrap();
    refused(&migrate(url.to_string()).await, "Access denied");
    let mut url = database.url();
    url.set_path("/jim_is_not_there");
    refused(&migrate(url.to_string()).await, "Unknown database");
}

#[tokio::test]
async fn a_user_who_may_not_make_tables_is_told_so() {
    let database = MySqlDatabase::make().await;
    let user = &name()[..24];
    let name = database.url().path().trim_start_matches('/').to_owned();
    database.root(&format!("CREATE USER {user} IDENTIFIED BY 'hunter2'")).await;
    database.root(&format!("GRANT SELECT ON {name}.* TO {user}")).await;
    let mut url = database.url();
    url.set_username(user).unwrap();
    url.set_password(Some("hunter2")).unwrap();
    refused(&migrate(url.to_string()).await, "denied");
    database.root(&format!("DROP USER {user}")).await;
}

#[tokio::test]
async fn a_schema_of_a_newer_release_is_refused_and_left_alone() {
    let database = MySqlDatabase::make().await;
    assert!(migrate(database.url().to_string()).await.status.success());
    let mut conn = database.connect().await;
    sqlx::query("UPDATE jim_migrations SET level = 1000 WHERE step = 1").execute(&mut conn).await.unwrap();
    refused(&migrate(database.url().to_string()).await, "start a newer release");
}

#[tokio::test]
async fn of_six_nodes_that_start_at_once_on_an_empty_database_all_start() {
    let database = MySqlDatabase::make().await;
    let starts: JoinSet<Output> = (0..6).map(|_| migrate(database.url().to_string())).collect();
    for output in starts.join_all().await {
        assert!(output.status.success(), "{output:?}");
    }
}

#[tokio::test]
async fn a_migration_that_was_killed_goes_on_where_it_was() {
    let database = MySqlDatabase::make().await;
    let whole = MySqlDatabase::make().await;
    assert!(migrate(whole.url().to_string()).await.status.success());
    let folder = tempfile::tempdir().unwrap();
    // Each time it gets a little further; the last one finds nothing to do.
    for pause in (0..40).map(|n| Duration::from_millis(5 * n)) {
        let mut child = jim(folder.path(), &[("store.url", database.url().as_str())]).arg("migrate").spawn().unwrap();
        tokio::time::sleep(pause).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(migrate(database.url().to_string()).await.status.success());
    assert_eq!(columns(&database).await, columns(&whole).await);
}

async fn columns(database: &MySqlDatabase) -> Vec<(String, String, String, String)> {
    let text = "SELECT table_name, column_name, CAST(column_type AS CHAR), CAST(column_key AS CHAR)
        FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";
    sqlx::query_as(text).fetch_all(&mut database.connect().await).await.unwrap()
}

#[tokio::test]
async fn mysql_alone_is_enough_for_rooms_too() {
    let database = MySqlDatabase::make().await;
    let settings = [("store.url", database.url().to_string()), ("bus.url", server("JIM_TEST_REDIS").to_string())];
    let server = Server::nodes(2, &settings).await;
    let (ann, ben) = crate::support::friends_at(&server).await;
    let mut socket = ben.socket().await;
    ann.say(&ann.room(&ben), "m-1", "hello").await.is(201);
    socket.until(&ann.room(&ben), 2).await;
}

#[tokio::test]
async fn a_database_that_may_lose_what_was_answered_is_warned_of_and_shown() {
    let server = Server::cluster(&[]).await;
    let database = MySqlDatabase::make().await;
    let flush: i64 = sqlx::query_scalar("SELECT CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS SIGNED)")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    let ready = server.stranger().get("//health/ready").await.json();
    let shown = ready["warnings"].as_array().cloned().unwrap_or_default();
    let tells = |warning: &serde_json::Value| warning.as_str().unwrap().contains("innodb_flush_log_at_trx_commit");
    assert_eq!(shown.iter().any(tells), flush != 1, "{ready}");
    let logged: Vec<_> = server.log("store.weak").iter().map(|line| line["warning"].clone()).collect();
    assert!(shown.iter().all(|warning| logged.contains(warning)), "{logged:?}");
}
