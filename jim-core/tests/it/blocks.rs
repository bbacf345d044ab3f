//! Who is blocked while something of his is on its way, and the other node hears nothing of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jim_core::id::RoomId;
use jim_core::log::Frame;
use jim_core::model::block::BlockRow;
use jim_core::repo::Store as _;
use jim_core::service::Sent;
use serde_json::json;

use crate::groups::club;
use crate::node::{Apart, Ear, Person, eventually, message, send};

async fn stands(apart: &Apart, who: Person, other: Person) -> Option<BlockRow> {
    apart.town.store.read().await.unwrap().blocks().get(who.id, other.id).await.unwrap()
}

/// Which of the frames of a room show nothing.
fn hidden(ear: &Ear, room: RoomId) -> Vec<bool> {
    ear.heard(&room.to_string()).iter().map(|frame| frame["data"] == json!({ "hidden": true })).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_after_its_senders_block_was_answered_elsewhere_is_hidden() {
    let apart = Apart::new().await;
    let (ann, ben, room) = apart.town.friends().await;
    let (mut anns, mut bens) = (apart.attach(ann).await, apart.attach(ben).await);
    apart.log.held.store(true, Ordering::SeqCst);
    let jim = apart.other.jim.clone();
    let late = tokio::spawn(async move { jim.messages().send(ann.id, room, &message("late")).await });
    apart.log.entered().await;
    apart.town.jim().blocks().block(ben.id, ann.id).await.unwrap();
    apart.log.release();
    let late = late.await.unwrap();
    assert!(matches!(late, Ok(Sent::New(_))), "{late:?}");
    for ear in [&mut anns, &mut bens] {
        ear.until(&room.to_string(), 1).await;
    }
    assert_eq!(hidden(&anns, room), [false], "its sender sees it");
    assert_eq!(hidden(&bens, room), [true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_to_close_a_hole_is_hidden_by_a_block_that_was_answered_before_it_was_stored() {
    let apart = Apart::new().await;
    let (ann, ben, room) = apart.town.friends().await;
    let mut bens = apart.attach(ben).await;
    apart.log.asks_held.store(true, Ordering::SeqCst);
    apart.stored(room, ann.id, "unheard").await;
    let heard = apart.stored(room, ann.id, "heard").await;
    apart.tell(Frame::room(&heard)).await;
    apart.log.entered().await;
    apart.town.jim().blocks().block(ben.id, ann.id).await.unwrap();
    apart.stored(room, ann.id, "late").await;
    apart.log.release();
    bens.until(&room.to_string(), 3).await;
    assert_eq!(hidden(&bens, room), [false, false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_for_somebody_who_comes_into_a_room_is_hidden_by_a_block_that_was_answered_before() {
    let apart = Apart::new().await;
    let [ann, ben] = apart.town.people(2).await[..] else { panic!("two people") };
    let mut bens = apart.attach(ben).await;
    *apart.log.head_held.lock().unwrap() = RoomId::private(ann.id, ben.id);
    let jim = &apart.other.jim;
    let request = jim.friend_requests().request(ann.id, ben.id, None).await.unwrap().0;
    let room = jim.friend_requests().accept(ben.id, request.id, None).await.unwrap().room;
    apart.log.entered().await;
    apart.town.jim().blocks().block(ben.id, ann.id).await.unwrap();
    apart.stored(room, ann.id, "late").await;
    *apart.log.head_held.lock().unwrap() = None;
    apart.log.release();
    bens.until(&room.to_string(), 2).await;
    assert_eq!(hidden(&bens, room), [false, true], "the greeting, and what is hidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_long_to_be_stored_is_heard_where_nobody_blocks_and_not_read_again() {
    let apart = Apart::new().await;
    let (ann, ben, room) = apart.town.friends().await;
    let mut bens = apart.attach(ben).await;
    apart.log.held.store(true, Ordering::SeqCst);
    let jim = apart.other.jim.clone();
    let late = tokio::spawn(async move { send(&jim, ann.id, room, "late").await });
    apart.log.entered().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    apart.log.release();
    // The node has the message already.
    apart.log.asks_held.store(true, Ordering::SeqCst);
    assert_eq!(late.await.unwrap(), 1);
    assert_eq!(send(&apart.other.jim, ann.id, room, "next").await, 2);
    bens.until(&room.to_string(), 2).await;
    assert_eq!(hidden(&bens, room), [false, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_whose_caller_hangs_up_is_finished_all_the_same() {
    let apart = Apart::new().await;
    let (ann, ben, _) = apart.town.friends().await;
    let asked = apart.town.jim().blocks().block(ben.id, ann.id);
    assert!(tokio::time::timeout(Duration::from_millis(50), asked).await.is_err(), "it waits");
    eventually("the block is finished", async || {
        stands(&apart, ben, ann).await.is_some_and(|block| block.cut.is_some())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_stands_already_waits_for_nothing() {
    let apart = Apart::new().await;
    let (ann, ben, room) = apart.town.friends().await;
    apart.town.jim().blocks().block(ben.id, ann.id).await.unwrap();
    let before = stands(&apart, ben, ann).await.unwrap().cut;
    // Who waited for others would ask for this next.
    *apart.town.log.head_held.lock().unwrap() = Some(room);
    apart.town.jim().blocks().block(ben.id, ann.id).await.unwrap();
    assert_eq!(stands(&apart, ben, ann).await.unwrap().cut, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_a_group_that_another_release_calls_late_is_heard_all_the_same() {
    let apart = Apart::new().await;
    let (ann, ben, _, _, room) = club(&apart.town).await;
    let mut ear = apart.attach(ben).await;
    let entry = apart.stored(room, ann.id, "late").await;
    let mut frame = Frame::room(&entry);
    frame.header.as_mut().unwrap().late = true;
    apart.tell(frame).await;
    ear.until(&room.to_string(), entry.seq.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_is_not_finished_by_an_earlier_one_that_was_taken_back() {
    let apart = Apart::new().await;
    let (ann, ben, room) = apart.town.friends().await;
    *apart.town.log.head_held.lock().unwrap() = Some(room);
    let block = || {
        let jim = apart.town.jim().clone();
        tokio::spawn(async move { jim.blocks().block(ben.id, ann.id).await })
    };
    let first = block();
    apart.town.log.entered().await;
    apart.town.jim().blocks().unblock(ben.id, ann.id).await.unwrap();
    let second = block();
    apart.town.log.entered().await;
    apart.town.log.let_one_pass();
    first.await.unwrap().unwrap();
    assert_eq!(stands(&apart, ben, ann).await.unwrap().cut, None, "the second has not read its number");
    apart.town.log.let_one_pass();
    second.await.unwrap().unwrap();
    assert!(stands(&apart, ben, ann).await.unwrap().cut.is_some());
}
