//! Histories, read by pages while they grow.

use std::sync::Arc;

use jim_core::Jim;
use jim_core::id::{RoomId, Seq, UserId};
use jim_core::repo::{RoomLogRepo, Slice, Store};
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::store::sql::{Durability, SqliteStore};
use jim_core::testkit::fixtures;
use proptest::prelude::*;
use serde_json::Value;

use super::{cases, runtime};

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn pages_of_a_history_lose_and_repeat_nothing_while_entries_are_appended(
        begin in 0..40_usize,
        steps in prop::collection::vec((1..12_u16, 0..8_usize), 1..10),
    ) {
        runtime().block_on(async {
            let log = Arc::new(MemoryRoomLog::default());
            page_through(Arc::new(MemoryStore::default()), log, begin, &steps).await;
        });
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn pages_of_a_history_in_a_file_lose_and_repeat_nothing_while_entries_are_appended(
        begin in 0..40_usize,
        steps in prop::collection::vec((1..12_u16, 0..8_usize), 1..10),
    ) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let file = SqliteStore::file(folder.path());
            let store = SqliteStore::open(&file, Durability::Normal).await.unwrap();
            page_through(store.clone(), store, begin, &steps).await;
        });
    }
}

/// Appends so many entries; their references never repeat.
async fn append(log: &dyn RoomLogRepo, room: RoomId, total: &mut usize, count: usize) {
    for _ in 0..count {
        *total += 1;
        let entry = fixtures::new_entry(room, UserId(1), &format!("m-{total}"), "text");
        log.append(&[entry]).await.unwrap();
    }
}

/// Reads a history down and up by pages of these sizes, and appends so many entries after each page.
async fn page_through(store: Arc<dyn Store>, log: Arc<dyn RoomLogRepo>, begin: usize, steps: &[(u16, usize)]) {
    let people = fixtures::users(&*store, "p", 2).await;
    let room = fixtures::open(&*store, people[0], people[1]).await;
    let jim = Jim::builder(store, log.clone()).build().await.unwrap();
    let mut total = 0;
    append(&*log, room, &mut total, begin).await;
    let seqs = |items: &[bytes::Bytes]| -> Vec<i64> {
        let seq = |item: &bytes::Bytes| serde_json::from_slice::<Value>(item).unwrap()["seq"].as_i64().unwrap();
        items.iter().map(seq).collect()
    };

    let mut down: Vec<i64> = Vec::new();
    let mut position = None;
    for (limit, more) in steps.iter().cycle() {
        let page = jim.messages().history(people[0], room, position, *limit).await.unwrap();
        assert_eq!(page.last, Seq(i64::try_from(total).unwrap()));
        let mut items = seqs(&page.items);
        assert!(items.len() <= usize::from(*limit) && (items.len() == usize::from(*limit) || !page.has_more));
        items.extend(down);
        down = items;
        if !page.has_more {
            break;
        }
        position = Some(Slice::Before(Seq(down[0])));
        append(&*log, room, &mut total, *more).await;
    }
    assert_eq!(down, (1..=i64::try_from(begin).unwrap()).collect::<Vec<_>>(), "downwards");

    let mut up: Vec<i64> = Vec::new();
    let mut writing = steps.iter();
    for (limit, _) in steps.iter().cycle() {
        let after = Slice::After(Seq(up.last().copied().unwrap_or_default()));
        let page = jim.messages().history(people[1], room, Some(after), *limit).await.unwrap();
        let items = seqs(&page.items);
        assert!(items.len() <= usize::from(*limit) && (items.len() == usize::from(*limit) || !page.has_more));
        up.extend(items);
        assert_eq!(page.has_more, up.len() < total, "{} of {total} are read", up.len());
        match writing.next() {
            Some((_, more)) => append(&*log, room, &mut total, *more).await,
            None if !page.has_more => break,
            None => {}
        }
    }
    assert_eq!(up, (1..=i64::try_from(total).unwrap()).collect::<Vec<_>>(), "upwards");
}
