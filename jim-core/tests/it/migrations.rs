//! How a SQLite file is brought up to date.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jim_core::store::sql::{Durability, MigrateError, SqliteStore};
use jim_core::testkit::fixtures::{self, at_once};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};

async fn open(file: &Path) -> Result<Arc<SqliteStore>, MigrateError> {
    SqliteStore::open(file, Durability::Full).await
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.unwrap()
}

/// What is in a file: its schema, which steps were applied, and its accounts.
async fn dump(file: &Path) -> Vec<String> {
    let mut conn = connect(file).await;
    let mut lines = Vec::new();
    for sql in [
        "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master ORDER BY type, name",
        "SELECT file || ' ' || step || ' ' || checksum || ' ' || level FROM jim_migrations ORDER BY file, step",
        "SELECT id || ' ' || username FROM jim_users ORDER BY id",
    ] {
        let rows = sqlx::query(sql).fetch_all(&mut conn).await.unwrap();
        lines.extend(rows.iter().map(|row| row.get::<String, _>(0)));
    }
    conn.close().await.unwrap();
    lines
}

async fn run(file: &Path, sql: &'static str) {
    let mut conn = connect(file).await;
    let done = sqlx::query(sql).execute(&mut conn).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    conn.close().await.unwrap();
}

/// What a file holds that was opened once, undisturbed.
async fn fresh() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::file(folder.path());
    drop(open(&file).await.unwrap());
    dump(&file).await
}

/// A file with an account, and what it holds.
async fn used(folder: &Path) -> (std::path::PathBuf, Vec<String>) {
    let file = SqliteStore::file(folder);
    let store = open(&file).await.unwrap();
    fixtures::user(&*store, "ann").await;
    drop(store);
    let before = dump(&file).await;
    (file, before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_open_one_new_file_at_once_succeed() {
    let whole = fresh().await;
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteStore::file(folder.path());
        let openers = (0..4).map(|_| {
            let file = file.clone();
            async move { open(&file).await.map(drop) }
        });
        for opened in at_once(openers).await {
            opened.unwrap();
        }
        assert_eq!(dump(&file).await, whole);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (file, before) = used(folder.path()).await;
    assert!(before.iter().any(|line| line == "1 ann"));
    for _ in 0..3 {
        drop(open(&file).await.unwrap());
        assert_eq!(dump(&file).await, before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_interrupted_at_any_point_goes_on() {
    let whole = fresh().await;
    let folder = tempfile::tempdir().unwrap();
    let often = folder.path().join("often.db");
    let mut interrupted = 0;
    for n in 0..60 {
        let once = folder.path().join(format!("once-{n}.db"));
        for file in [&once, &often] {
            let opening = tokio::spawn({
                let file = file.clone();
                async move { open(&file).await.map(drop) }
            });
            tokio::time::sleep(Duration::from_micros(500 * n)).await;
            opening.abort();
            match opening.await {
                Ok(opened) => opened.unwrap(),
                Err(aborted) => interrupted += u32::from(aborted.is_cancelled()),
            }
        }
        drop(open(&once).await.unwrap());
        assert_eq!(dump(&once).await, whole, "interrupted after {} µs", 500 * n);
    }
    assert!(interrupted > 10, "only {interrupted} were interrupted");
    drop(open(&often).await.unwrap());
    assert_eq!(dump(&often).await, whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_a_higher_level_is_refused_in_one_clear_line_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = used(folder.path()).await;
    run(&file, "INSERT INTO jim_migrations (file, step, checksum, level) VALUES ('9999_later', 1, 'x', 99)").await;
    // A step that this release would still apply must not be applied either.
    run(&file, "DELETE FROM jim_migrations WHERE file = '0003_rooms' AND step = 1").await;
    let before = dump(&file).await;
    let Err(error) = open(&file).await else { panic!("it was opened") };
    assert!(matches!(error, MigrateError::Newer { needed: 99 }), "{error:?}");
    let line = error.to_string();
    assert!(!line.contains('\n') && line.contains("level 99") && line.contains("start a newer release"), "{line}");
    assert_eq!(dump(&file).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_was_changed_after_it_was_applied_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = used(folder.path()).await;
    run(&file, "UPDATE jim_migrations SET checksum = 'other' WHERE file = '0002_friends' AND step = 2").await;
    let before = dump(&file).await;
    let Err(error) = open(&file).await else { panic!("it was opened") };
    assert!(matches!(&error, MigrateError::Changed { file, step: 2 } if file == "0002_friends"), "{error:?}");
    let line = error.to_string();
    assert!(!line.contains('\n') && line.contains("0002_friends") && line.contains("step 2"), "{line}");
    assert_eq!(dump(&file).await, before);
}
