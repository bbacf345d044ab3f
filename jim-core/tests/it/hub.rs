//! The hub over a bus that may go wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jim_core::bus::{Bus, LocalBus, Topic};
use jim_core::error::Code;
use jim_core::hub::Close;
use jim_core::id::{RoomId, Seq};
use jim_core::log::Frame;
use jim_core::repo::{Appended, RoomLogRepo as _, Slice};
use jim_core::service::Options;
use jim_core::testkit::fixtures;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::faulty::FaultyBus;
use crate::groups::{club, last_of, show_all};
use crate::node::{Ear, HEARTBEAT, Town, eventually, options, refusal, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_arrive_strictly_by_number_though_the_bus_loses_doubles_and_reorders_them() {
    const EACH: i64 = 25;
    let bus = FaultyBus::wild(1);
    let town = Town::with(bus.clone(), options()).await;
    let people = town.people(3).await;
    let pairs = [(0, 1), (0, 2), (1, 2)];
    let mut rooms = Vec::new();
    for (a, b) in pairs {
        rooms.push((people[a], people[b], town.befriend(people[a].id, people[b].id).await));
    }
    let mut ears = Vec::new();
    for person in &people {
        for _ in 0..3 {
            ears.push((*person, town.attach(*person).await));
        }
    }
    let mut work = JoinSet::new();
    for (a, b, room) in rooms.clone() {
        for person in [a, b] {
            let jim = town.jim().clone();
            work.spawn(async move {
                for n in 0..EACH {
                    send(&jim, person.id, room, &format!("m-{n}")).await;
                }
            });
        }
    }
    for (person, mut ear) in ears {
        let mine: Vec<RoomId> =
            rooms.iter().filter(|(_, _, room)| room.peer(person.id).is_some()).map(|(_, _, room)| *room).collect();
        work.spawn(async move {
            for room in mine {
                ear.until(&room.to_string(), 2 * EACH).await;
                assert_eq!(ear.heard(&room.to_string()).len(), 50, "1 to 50, each once");
            }
        });
    }
    work.join_all().await;
    for fault in [&bus.lost, &bus.doubled, &bus.delayed] {
        assert!(fault.load(Ordering::SeqCst) > 0, "the bus went wrong in every way");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_message_before_silence_reaches_everybody_though_the_bus_lost_it() {
    let bus = FaultyBus::new(2);
    let town = Town::with(bus.clone(), options()).await;
    let (ann, ben, room) = town.friends().await;
    let mut ears = vec![town.attach(ann).await, town.attach(ben).await, town.attach(ben).await];
    send(town.jim(), ann.id, room, "heard").await;
    for ear in &mut ears {
        ear.until(&room.to_string(), 1).await;
    }
    bus.dead.store(true, Ordering::SeqCst);
    let last = send(town.jim(), ann.id, room, "lost").await;
    let sent = Instant::now();
    for ear in &mut ears {
        ear.until(&room.to_string(), last).await;
        assert_eq!(ear.heard(&room.to_string())[1]["data"]["content"]["text"], "lost");
    }
    assert!(sent.elapsed() < 2 * HEARTBEAT, "the audit needed {:?}", sent.elapsed());
    assert_eq!(bus.lost.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_while_a_listener_attaches_is_neither_lost_nor_doubled() {
    const SENT: i64 = 120;
    for bus in [Arc::new(LocalBus::default()) as Arc<dyn Bus>, FaultyBus::wild(3)] {
        let town = Arc::new(Town::with(bus, options()).await);
        town.log.slow.store(true, Ordering::SeqCst);
        let people = town.people(20).await;
        let mut work = JoinSet::new();
        for pair in people.chunks(2) {
            let (ann, ben) = (pair[0], pair[1]);
            let room = town.befriend(ann.id, ben.id).await;
            let jim = town.jim().clone();
            work.spawn(async move {
                for n in 0..SENT {
                    send(&jim, ann.id, room, &format!("m-{n}")).await;
                }
                usize::MAX
            });
            for n in 0..6 {
                let (town, person) = (town.clone(), pair[n % 2]);
                work.spawn(async move {
                    let enough = Seq(i64::try_from(n).unwrap() * 5);
                    let begun = async || town.log.head(&room).await.unwrap().seq >= enough;
                    eventually("messages are sent", begun).await;
                    let mut ear = town.attach(person).await;
                    let head = ear.head(&room.to_string());
                    ear.until(&room.to_string(), SENT).await;
                    let first = ear.heard(&room.to_string()).first().map(|frame| frame["seq"].clone());
                    assert_eq!(first, (head < SENT).then(|| json!(head + 1)));
                    usize::from(head > 0 && head < SENT)
                });
            }
        }
        let amid = work.join_all().await.into_iter().filter(|amid| *amid == 1).count();
        assert!(amid > 0, "no listener attached while messages were sent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_friends_room_is_sent_from_its_first_entry() {
    for bus in [Arc::new(LocalBus::default()) as Arc<dyn Bus>, FaultyBus::wild(4)] {
        let town = Arc::new(Town::with(bus, options()).await);
        town.log.slow.store(true, Ordering::SeqCst);
        let people = town.people(16).await;
        let mut work = JoinSet::new();
        for pair in people.chunks(2) {
            let (town, ann, ben) = (town.clone(), pair[0], pair[1]);
            work.spawn(async move {
                let mut ears = Vec::new();
                for person in [ann, ben, ann, ben] {
                    ears.push(town.attach(person).await);
                }
                let asked = town.jim().friend_requests().request(ann.id, ben.id, None).await.unwrap();
                let friend = town.jim().friend_requests().accept(ben.id, asked.0.id, None).await.unwrap();
                let room = friend.room.to_string();
                assert_eq!(send(town.jim(), ann.id, friend.room, "hello").await, 2);
                for ear in &mut ears {
                    ear.until(&room, 2).await;
                    let kinds: Vec<_> =
                        ear.heard(&room).iter().map(|frame| frame["data"]["content"]["kind"].clone()).collect();
                    assert_eq!(kinds, ["system", "text"], "one greeting, then the message");
                }
            });
        }
        work.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_into_a_long_room_is_shown_its_last_entry_so_that_he_sees_the_others() {
    let town = Town::new().await;
    let (ann, ben, _, group, room) = club(&town).await;
    show_all(&town, ann, group).await;
    town.jim().members().leave(ben.id, group).await.unwrap();
    for n in 0..70 {
        send(town.jim(), ann.id, room, &format!("m-{n}")).await;
    }
    let mut ear = town.attach(ben).await;
    town.jim().members().add(ann.id, group, &[ben.id]).await.unwrap();
    let joined = last_of(&town, ann.id, room, "member.joined").await.unwrap();
    ear.begin(&room.to_string(), joined - 1);
    ear.until(&room.to_string(), joined).await;
    assert_eq!(ear.heard(&room.to_string()).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_closes_only_its_own_listener_with_too_slow() {
    // Friends would be told of each other, and a place of the queue be taken by that.
    let options = Options { queue_frames: 8, friends_required: false, ..options() };
    let town = Town::with(Arc::new(LocalBus::default()), options).await;
    let people = town.people(2).await;
    let (ann, ben) = (people[0], people[1]);
    let room = fixtures::open(&*town.store, ann.id, ben.id).await;
    let mut slow = town.attach(ben).await;
    let mut quick = [town.attach(ben).await, town.attach(ann).await];
    for n in 1..=20 {
        assert_eq!(send(town.jim(), ann.id, room, &format!("m-{n}")).await, n);
        for ear in &mut quick {
            ear.until(&room.to_string(), n).await;
        }
        assert_eq!(town.jim().hub().connections(), if n <= 8 { 3 } else { 2 }, "after {n} messages");
    }
    assert_eq!(slow.end().await, Close::TooSlow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_persons_entry_above_the_cut_is_a_hidden_stub_in_pushes_and_in_reads() {
    let bus = FaultyBus::new(5);
    let town = Town::with(bus.clone(), options()).await;
    let (ann, ben, room) = town.friends().await;
    let name = room.to_string();
    let mut ears = vec![town.attach(ann).await];
    send(town.jim(), ben.id, room, "below-the-cut").await;
    town.jim().blocks().block(ann.id, ben.id).await.unwrap();
    ears.push(town.attach(ann).await);
    let mut bens = town.attach(ben).await;
    assert_eq!(
        refusal(&town.jim().messages().send(ben.id, room, &crate::node::message("no")).await),
        Some(Code::NotFriend)
    );

    // Decided before the block, stored after it: one comes over the bus, the next is found by the audit.
    let mut late = Vec::new();
    for (by, text) in [(ben.id, "late-1"), (ann.id, "late-2"), (ben.id, "late-3")] {
        let appended = town.log.append(&[fixtures::new_entry(room, by, text, text)]).await.unwrap();
        let [Appended::New(entry)] = &appended[..] else { panic!("{appended:?}") };
        late.push(entry.clone());
    }
    bus.publish(Topic::Room(room), Frame::room(&late[0]).encode()).await.unwrap();

    let stub = |value: &Value| value["data"] == json!({ "hidden": true });
    let hidden = [false, true, false, true];
    for ear in &mut ears {
        ear.until(&name, 4).await;
        let first = usize::try_from(ear.head(&name)).unwrap();
        assert_eq!(ear.heard(&name).iter().map(stub).collect::<Vec<_>>(), hidden[first..]);
    }
    bens.until(&name, 4).await;
    assert!(!bens.heard(&name).iter().any(stub), "the blocked does not see it");

    for (reader, seen) in [(ann.id, hidden), (ben.id, [false; 4])] {
        let messages = town.jim().messages();
        for slice in [None, Some(Slice::After(Seq(0))), Some(Slice::Before(Seq(5)))] {
            let page = messages.history(reader, room, slice, 10).await.unwrap();
            let stubs: Vec<_> = page.items.iter().map(|item| stub(&serde_json::from_slice(item).unwrap())).collect();
            assert_eq!(stubs, seen);
        }
        for (seq, hidden) in (1..).zip(seen) {
            let item = messages.get(reader, room, Seq(seq)).await.unwrap();
            assert_eq!(stub(&serde_json::from_slice(&item).unwrap()), hidden, "number {seq}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ninth_listener_of_a_session_replaces_the_oldest() {
    let town = Town::new().await;
    let (ann, ben, room) = town.friends().await;
    let mut oldest = town.attach(ann).await;
    let mut rest = Vec::new();
    for _ in 0..7 {
        rest.push(town.attach(ann).await);
    }
    assert_eq!(town.jim().hub().connections(), 8);
    rest.push(town.attach(ann).await);
    assert_eq!(oldest.end().await, Close::Replaced);
    assert_eq!(town.jim().hub().connections(), 8);
    send(town.jim(), ben.id, room, "for-eight").await;
    for ear in &mut rest {
        ear.until(&room.to_string(), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_listener_too_many_of_a_person_is_refused() {
    let town = Town::new().await;
    let ann = town.people(1).await[0];
    let most = town.jim().options().limits.sockets_per_user;
    let mut ears = Vec::new();
    for n in 0..most {
        let session = fixtures::session(&*town.store, ann.id, &format!("device-{n}")).await;
        ears.push(Ear::open(town.jim(), ann.id, session).await.unwrap());
    }
    assert_eq!(Ear::open(town.jim(), ann.id, ann.session).await.err(), Some(Close::TooMany));
    drop(ears.pop());
    town.attach(ann).await;
}

#[tokio::test(start_paused = true)]
async fn who_cannot_come_to_his_logs_is_told_so_in_time_and_comes_when_he_can() {
    let bus = FaultyBus::new(8);
    let town = Town::with(bus.clone(), options()).await;
    let ann = town.people(1).await[0];
    bus.silent.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let refused = town.jim().hub().attach(ann.id, ann.session).await;
    assert_eq!(refusal(&refused), Some(Code::Unavailable));
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
    bus.silent.store(false, Ordering::SeqCst);
    town.attach(ann).await;
}
