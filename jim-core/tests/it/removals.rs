//! Who is removed while something is on its way, of his or to him.

use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;
use jim_core::Jim;
use jim_core::error::Code;
use jim_core::log::Frame;
use jim_core::repo::Store as _;
use jim_core::service::Sent;

use crate::groups::{club, last_of};
use crate::node::{Apart, Node, Town, eventually, message, refusal, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_its_way_when_its_sender_is_removed_is_not_refused_and_stored_all_the_same() {
    let town = Town::new().await;
    let (ann, ben, _, group, room) = club(&town).await;
    let other = Node::start(Jim::builder(town.store.clone(), town.log.clone()).build().await.unwrap());
    let say = |jim: &Jim| {
        let jim = jim.clone();
        tokio::spawn(async move { jim.messages().send(ben.id, room, &message("m-1")).await })
    };
    town.log.held.store(true, Ordering::SeqCst);
    let first = say(town.jim());
    town.log.entered().await;
    town.log.held.store(false, Ordering::SeqCst);
    // The log cannot be told of the removal yet.
    *town.log.broken.lock().unwrap() = Some(room);
    let jim = town.jim().clone();
    let removing = tokio::spawn(async move { jim.members().remove(ann.id, group, ben.id, false).await });
    eventually("he is a member no more", async || {
        town.store.read().await.unwrap().members().get(group, ben.id).await.unwrap().is_none()
    })
    .await;
    let again = say(&other.jim).await.unwrap();
    assert_ne!(refusal(&again), Some(Code::NotFound), "nobody knows yet");
    town.log.let_one_pass();
    let first = first.await.unwrap();
    assert!(matches!(first, Ok(Sent::New(_))), "{first:?}");
    *town.log.broken.lock().unwrap() = None;
    removing.await.unwrap().unwrap();
    let again = say(&other.jim).await.unwrap();
    assert!(matches!(again, Ok(Sent::Again(_))), "{again:?}");
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_hears_what_came_before_first_though_it_is_told_last() {
    let apart = Apart::new().await;
    let (ann, ben, _, group, room) = club(&apart.town).await;
    let mut ear = apart.attach(ben).await;
    // Nothing is read to close a hole, not by the audit either.
    apart.log.asks_held.store(true, Ordering::SeqCst);
    let before = apart.stored(room, ann.id, "before").await;
    apart.town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    apart.tell_of_room(room, before.seq.0).await;
    apart.tell_of_person(ben.id, ear.head("me")).await;
    // The hole is seen, and nothing read yet to close it.
    apart.log.entered().await;
    assert!(ear.listen().now_or_never().is_none(), "he hears of his removal before it is his turn");
    apart.tell(Frame::room(&before)).await;
    ear.until("me", ear.head("me") + 1).await;
    assert_eq!(ear.last(&room.to_string()), before.seq.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_hears_what_came_before_though_nothing_else_is_told() {
    let apart = Apart::new().await;
    let (ann, ben, _, group, room) = club(&apart.town).await;
    let mut ear = apart.attach(ben).await;
    let before = apart.stored(room, ann.id, "before").await;
    apart.town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    apart.tell_of_person(ben.id, ear.head("me")).await;
    ear.until("me", ear.head("me") + 1).await;
    assert_eq!(ear.last(&room.to_string()), before.seq.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_is_told_when_the_room_knows_though_it_is_read_before() {
    let apart = Apart::new().await;
    let (ann, ben, _, group, room) = club(&apart.town).await;
    let mut ear = apart.attach(ben).await;
    *apart.town.log.broken.lock().unwrap() = Some(room);
    apart.town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    *apart.town.log.broken.lock().unwrap() = None;
    let before = apart.stored(room, ann.id, "before").await;
    apart.tell_of_person(ben.id, ear.head("me")).await;
    ear.until("me", ear.head("me") + 1).await;
    assert_eq!(ear.last(&room.to_string()), before.seq.0);
    assert_eq!(last_of(&apart.town, ann.id, room, "member.removed").await, Some(before.seq.0 + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_told_that_he_is_out_hears_nothing_more_though_the_room_does_not_know_yet() {
    let town = Town::new().await;
    let (ann, ben, private, group, room) = club(&town).await;
    let mut ear = town.attach(ben).await;
    let head = ear.head(&room.to_string());
    *town.log.broken.lock().unwrap() = Some(room);
    town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    ear.until("me", ear.head("me") + 1).await;
    *town.log.broken.lock().unwrap() = None;
    send(town.jim(), ann.id, room, "after").await;
    let sentinel = send(town.jim(), ann.id, private, "done").await;
    ear.until(&private.to_string(), sentinel).await;
    assert_eq!(ear.last(&room.to_string()), head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_let_in_again_before_he_is_told_that_he_was_out_hears_each_entry_once() {
    let apart = Apart::new().await;
    let (ann, ben, _, group, room) = club(&apart.town).await;
    let mut ear = apart.attach(ben).await;
    let head = ear.head(&room.to_string());
    apart.town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    apart.town.jim().members().add(ann.id, group, &[ben.id]).await.unwrap();
    apart.tell_of_room(room, head).await;
    ear.begin(&room.to_string(), head + 1);
    ear.until(&room.to_string(), head + 2).await;
    apart.tell_of_person(ben.id, ear.head("me")).await;
    ear.until("me", ear.head("me") + 2).await;
    let next = send(apart.town.jim(), ann.id, room, "next").await;
    apart.tell_of_room(room, next - 1).await;
    ear.until(&room.to_string(), next).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_that_he_is_out_while_he_is_being_let_in_is_not_let_in() {
    let town = Town::new().await;
    let (ann, ben, private, group, room) = club(&town).await;
    town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    let mut ear = town.attach(ben).await;
    *town.log.head_held.lock().unwrap() = Some(room);
    town.jim().members().add(ann.id, group, &[ben.id]).await.unwrap();
    // His rooms are read; then the room's head is asked for once more, to let the listener in.
    town.log.entered().await;
    town.log.let_one_pass();
    town.log.entered().await;
    // The log cannot be told of the removal yet.
    *town.log.broken.lock().unwrap() = Some(room);
    town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    ear.until("me", ear.head("me") + 2).await;
    *town.log.broken.lock().unwrap() = None;
    *town.log.head_held.lock().unwrap() = None;
    town.log.let_one_pass();
    send(town.jim(), ann.id, room, "after").await;
    let sentinel = send(town.jim(), ann.id, private, "done").await;
    ear.until(&private.to_string(), sentinel).await;
    assert!(ear.heard(&room.to_string()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_out_is_told_though_the_room_cannot_be_read() {
    let apart = Apart::new().await;
    let (ann, ben, _, group, _) = club(&apart.town).await;
    let mut ear = apart.attach(ben).await;
    apart.town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    apart.log.asks_held.store(true, Ordering::SeqCst);
    apart.tell_of_person(ben.id, ear.head("me")).await;
    ear.until("me", ear.head("me") + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_a_group_that_has_ended_is_told_though_the_room_says_nothing() {
    let town = Town::new().await;
    let (ann, ben, _, group, room) = club(&town).await;
    let mut ear = town.attach(ben).await;
    town.jim().groups().dissolve(ann.id, group).await.unwrap();
    ear.until(&room.to_string(), ear.head(&room.to_string()) + 1).await;
    town.jim().members().leave(ben.id, group).await.unwrap();
    ear.until("me", ear.head("me") + 1).await;
}
