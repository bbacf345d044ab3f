//! Who is removed while something of his is on its way.

use std::sync::atomic::Ordering;

use jim_core::Jim;
use jim_core::error::Code;
use jim_core::repo::Store as _;
use jim_core::service::Sent;

use crate::groups::club;
use crate::node::{Node, Town, eventually, message, refusal};

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
    *town.log.broken.lock().unwrap() = None;
    town.log.let_one_pass();
    let first = first.await.unwrap();
    assert!(matches!(first, Ok(Sent::New(_))), "{first:?}");
    removing.await.unwrap().unwrap();
    let again = say(&other.jim).await.unwrap();
    assert!(matches!(again, Ok(Sent::Again(_))), "{again:?}");
    other.stop().await;
}
