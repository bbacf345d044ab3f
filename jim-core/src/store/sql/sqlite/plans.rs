//! How SQLite finds what lists ask for: page by page out of an index, whatever else there is.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::{Durability, SqliteStore};
use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::model::audit::AuditFilter;
use crate::model::friend::{Direction, FriendFilter, Label};
use crate::repo::{RoomLogRepo, Slice, Store};
use crate::store::sql::conn::{Verbs as _, args};
use crate::store::sql::sql;
use crate::testkit::fixtures::AT;

tokio::task_local! {
    static NOTED: Mutex<BTreeSet<String>>;
}

/// Takes note of a statement that is run where somebody looks at plans.
pub(in crate::store::sql) fn note(sql: &str) {
    let _ = NOTED.try_with(|noted| noted.lock().unwrap().insert(sql.to_owned()));
}

/// Every list of which there may be more than one page. Not the search for people, which sorts those of a prefix.
async fn lists(store: &SqliteStore) {
    let (user, group, room) = (UserId(1), GroupId(1), RoomId::Group(GroupId(1)));
    for slice in [Slice::After(Seq(1)), Slice::Before(Seq(9))] {
        RoomLogRepo::read(store, &room, slice, 9).await.unwrap();
    }
    let mut unit = Store::read(store).await.unwrap();
    for slice in [Slice::After(Seq(1)), Slice::Before(Seq(9))] {
        unit.user_log().read(user, slice, 9).await.unwrap();
    }
    for direction in [Direction::In, Direction::Out] {
        unit.friend_requests().list(user, direction, None, 9).await.unwrap();
    }
    for (label, starred) in [(None, false), (None, true), (Some("work"), false), (Some("work"), true)] {
        let filter = FriendFilter { label: label.map(|label| Label::parse(label).unwrap()), starred };
        unit.friends().find_by_filter(user, &filter, None, 9).await.unwrap();
    }
    unit.blocks().list(user, None, 9).await.unwrap();
    unit.sessions().list(user, AT).await.unwrap();
    unit.groups().list(user, None, 9).await.unwrap();
    unit.groups().list_by_id(&[group]).await.unwrap();
    unit.members().list(group, None, 9).await.unwrap();
    unit.members().list_of(user, &[group]).await.unwrap();
    unit.blacklist().list(group, None, 9).await.unwrap();
    unit.invitations().list(user, None, 9).await.unwrap();
    unit.invitations().list_of(group, None, 9).await.unwrap();
    unit.join_requests().list(group, None, 9).await.unwrap();
    unit.join_requests().list_pending(group, None, 9).await.unwrap();
    unit.conversations().list(user).await.unwrap();
    unit.conversations().readers(&room, Seq(1), None, 9).await.unwrap();
    unit.hidden().list(user, &room, Seq(1), Seq(9)).await.unwrap();
    unit.outbox().list(&room, 9).await.unwrap();
    unit.audit().list(&AuditFilter::default(), None, 9).await.unwrap();
    for filter in [
        AuditFilter { by: Some(user), ..AuditFilter::default() },
        AuditFilter { action: Some("a".into()), ..AuditFilter::default() },
        AuditFilter { target: Some("t".into()), ..AuditFilter::default() },
    ] {
        unit.audit().list(&filter, None, 9).await.unwrap();
    }
}

#[tokio::test]
async fn every_list_is_read_out_of_an_index_in_the_order_of_its_pages() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteStore::file(folder.path()), Durability::Normal).await.unwrap();
    let noted = NOTED
        .scope(Mutex::default(), async {
            lists(&store).await;
            NOTED.with(|noted| std::mem::take(&mut *noted.lock().unwrap()))
        })
        .await;
    let tables = |sql: &str| sql.matches("FROM jim_").count();
    assert!(noted.iter().map(|sql| tables(sql)).sum::<usize>() > 20, "{noted:#?}");
    let mut reader = store.readers.acquire().await.unwrap();
    for statement in noted.iter().filter(|text| tables(text) > 0 && !text.contains("jim_settings")) {
        let plan = sql(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps: Vec<(i64, i64, i64, String)> = reader.rows(plan, args![]).await.unwrap();
        for (.., step) in steps {
            assert!(step.starts_with("SEARCH"), "{step}: {statement}");
        }
    }
}
