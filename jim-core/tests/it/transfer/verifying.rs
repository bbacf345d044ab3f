//! What a look over a store finds: all that was planted, and nothing else.

use std::path::Path;

use jim_core::transfer::verify;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};

use super::fill::{Filled, fill};
use super::{Held, mysql, mysql_and_mongo, sqlite};

async fn findings(of: &Held) -> Vec<String> {
    let mut findings = Vec::new();
    let checked = verify(of.whole(), &(), &mut |finding| findings.push(finding.to_string())).await.unwrap();
    assert_eq!(checked.findings, findings.len() as u64);
    assert!(checked.rooms >= 5 && checked.entries > 400 && checked.rows > 250, "{checked:?}");
    findings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_found_in_a_store_that_was_only_used() {
    let (file, store, _) = sqlite().await;
    fill(store.clone(), store).await;
    assert_eq!(findings(&file).await, Vec::<String>::new());
    for held in [mysql().await, mysql_and_mongo().await] {
        fill(held.store.clone(), held.logs.clone()).await;
        assert_eq!(findings(&held).await, Vec::<String>::new());
    }
}

/// What is done to a store, and what is found in it then.
type Planted = (&'static str, &'static [&'static str]);

/// `{p}` is the private room, `{g}` the group, `{a}` and `{b}` its people, `{m}` a number that is pinned.
const DEFECTS: &[Planted] = &[
    ("DELETE FROM jim_entries WHERE room = '{p}' AND seq = 2", &["{p} entry 2: it is missing"]),
    ("DELETE FROM jim_entries WHERE room = '{p}' AND seq > 1", &["{p} entry 2: the log ends at 1, its head says"]),
    (
        "UPDATE jim_entries SET ord = ord + 1 WHERE room = '{p}' AND seq = 3",
        &["{p} entry 3: its place is", "{p} entry 4: its place is"],
    ),
    (
        "UPDATE jim_entries SET fence = 1 WHERE room = '{p}' AND seq = 3",
        &["{p} entry 3: its fence is 1 and not 0", "{p} entry 4: its fence is 0 and not 1"],
    ),
    ("UPDATE jim_entries SET at = 1 WHERE room = '{p}' AND seq = 3", &["{p} entry 3: it is older"]),
    (
        "UPDATE jim_entries SET by_user = 99999 WHERE room = '{p}' AND seq = 1",
        &["{p} entry 1: there is no account 99999"],
    ),
    ("UPDATE jim_entries SET body = '{' WHERE room = '{p}' AND seq = 1", &["{p}: an entry cannot be read"]),
    (
        "UPDATE jim_rooms SET seq = seq - 1 WHERE room = '{p}'",
        &[
            "{p}: its head says",
            "it stands above the head",
            "conversations {a}/{p}: read_seq",
            "conversations {a}/{p}: mark",
            "hidden {b}/{p}",
        ],
    ),
    ("UPDATE jim_rooms SET at = at + 1 WHERE room = '{p}'", &["{p}: its head says another"]),
    (
        "INSERT INTO jim_rooms VALUES ('p:1:2222', 3, 3, 0, 1)",
        &["p:1:2222: there is a log of this room, and no such", "p:1:2222 entry 1: the log ends at 0"],
    ),
    ("INSERT INTO jim_rooms VALUES ('q:1', 3, 3, 0, 1)", &["room logs: a log has a name that is no room's"]),
    (
        "ALTER TABLE jim_entries RENAME TO old; CREATE TABLE jim_entries AS SELECT * FROM old;
      UPDATE jim_entries SET client_ref = 'kept' WHERE room = '{p}' AND client_ref = 'for-ben'",
        &["its writer used its reference before"],
    ),
    ("DELETE FROM jim_mentions WHERE room = '{p}'", &["somebody whom it mentions does not count it"]),
    ("INSERT INTO jim_mentions VALUES ({a}, '{p}', 99)", &["mentions {a}/{p}/99: seq 99 is no entry of {p}"]),
    ("DELETE FROM jim_retractions WHERE room = '{p}'", &["it was taken back and is not listed"]),
    ("DELETE FROM jim_user_log WHERE user_id = {a} AND seq = 1", &["user log {a} entry 1: it is missing"]),
    ("UPDATE jim_user_heads SET seq = seq + 1 WHERE user_id = {a}", &["user log {a}: it ends at"]),
    ("DELETE FROM jim_user_log WHERE user_id = {a}", &["user log {a}: it ends at 0"]),
    ("DELETE FROM jim_user_heads WHERE user_id = 6", &["users 6: id 6 leads to nothing in user_heads"]),
    (
        "INSERT INTO jim_outbox (room, task, at) VALUES ('{p}', '{\"task\":\"event\",\"event\":{\"kind\":\"pin.added\"}}', 1)",
        &["a task for {p} is not done (event pin.added)"],
    ),
    (
        "DELETE FROM jim_members WHERE group_id = {g} AND user_id = {b}",
        &["groups {g}: it says that it has 2 members, and has 1"],
    ),
    ("UPDATE jim_members SET role = 2 WHERE group_id = {g}", &["groups {g}: its owner is not the one"]),
    ("UPDATE jim_groups SET owner_id = {b} WHERE id = {g}", &["groups {g}: its owner is not the one"]),
    (
        "INSERT INTO jim_members VALUES ({g}, 99999, 0, NULL, NULL, 1)",
        &["members {g}/99999: user_id 99999 leads to nothing in users", "groups {g}: it says"],
    ),
    (
        "DELETE FROM jim_friendships WHERE user_id = {a} AND friend_id = {b}",
        &[
            "friendships {b}/{a}: friend_id {a} and user_id {b} leads to nothing in friendships",
            "friend_labels {a}/{b}/…: user_id {a} and friend_id {b} leads to nothing in friendships",
        ],
    ),
    (
        "INSERT INTO jim_statuses VALUES (99999, 1, NULL, NULL)",
        &["statuses 99999: user_id 99999 leads to nothing in users"],
    ),
    ("INSERT INTO jim_blocks VALUES ({a}, 99999, 0, 1)", &["blocks {a}/99999: blocked_id 99999 leads"]),
    ("INSERT INTO jim_blocks VALUES ({a}, {b}, 999, 1)", &["blocks {a}/{b}: it hides above 999"]),
    (
        "INSERT INTO jim_conversations (user_id, room, read_seq) VALUES ({a}, 'g:777', 0)",
        &["conversations {a}/g:777: there is no room g:777"],
    ),
    (
        "UPDATE jim_conversations SET read_seq = 999 WHERE user_id = {a} AND room = '{p}'",
        &["conversations {a}/{p}: read_seq 999 is no entry"],
    ),
    (
        "UPDATE jim_conversations SET mark_ord = 999 WHERE user_id = {a} AND room = '{p}'",
        &["conversations {a}/{p}: more entries are read"],
    ),
    (
        "INSERT INTO jim_conversations (user_id, room, read_seq) VALUES (4, '{p}', 0)",
        &["conversations 4/{p}: the private room is that of others"],
    ),
    ("INSERT INTO jim_pins VALUES ('{p}', 99, {a}, 1)", &["pins {p}/99: seq 99 is no entry"]),
    ("INSERT INTO jim_hidden VALUES ({a}, '{p}', 0)", &["hidden {a}/{p}/0: seq 0 is no entry"]),
    (
        "INSERT INTO jim_emails VALUES (99999, 'x@example.org', 'x@example.org', 1)",
        &["emails 99999: user_id 99999 leads to nothing in users"],
    ),
    ("DELETE FROM jim_totp WHERE user_id = {a}", &["totp_codes …/{a}: user_id {a} leads to nothing in totp"]),
    ("INSERT INTO jim_tickets VALUES ('secret', 999, 1)", &["tickets: session_id 999 leads to nothing in sessions"]),
    (
        "DELETE FROM jim_groups WHERE id = {g}",
        &[
            "g:{g}: there is a log of this room",
            "members {g}/{a}: group_id",
            "members {g}/{b}: group_id",
            "conversations {a}/g:{g}: there is no room",
            "conversations {b}/g:{g}: there is no room",
            "leads to nothing in groups",
            "mentions 0/g:{g}",
        ],
    ),
];

async fn plant(file: &Path, text: String) {
    let mut conn = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_planted_defect_is_found_and_nothing_else() {
    let (held, store, file) = sqlite().await;
    let filled = fill(store.clone(), store.clone()).await;
    assert_eq!(findings(&held).await, Vec::<String>::new());
    drop((held.archive, held.logs, held.store, store));
    let named = |text: &str| {
        let Filled { ann, ben, private, group, pinned, .. } = &filled;
        let text = text.replace("{p}", &private.to_string()).replace("{g}", &group.to_string());
        text.replace("{a}", &ann.to_string()).replace("{b}", &ben.to_string()).replace("{m}", &pinned.to_string())
    };
    let folder = tempfile::tempdir().unwrap();
    // The log is written back into the file before it is copied.
    plant(&file, "PRAGMA wal_checkpoint(TRUNCATE)".into()).await;
    let mut missed = Vec::new();
    for (n, (defect, wanted)) in DEFECTS.iter().enumerate() {
        let copy = folder.path().join(format!("{n}.db"));
        std::fs::copy(&file, &copy).unwrap();
        plant(&copy, named(defect)).await;
        let durability = jim_core::store::sql::Durability::Normal;
        let store = jim_core::store::sql::SqliteStore::open(&copy, durability).await.unwrap();
        let held = Held { archive: store.clone(), logs: store.clone(), store, keep: Vec::new() };
        let mut found = Vec::new();
        verify(held.whole(), &(), &mut |finding| found.push(finding.to_string())).await.unwrap();
        let wanted: Vec<String> = wanted.iter().map(|text| named(text)).collect();
        let each = wanted.iter().all(|text| found.iter().any(|found| found.contains(text)));
        let only = found.iter().all(|found| wanted.iter().any(|text| found.contains(text)));
        if !each || !only {
            missed.push(format!("{}\n  wanted {wanted:#?}\n  found {found:#?}", named(defect)));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
