//! Groups under races that HTTP is too slow for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jim_core::bus::{Bus, LocalBus};
use jim_core::error::Code;
use jim_core::id::{GroupId, RoomId, UserId};
use jim_core::model::Limits;
use jim_core::model::group::GroupName;
use jim_core::repo::Slice;
use tokio::task::JoinSet;

use crate::faulty::FaultyBus;
use crate::node::{Person, Town, message, options, refusal, send};

fn name() -> GroupName {
    GroupName::parse("Club", &Limits::default()).unwrap()
}

/// Two friends and a group that the first owns and both are in.
async fn club(town: &Town) -> (Person, Person, RoomId, GroupId, RoomId) {
    let (ann, ben, private) = town.friends().await;
    let (group, _) = town.jim().groups().create(ann.id, name(), &[ben.id]).await.unwrap();
    (ann, ben, private, group.id, group.room)
}

/// The number of the newest entry of a kind.
async fn last_of(town: &Town, who: UserId, room: RoomId, kind: &str) -> i64 {
    let head = town.jim().messages().history(who, room, None, 100).await.unwrap();
    let entries = head.items.iter().map(|json| serde_json::from_slice::<serde_json::Value>(json).unwrap());
    entries.filter(|entry| entry["type"] == kind).map(|entry| entry["seq"].as_i64().unwrap()).max().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_attaches_while_he_is_removed_hears_nothing_from_his_removal_on() {
    for bus in [Arc::new(LocalBus::default()) as Arc<dyn Bus>, FaultyBus::wild(5)] {
        let town = Arc::new(Town::with(bus, options()).await);
        let (ann, ben, private, group, room) = club(&town).await;
        town.log.slow.store(true, Ordering::SeqCst);
        let mut amid = 0;
        for round in 0..20 {
            let mut ears = JoinSet::new();
            for delay in 0..6 {
                let town = town.clone();
                ears.spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
                    town.attach(ben).await
                });
            }
            tokio::time::sleep(std::time::Duration::from_millis(round % 7)).await;
            town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
            for n in 0..5 {
                send(town.jim(), ann.id, room, &format!("after-{round}-{n}")).await;
            }
            let removed = last_of(&town, ann.id, room, "member.removed").await;
            let sentinel = send(town.jim(), ann.id, private, &format!("done-{round}")).await;
            for mut ear in ears.join_all().await {
                amid += usize::from(ear.head(&room.to_string()) > 0);
                ear.until(&private.to_string(), sentinel).await;
                assert!(ear.last(&room.to_string()) < removed, "round {round}");
            }
            town.jim().members().add(ann.id, group, &[ben.id]).await.unwrap();
        }
        assert!(amid > 0, "nobody attached before he was removed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_is_heard_from_its_number_on_by_every_listener() {
    let town = Arc::new(Town::with(FaultyBus::wild(6), options()).await);
    let (ann, ben, _, group, room) = club(&town).await;
    for round in 0..10 {
        town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
        let mut ears = vec![town.attach(ben).await, town.attach(ben).await];
        assert!(ears[0].hello["heads"].get(room.to_string()).is_none());
        let mut talking = JoinSet::new();
        for n in 0..10 {
            let jim = town.jim().clone();
            talking.spawn(async move { send(&jim, ann.id, room, &format!("m-{round}-{n}")).await });
        }
        town.jim().members().add(ann.id, group, &[ben.id]).await.unwrap();
        talking.join_all().await;
        let last = send(town.jim(), ann.id, room, &format!("last-{round}")).await;
        let first = last_of(&town, ann.id, room, "member.joined").await;
        for ear in &mut ears {
            ear.begin(&room.to_string(), first - 1);
            ear.until(&room.to_string(), last).await;
        }
    }
}

#[tokio::test]
async fn a_person_cannot_take_the_name_of_what_the_outbox_will_append() {
    let town = Town::new().await;
    let (ann, ben, _, group, room) = club(&town).await;
    for id in 1..40 {
        send(town.jim(), ann.id, room, &format!("ob:{id}")).await;
    }
    town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    assert!(last_of(&town, ann.id, room, "member.removed").await > 40);
    let entries = jim_core::repo::RoomLogRepo::read(&*town.log, &room, Slice::After(jim_core::id::Seq(0)), 100).await;
    assert_eq!(entries.unwrap().len(), 43, "three at the beginning, all that was sent, and the removal");
    let refused = town.jim().messages().send(ben.id, room, &message("late")).await;
    assert_eq!(refusal(&refused), Some(Code::NotFound));
}

#[tokio::test]
async fn one_person_is_in_as_many_groups_as_allowed() {
    let mut options = options();
    options.limits.groups = 2;
    let town = Town::with(Arc::new(LocalBus::default()), options).await;
    let (ann, ben, _) = town.friends().await;
    for _ in 0..2 {
        town.jim().groups().create(ann.id, name(), &[]).await.unwrap();
    }
    assert_eq!(refusal(&town.jim().groups().create(ann.id, name(), &[]).await), Some(Code::GroupsFull));
    assert_eq!(refusal(&town.jim().groups().create(ben.id, name(), &[ann.id]).await), Some(Code::GroupsFull));
    assert!(town.jim().groups().list(ben.id, None, 10).await.unwrap().items.is_empty(), "nothing was done");
}
