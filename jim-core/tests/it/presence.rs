//! What friends are told of who is there.

use std::sync::Arc;
use std::time::Duration;

use jim_core::bus::{Bus, LocalBus};
use jim_core::id::UserId;
use jim_core::model::Status;
use jim_core::model::friend::FriendFilter;
use jim_core::repo::{PresenceRepo, Store as _};
use jim_core::secret::Random;
use jim_core::service::Options;
use jim_core::store::memory::MemoryPresence;
use jim_core::testkit::fixtures::{self, AT};
use jim_core::{Jim, JimBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use crate::node::{Ear, Node, PATIENCE, Person, Town, eventually, options};
use crate::twins::twins;

/// What was told of people so far, in order.
fn told(ear: &Ear) -> Vec<(i64, String)> {
    let presence = ear.whispers.iter().filter(|frame| frame["type"] == "presence");
    presence.map(|frame| (frame["user_id"].as_i64().unwrap(), frame["status"].as_str().unwrap().to_owned())).collect()
}

/// Listens until so much was told in all.
async fn until(ear: &mut Ear, count: usize) {
    let deadline = Instant::now() + 2 * PATIENCE;
    while told(ear).len() < count {
        let listened = timeout_at(deadline, ear.listen()).await;
        listened.unwrap_or_else(|_| panic!("{count} are told, not only {:?}", told(ear))).unwrap();
    }
}

/// Listens for a while.
async fn stay(ear: &mut Ear, span: Duration) {
    let end = Instant::now() + span;
    while let Ok(listened) = timeout_at(end, ear.listen()).await {
        listened.unwrap();
    }
}

fn of(person: Person, status: &str) -> (i64, String) {
    (person.id.0, status.to_owned())
}

/// Makes somebody a friend of many.
async fn befriend_all(town: &Town, who: UserId, others: &[Person]) {
    let mut unit = town.store.write(&[]).await.unwrap();
    for other in others {
        unit.friends().add(who, other.id, AT).await.unwrap();
    }
    fixtures::commit(unit).await;
}

async fn shown(jim: &Jim, who: Person, friend: Person) -> Value {
    serde_json::to_value(jim.friends().list(who.id, &FriendFilter::default(), None, 100).await.unwrap().items)
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["user"]["id"] == friend.id.0)
        .unwrap()
        .clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn friends_are_told_who_comes_changes_and_goes_and_nobody_else_is() {
    let town = Town::new().await;
    let people = town.people(5).await;
    let [ann, ben, stranger, blocked, hides] = people[..] else { unreachable!() };
    befriend_all(&town, ben.id, &[ann, blocked, hides]).await;
    town.jim().blocks().block(ben.id, blocked.id).await.unwrap();
    town.jim().blocks().block(hides.id, ben.id).await.unwrap();
    let mut ears = Vec::new();
    for person in [ann, stranger, blocked, hides] {
        ears.push(town.attach(person).await);
    }
    let bens = town.attach(ben).await;
    until(&mut ears[0], 1).await;
    town.jim().statuses().set(ben.id, Status::Dnd).await.unwrap();
    until(&mut ears[0], 2).await;
    drop(bens);
    until(&mut ears[0], 3).await;
    assert_eq!(told(&ears[0]), [of(ben, "online"), of(ben, "dnd"), of(ben, "offline")]);
    let last = ears[0].whispers.last().unwrap();
    assert!(last["last_seen_at"].is_string(), "{last}");
    assert!(ears[0].whispers[0].get("last_seen_at").is_none());
    // Who blocks somebody still sees him.
    until(&mut ears[3], 3).await;
    for ear in &mut ears[1..3] {
        stay(ear, Duration::from_millis(50)).await;
        assert_eq!(ear.whispers, Vec::<Value>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_connect_again_at_once_are_told_of_once() {
    const MANY: usize = 1000;
    // Friends would miss somebody after five seconds.
    let options = Options { heartbeat: Duration::from_secs(25), ..options() };
    let town = Town::with(Arc::new(LocalBus::default()), options).await;
    let people = town.people(MANY + 1).await;
    let (ann, crowd) = people.split_last().unwrap();
    befriend_all(&town, ann.id, crowd).await;
    let mut anns = town.attach(*ann).await;
    let mut ears = Vec::new();
    for person in crowd {
        ears.push(town.attach(*person).await);
    }
    until(&mut anns, MANY).await;
    assert!(told(&anns).iter().all(|(_, status)| status == "online"));
    // All are gone, and are back before their friends would miss them.
    for _ in 0..2 {
        for (ear, person) in ears.iter_mut().zip(crowd) {
            let again = town.attach(*person).await;
            drop(std::mem::replace(ear, again));
        }
        let gone = Instant::now();
        ears.clear();
        for person in crowd {
            ears.push(town.attach(*person).await);
        }
        assert!(gone.elapsed() < Duration::from_millis(4900), "the machine is too slow: {:?}", gone.elapsed());
        stay(&mut anns, Duration::from_millis(7500)).await;
        assert_eq!(told(&anns).len(), MANY, "one frame for each of them, and no more");
    }
    drop(ears);
    until(&mut anns, 2 * MANY).await;
    assert!(told(&anns)[MANY..].iter().all(|(_, status)| status == "offline"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_person_friends_are_told_once_in_two_seconds_and_the_last_word_counts() {
    let town = Town::new().await;
    let (ann, ben, _) = town.friends().await;
    let mut anns = town.attach(ann).await;
    let _bens = town.attach(ben).await;
    until(&mut anns, 1).await;
    let begun = Instant::now();
    let words = [Status::Away, Status::Dnd, Status::Invisible, Status::Online];
    for n in 0..40 {
        town.jim().statuses().set(ben.id, words[n % 4]).await.unwrap();
        stay(&mut anns, Duration::from_millis(100)).await;
    }
    town.jim().statuses().set(ben.id, Status::Away).await.unwrap();
    let spent = begun.elapsed();
    stay(&mut anns, Duration::from_secs(3)).await;
    let heard = told(&anns);
    assert!(heard.len() <= 2 + usize::try_from(spent.as_secs() / 2).unwrap() + 1, "{heard:?} in {spent:?}");
    assert_eq!(heard.last(), Some(&of(ben, "away")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_invisible_looks_offline_in_everything_that_friends_see() {
    let town = Town::new().await;
    let (ann, ben, _) = town.friends().await;
    let mut anns = town.attach(ann).await;
    let bens = town.attach(ben).await;
    until(&mut anns, 1).await;
    drop(bens);
    until(&mut anns, 2).await;
    let (gone, frame) = (shown(town.jim(), ann, ben).await, anns.whispers.last().unwrap().clone());
    assert_eq!(gone["presence"]["status"], "offline");
    assert_eq!(frame["last_seen_at"], gone["presence"]["last_seen_at"]);

    town.jim().statuses().set(ben.id, Status::Invisible).await.unwrap();
    let bens = town.attach(ben).await;
    stay(&mut anns, Duration::from_millis(300)).await;
    assert_eq!(shown(town.jim(), ann, ben).await.to_string(), gone.to_string(), "to the byte");
    assert_eq!(town.jim().users().me(ben.id).await.unwrap().status, Status::Invisible);
    drop(bens);
    stay(&mut anns, Duration::from_millis(2500)).await;
    assert_eq!(shown(town.jim(), ann, ben).await.to_string(), gone.to_string(), "nor is he seen to go");
    let later = anns.whispers[2..].iter().filter(|frame| frame["status"] != "offline");
    assert_eq!(later.count(), 0, "{:?}", anns.whispers);

    // Who vanishes is shown as who goes.
    town.jim().statuses().set(ben.id, Status::Online).await.unwrap();
    let _bens = town.attach(ben).await;
    let count = told(&anns).len();
    until(&mut anns, count + 1).await;
    assert_eq!(told(&anns).last(), Some(&of(ben, "online")));
    town.jim().statuses().set(ben.id, Status::Invisible).await.unwrap();
    until(&mut anns, count + 2).await;
    let frame = anns.whispers.last().unwrap();
    let seen = &shown(town.jim(), ann, ben).await["presence"];
    let whole =
        json!({ "type": "presence", "user_id": ben.id, "status": "offline", "last_seen_at": seen["last_seen_at"] });
    assert_eq!(*frame, whole);
    assert!(seen["last_seen_at"].as_str() > gone["presence"]["last_seen_at"].as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_blocks_a_friend_goes_before_his_eyes_and_comes_back_when_he_is_let_back() {
    let town = Town::new().await;
    let (ann, ben, _) = town.friends().await;
    let mut anns = town.attach(ann).await;
    let _bens = town.attach(ben).await;
    until(&mut anns, 1).await;
    town.jim().blocks().block(ben.id, ann.id).await.unwrap();
    until(&mut anns, 2).await;
    let before = shown(town.jim(), ann, ben).await;
    assert_eq!(before["presence"]["status"], "offline");
    town.jim().statuses().set(ben.id, Status::Away).await.unwrap();
    stay(&mut anns, Duration::from_millis(2500)).await;
    assert_eq!(told(&anns), [of(ben, "online"), of(ben, "offline")]);
    assert_eq!(shown(town.jim(), ann, ben).await, before);
    town.jim().blocks().unblock(ben.id, ann.id).await.unwrap();
    until(&mut anns, 3).await;
    assert_eq!(told(&anns)[2], of(ben, "away"));
}

/// Nodes that share who is connected, or know it only of themselves.
struct Nodes {
    town: Town,
    shared: Option<Arc<dyn PresenceRepo>>,
}

impl Nodes {
    async fn new(shared: Option<Arc<dyn PresenceRepo>>) -> Nodes {
        Nodes { town: Town::new().await, shared }
    }

    fn builder(&self, bus: Arc<dyn Bus>) -> JimBuilder {
        let builder = Jim::builder(self.town.store.clone(), self.town.log.clone()).bus(bus).options(options());
        self.shared.iter().fold(builder, |builder, shared| builder.presence(shared.clone()))
    }

    async fn start(&self, bus: Arc<dyn Bus>) -> Node {
        Node::start(self.builder(bus).build().await.unwrap())
    }
}

async fn have_met(nodes: &[&Node]) {
    let others = nodes.len() - 1;
    let all = || nodes.iter().all(|node| node.jim.hub().peers() == others);
    eventually("the nodes have heard each other", async || all()).await;
}

async fn two_nodes_with(shared: Option<Arc<dyn PresenceRepo>>) -> (Town, Node) {
    let ([a, b], mut nodes) = (twins(), Nodes::new(shared).await);
    let (first, second) = (nodes.start(a).await, nodes.start(b).await);
    have_met(&[&first, &second]).await;
    nodes.town.node = first;
    (nodes.town, second)
}

/// Two nodes that share who is connected.
async fn two_nodes() -> (Town, Node) {
    two_nodes_with(Some(Arc::new(MemoryPresence::default()))).await
}

/// Gives a node the first of all names.
struct First;

impl Random for First {
    fn bits(&self) -> [u8; 32] {
        // As base64url: "-", which stands before all letters and digits.
        [0b1111_1011; 32]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_agree_and_who_goes_from_one_to_the_other_is_not_told_of() {
    let (town, other) = two_nodes().await;
    let (ann, ben, _) = town.friends().await;
    let mut here = town.attach(ann).await;
    let mut there = Ear::open(&other.jim, ann.id, ann.session).await.unwrap();
    let bens = Ear::open(&other.jim, ben.id, ben.session).await.unwrap();
    for ear in [&mut here, &mut there] {
        until(ear, 1).await;
    }
    let moved = town.attach(ben).await;
    drop(bens);
    stay(&mut here, Duration::from_millis(3500)).await;
    assert_eq!(told(&here), [of(ben, "online")]);
    for jim in [town.jim(), &other.jim] {
        assert_eq!(shown(jim, ann, ben).await["presence"]["status"], "online");
    }
    // Chosen on the node to which he is not connected.
    other.jim.statuses().set(ben.id, Status::Away).await.unwrap();
    for ear in [&mut here, &mut there] {
        until(ear, 2).await;
    }
    drop(moved);
    for ear in [&mut here, &mut there] {
        until(ear, 3).await;
        assert_eq!(told(ear), [of(ben, "online"), of(ben, "away"), of(ben, "offline")]);
    }
    for jim in [town.jim(), &other.jim] {
        assert_eq!(shown(jim, ann, ben).await["presence"]["status"], "offline");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn friends_are_told_of_those_whose_node_is_gone() {
    for crash in [false, true] {
        let (town, other) = two_nodes().await;
        let (ann, ben, _) = town.friends().await;
        let mut anns = town.attach(ann).await;
        let _bens = Ear::open(&other.jim, ben.id, ben.session).await.unwrap();
        until(&mut anns, 1).await;
        if crash {
            other.crash().await;
        } else {
            timeout(PATIENCE, other.stop()).await.unwrap();
        }
        until(&mut anns, 2).await;
        assert_eq!(told(&anns)[..2], [of(ben, "online"), of(ben, "offline")], "crash: {crash}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_whose_node_is_gone_friends_are_told_though_the_first_node_has_just_come() {
    let ([a, b, c], mut nodes) = (twins(), Nodes::new(Some(Arc::new(MemoryPresence::default()))).await);
    let (first, second) = (nodes.start(a).await, nodes.start(b).await);
    have_met(&[&first, &second]).await;
    let (ann, ben, _) = nodes.town.friends().await;
    let mut anns = Ear::open(&first.jim, ann.id, ann.session).await.unwrap();
    let _bens = Ear::open(&second.jim, ben.id, ben.session).await.unwrap();
    until(&mut anns, 1).await;
    let late = Node::start(nodes.builder(c).random(Arc::new(First)).build().await.unwrap());
    have_met(&[&first, &second, &late]).await;
    timeout(PATIENCE, second.stop()).await.unwrap();
    until(&mut anns, 2).await;
    assert_eq!(told(&anns), [of(ben, "online"), of(ben, "offline")]);
    nodes.town.node = first;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_vanishes_does_it_as_slowly_as_who_goes_also_where_another_node_is_asked() {
    let (town, other) = two_nodes_with(None).await;
    let (ann, ben, _) = town.friends().await;
    let mut anns = town.attach(ann).await;
    let _bens = Ear::open(&other.jim, ben.id, ben.session).await.unwrap();
    until(&mut anns, 1).await;
    // Frames about one person are this far apart anyway.
    stay(&mut anns, Duration::from_millis(2100)).await;
    let begun = Instant::now();
    // On the node that does not know that he is connected.
    town.jim().statuses().set(ben.id, Status::Invisible).await.unwrap();
    until(&mut anns, 2).await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(told(&anns), [of(ben, "online"), of(ben, "offline")]);
}
