//! What only a file can get wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jim_core::bus::LocalBus;
use jim_core::error::Code;
use jim_core::id::{JoinRequestId, RoomId, Seq, WorldId};
use jim_core::model::friend::RequestStatus;
use jim_core::model::group::GroupName;
use jim_core::model::joining::JoinRequestRow;
use jim_core::model::{Kind, Limits};
use jim_core::repo::{RoomLogRepo, Store};
use jim_core::store::sql::{Durability, MigrateError, SqliteStore};
use jim_core::testkit::fixtures::{AT, block, commit, friends, new_entry, private, users};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::node::{Node, options, refusal, send};

async fn store() -> (Arc<SqliteStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteStore::file(folder.path()), Durability::Full).await.unwrap();
    (store, folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_hang_up_while_a_unit_begins_leave_no_transaction_behind() {
    let (store, _folder) = store().await;
    for pause in 0..400 {
        let pause = Duration::from_micros(pause);
        let (read, write) = tokio::join!(timeout(pause, Store::read(&*store)), timeout(pause, store.write(&[])));
        drop((read, write));
    }
    for n in 0..8 {
        let mut unit = store.write(&[]).await.unwrap();
        unit.settings().ensure("last", &n.to_string()).await.unwrap();
        commit(unit).await;
        assert_eq!(Store::read(&*store).await.unwrap().settings().get("last").await.unwrap().as_deref(), Some("0"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upkeep_writes_the_log_back_into_the_file() {
    let (store, folder) = store().await;
    let ids = users(&*store, "user", 2).await;
    let room = private(ids[0], ids[1]);
    let batch: Vec<_> = (0..200).map(|n| new_entry(room, ids[0], &format!("r{n}"), "some text")).collect();
    RoomLogRepo::append(&*store, &batch).await.unwrap();
    let before = std::fs::metadata(SqliteStore::file(folder.path())).unwrap().len();
    store.maintain().await.unwrap();
    let after = std::fs::metadata(SqliteStore::file(folder.path())).unwrap().len();
    assert!(after > before, "{before} {after}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_belongs_to_one_store_at_a_time() {
    let (store, folder) = store().await;
    let file = SqliteStore::file(folder.path());
    let second = SqliteStore::open(&file, Durability::Full).await;
    assert!(matches!(second, Err(MigrateError::InUse)));
    drop(store);
    SqliteStore::open(&file, Durability::Full).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_are_remembered_and_a_block_is_seen_by_whoever_asks_after_its_commit() {
    let (store, _folder) = store().await;
    let ids = users(&*store, "user", 2).await;
    let ask = (ids[0], ids[1]);
    // Odd: the block is committed; even: it is not, or it is being taken back.
    let blocked = Arc::new(AtomicU64::new(0));
    let known = Arc::new(AtomicU64::new(0));
    let reader = |(store, blocked, known): (Arc<SqliteStore>, Arc<AtomicU64>, Arc<AtomicU64>)| async move {
        loop {
            let before = blocked.load(Ordering::SeqCst);
            if before == u64::MAX {
                return;
            }
            let rights = match store.known_private_rights(ask.0, ask.1) {
                Some(rights) => {
                    known.fetch_add(1, Ordering::Relaxed);
                    rights
                }
                None => store.private_rights(&[ask]).await.unwrap()[0],
            };
            if before % 2 == 1 && blocked.load(Ordering::SeqCst) == before {
                assert!(rights.blocked, "asked after commit {before}");
            }
            tokio::task::yield_now().await;
        }
    };
    let readers: Vec<_> =
        (0..4).map(|_| tokio::spawn(reader((store.clone(), blocked.clone(), known.clone())))).collect();
    for _ in 0..300 {
        let mut unit = store.write(&[]).await.unwrap();
        unit.blocks().add(ids[1], ids[0], AT).await.unwrap();
        commit(unit).await;
        blocked.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        blocked.fetch_add(1, Ordering::SeqCst);
        let mut unit = store.write(&[]).await.unwrap();
        unit.blocks().remove(ids[1], ids[0]).await.unwrap();
        commit(unit).await;
    }
    blocked.store(u64::MAX, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(known.load(Ordering::Relaxed) > 0, "nothing was remembered");
}

/// Rows of each table that has any.
async fn rows(file: &Path) -> BTreeMap<String, i64> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    let tables = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&mut conn).await.unwrap();
    let mut counts = BTreeMap::new();
    for table in tables {
        let name: String = table.get(0);
        let count = sqlx::query(AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{name}\"")));
        counts.insert(name, count.fetch_one(&mut conn).await.unwrap().get(0));
    }
    conn.close().await.unwrap();
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_marks_take_one_row_for_each_member_however_much_is_read() {
    const MESSAGES: i64 = 40;
    let (store, folder) = store().await;
    let file = SqliteStore::file(folder.path());
    let node = Node::run(store.clone(), store.clone(), Arc::new(LocalBus::default()), options()).await;
    let ids = users(&*store, "user", 8).await;
    for id in &ids[1..] {
        friends(&*store, ids[0], *id).await;
    }
    let name = GroupName::parse("Club", &Limits::default()).unwrap();
    let room = node.jim.groups().create(ids[0], name, &ids[1..]).await.unwrap().0.room;
    let mut last = 0;
    for n in 0..MESSAGES {
        last = send(&node.jim, ids[0], room, &format!("m-{n}")).await;
    }
    let before = rows(&file).await;
    for n in 0..MESSAGES {
        for id in &ids {
            node.jim.reads().set(*id, room, Seq(last - MESSAGES + 1 + n)).await.unwrap();
        }
    }
    for seq in [last - MESSAGES + 1, last] {
        let readers = node.jim.reads().readers(ids[0], room, Seq(seq), None, 100).await.unwrap().items;
        assert_eq!(readers.len(), ids.len() - 1, "all but the author");
    }
    assert_eq!(rows(&file).await, before, "{} members have read {MESSAGES} messages each", ids.len());
    // In a world channel, where nobody is a member, one row for each who has read.
    let world = RoomId::World(WorldId::FIRST);
    for n in 0..MESSAGES {
        let seq = send(&node.jim, ids[0], world, &format!("w-{n}")).await;
        for id in &ids[1..4] {
            node.jim.reads().set(*id, world, Seq(seq)).await.unwrap();
        }
    }
    assert_eq!(rows(&file).await["jim_conversations"], before["jim_conversations"] + 4);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_wait_for_a_group_that_its_end_can_turn_them_all_away_at_once() {
    let (store, _folder) = store().await;
    let node = Node::run(store.clone(), store.clone(), Arc::new(LocalBus::default()), options()).await;
    let most = node.jim.options().limits.group_waiting as usize;
    let ids = users(&*store, "user", most + 4).await;
    let (ann, ben, blocker, late, rest) = (ids[0], ids[1], ids[2], ids[3], &ids[4..]);
    friends(&*store, ann, ben).await;
    block(&*store, blocker, ben).await;
    let name = GroupName::parse("Club", &Limits::default()).unwrap();
    let group = node.jim.groups().create(ann, name, &[ben]).await.unwrap().0.id;
    // Half of them ask, half are asked; by an ordinary member, a hundred in a call.
    let (asking, asked) = rest.split_at(most / 2);
    let mut unit = store.write(&[]).await.unwrap();
    for user in asking {
        let (id, status) = (JoinRequestId(0), RequestStatus::Pending);
        let row = JoinRequestRow { id, group, user: *user, note: None, status, created_at: AT };
        unit.join_requests().add(&row).await.unwrap();
    }
    commit(unit).await;
    for some in asked.chunks(100) {
        assert_eq!(node.jim.members().add(ben, group, some).await.unwrap().invited, some);
    }

    for user in [late, blocker] {
        let refused = node.jim.members().add(ben, group, &[user]).await;
        assert_eq!(refusal(&refused), Some(Code::WaitingFull), "whether he blocks does not show");
    }
    assert_eq!(refusal(&node.jim.joining().join(late, group, None).await), Some(Code::WaitingFull));
    // Who waits already may be asked again, and takes no second place.
    node.jim.members().add(ben, group, &[asked[0], asking[0]]).await.unwrap();
    node.jim.joining().join(asking[0], group, None).await.unwrap();

    node.jim.groups().dissolve(ann, group).await.unwrap();
    for (users, kind) in [(asking, Kind::JOIN_DECIDED), (asked, Kind::GROUP_UNINVITED)] {
        for user in users {
            let log = node.jim.user_log().read(*user, None, 100).await.unwrap();
            let last: Value = serde_json::from_slice(log.items.last().unwrap()).unwrap();
            assert_eq!(last["type"], kind.as_str(), "{user}");
        }
    }
    node.stop().await;
}
