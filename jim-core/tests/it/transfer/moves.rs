//! Moves from engine to engine.

use std::sync::atomic::AtomicI64;

use jim_core::id::OutboxId;
use jim_core::model::Kind;
use jim_core::repo::tables::{SETTINGS, USERS};
use jim_core::repo::{Lock, RoomEvent, Store as _, Task};
use jim_core::testkit::fixtures;
use jim_core::transfer::{Comparison, Move, MoveError, Moving, Whole, give_up, moving, verify};

use super::fill::fill;
use super::limited::Limited;
use super::{Held, dump, mysql, mysql_and_mongo, sqlite};

async fn carry(from: &Held, to: &Held) -> Result<Comparison, MoveError> {
    Move { from: from.whole(), to: to.whole(), only_logs: false, mark_source: false }.run(&()).await
}

async fn findings(of: &Held) -> Vec<String> {
    let mut findings = Vec::new();
    verify(of.whole(), &(), &mut |finding| findings.push(finding.to_string())).await.unwrap();
    findings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_goes_round_all_engines_and_comes_back_as_it_was() {
    let (first, store, _) = sqlite().await;
    let filled = fill(store.clone(), store.clone()).await;
    let mut unit = store.write(&[Lock::User(filled.ann), Lock::User(filled.ben)]).await.unwrap();
    for _ in 0..3 {
        let event = RoomEvent { kind: Kind::PIN_REMOVED, by: filled.ann, data: serde_json::json!({ "seq": 1 }) };
        unit.owe(&filled.private, &Task::Event(event), fixtures::AT).await.unwrap();
    }
    // Its id was given, and must not be given again.
    let last = first_task(&mut unit, &filled).await;
    unit.outbox().remove(OutboxId(last.0 + 2)).await.unwrap();
    fixtures::commit(unit).await;

    let before = dump(&first).await;
    assert!(before.values().filter(|rows| !rows.is_empty()).count() >= before.len() - 1, "{before:#?}");
    let (last, _, _) = sqlite().await;
    let round = [&first, &mysql().await, &mysql_and_mongo().await, &mysql().await, &last];
    for (from, to) in round.iter().zip(&round[1..]) {
        let done = carry(from, to).await.unwrap();
        assert!(done.is_equal(), "{done:#?}");
        assert!(done.rooms >= 5 && done.entries > 460, "{done:#?}");
        assert_eq!(moving(&*to.store).await.unwrap(), None);
    }
    let after = dump(&last).await;
    for (what, rows) in &before {
        assert_eq!(&after[what], rows, "{what}");
    }
    assert_eq!(after.len(), before.len());
}

async fn first_task(unit: &mut jim_core::repo::Unit, filled: &super::fill::Filled) -> OutboxId {
    unit.outbox().list(&filled.private, 10).await.unwrap()[0].0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_dies_after_any_page_goes_on_and_ends_equal() {
    let (from, store, _) = sqlite().await;
    fill(store.clone(), store).await;
    let (back, _, _) = sqlite().await;
    for to in [mysql_and_mongo().await, mysql().await, back] {
        let mut deaths = 0;
        loop {
            let limited = Limited { store: to.archive.clone(), logs: to.logs.clone(), left: AtomicI64::new(1) };
            let target = Whole { store: &limited, logs: &limited };
            let all = Move { from: from.whole(), to: target, only_logs: false, mark_source: false };
            match all.run(&()).await {
                Err(MoveError::Target(_)) => deaths += 1,
                done => {
                    assert!(done.unwrap().is_equal());
                    break;
                }
            }
            let standing = moving(&*to.store).await.unwrap();
            assert!(standing == Some(Moving::Here) || deaths == 1, "{standing:?}");
            assert!(deaths < 200);
        }
        assert!(deaths > 25, "{deaths}");
        assert_eq!(moving(&*to.store).await.unwrap(), None);
        assert_eq!(findings(&to).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_holds_other_data_is_refused_and_left_alone() {
    let (from, store, _) = sqlite().await;
    fill(store.clone(), store).await;
    let to = mysql().await;
    fixtures::user(&*to.store, "zoe").await;
    let before = dump(&to).await;
    assert!(matches!(carry(&from, &to).await, Err(MoveError::Occupied)));
    assert_eq!(dump(&to).await, before);
    // Logs alone count too.
    let to = mysql_and_mongo().await;
    fixtures::messages(&*to.logs, "g:1".parse().unwrap(), jim_core::id::UserId(1), 1).await;
    assert!(matches!(carry(&from, &to).await, Err(MoveError::Occupied)));
    // So does what another store's move has begun, and that is no source either.
    let (other, store, _) = sqlite().await;
    fill(store.clone(), store).await;
    let (to, _, _) = sqlite().await;
    let limited = Limited { store: to.archive.clone(), logs: to.logs.clone(), left: AtomicI64::new(5) };
    let target = Whole { store: &limited, logs: &limited };
    let begun = Move { from: other.whole(), to: target, only_logs: false, mark_source: false };
    assert!(matches!(begun.run(&()).await, Err(MoveError::Target(_))));
    assert!(matches!(carry(&from, &to).await, Err(MoveError::Occupied)));
    assert!(matches!(carry(&to, &mysql().await).await, Err(MoveError::Unfinished)));
    assert!(carry(&other, &to).await.unwrap().is_equal());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_changed_meanwhile_is_told_and_the_target_stays_marked() {
    let (from, store, _) = sqlite().await;
    let filled = fill(store.clone(), store.clone()).await;
    let to = mysql().await;
    let limited = Limited { store: to.archive.clone(), logs: to.logs.clone(), left: AtomicI64::new(20) };
    let target = Whole { store: &limited, logs: &limited };
    let begun = Move { from: from.whole(), to: target, only_logs: false, mark_source: false };
    assert!(matches!(begun.run(&()).await, Err(MoveError::Target(_))));
    // Somebody is served in between: a row that was carried changes.
    let mut unit = from.store.write(&[Lock::User(filled.ann)]).await.unwrap();
    unit.friends().set_remark(filled.ann, filled.ben, Some("Benny")).await.unwrap();
    fixtures::commit(unit).await;
    let done = carry(&from, &to).await.unwrap();
    let differs: Vec<_> = done.tables.iter().filter(|table| !table.equal).map(|table| table.table).collect();
    assert_eq!(differs, ["friendships"]);
    assert_eq!(moving(&*to.store).await.unwrap(), Some(Moving::Here));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_alone_go_to_another_place_and_back() {
    let from = mysql().await;
    fill(from.store.clone(), from.logs.clone()).await;
    let mut away = mysql_and_mongo().await;
    away.archive = from.archive.clone();
    let there = Move { from: from.whole(), to: away.whole(), only_logs: true, mark_source: false };
    let limited = Limited { store: from.archive.clone(), logs: away.logs.clone(), left: AtomicI64::new(3) };
    let dying = Move { to: Whole { store: &limited, logs: &limited }, ..there };
    assert!(matches!(dying.run(&()).await, Err(MoveError::Target(_))));
    assert_eq!(moving(&*from.store).await.unwrap(), Some(Moving::Away));
    let done = there.run(&()).await.unwrap();
    assert!(done.is_equal() && done.rooms >= 5 && done.tables.is_empty(), "{done:#?}");
    assert_eq!(moving(&*from.store).await.unwrap(), None);
    // The logs that stayed are other data now.
    let back = Move { from: away.whole(), to: from.whole(), ..there };
    assert!(matches!(back.run(&()).await, Err(MoveError::Occupied)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_on_a_server_is_marked_until_the_end_or_until_somebody_gives_up() {
    let from = mysql().await;
    fixtures::user(&*from.store, "ann").await;
    let to = mysql().await;
    let limited = Limited { store: to.archive.clone(), logs: to.logs.clone(), left: AtomicI64::new(1) };
    let target = Whole { store: &limited, logs: &limited };
    let all = Move { from: from.whole(), to: target, only_logs: false, mark_source: true };
    assert!(matches!(all.run(&()).await, Err(MoveError::Target(_))));
    assert_eq!(moving(&*from.store).await.unwrap(), Some(Moving::Away));
    assert!(give_up(&*from.archive).await.unwrap());
    assert!(!give_up(&*from.archive).await.unwrap() && !give_up(&*to.archive).await.unwrap());
    assert_eq!(moving(&*from.store).await.unwrap(), None);
    assert!(Move { to: to.whole(), ..all }.run(&()).await.unwrap().is_equal());
    assert_eq!(moving(&*from.store).await.unwrap(), None);
    assert_eq!(
        to.archive.rows(&SETTINGS, &[], 10).await.unwrap(),
        from.archive.rows(&SETTINGS, &[], 10).await.unwrap()
    );
    assert_eq!(to.archive.rows(&USERS, &[], 10).await.unwrap().len(), 1);
}
