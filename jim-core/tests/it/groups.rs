//! Groups under races that HTTP is too slow for.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jim_core::Jim;
use jim_core::bus::{Bus, LocalBus};
use jim_core::error::Code;
use jim_core::id::{GroupId, RoomId, Seq, UserId};
use jim_core::model::group::{GroupName, HistoryPolicy, JoinPolicy, Role};
use jim_core::model::{Kind, Limits};
use jim_core::repo::{Lock, PrivateRights, Res, Slice, Store, Unit};
use jim_core::service::{GroupChange, Joined, MemberChange, Shown};
use jim_core::store::memory::MemoryStore;
use jim_core::testkit::{ManualClock, fixtures};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::faulty::FaultyBus;
use crate::node::{HEARTBEAT, Node, Person, Town, eventually, message, options, refusal, send};

fn name() -> GroupName {
    GroupName::parse("Club", &Limits::default()).unwrap()
}

/// Two friends and a group that the first owns and both are in.
pub(crate) async fn club(town: &Town) -> (Person, Person, RoomId, GroupId, RoomId) {
    let (ann, ben, private) = town.friends().await;
    let (group, _) = town.jim().groups().create(ann.id, name(), &[ben.id]).await.unwrap();
    (ann, ben, private, group.id, group.room)
}

/// Whoever comes may read what was before him.
pub(crate) async fn show_all(town: &Town, owner: Person, group: GroupId) {
    let all = GroupChange { history_policy: Some(HistoryPolicy::All), ..GroupChange::default() };
    town.jim().groups().change(owner.id, group, all).await.unwrap();
}

/// What somebody was told of a kind, as JSON.
async fn told(jim: &Jim, who: UserId, kind: &Kind) -> Vec<Value> {
    let log = jim.user_log().read(who, None, 100).await.unwrap();
    let entries = log.items.iter().map(|json| serde_json::from_slice::<Value>(json).unwrap());
    entries.filter(|entry| entry["type"] == kind.as_str()).map(|entry| entry["data"].clone()).collect()
}

/// The number of the newest entry of a kind.
pub(crate) async fn last_of(town: &Town, who: UserId, room: RoomId, kind: &str) -> Option<i64> {
    let head = town.jim().messages().history(who, room, None, 100).await.unwrap();
    let entries = head.items.iter().map(|json| serde_json::from_slice::<serde_json::Value>(json).unwrap());
    entries.filter(|entry| entry["type"] == kind).map(|entry| entry["seq"].as_i64().unwrap()).max()
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
            let removed = last_of(&town, ann.id, room, "member.removed").await.unwrap();
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
async fn who_is_removed_before_his_listener_has_come_in_is_not_let_in_though_nobody_else_hears_the_room() {
    let town = Town::new().await;
    let (ann, ben, private, group, room) = club(&town).await;
    town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    let mut ear = town.attach(ben).await;
    *town.log.head_held.lock().unwrap() = Some(room);
    let adding = tokio::spawn({
        let jim = town.jim().clone();
        async move { jim.members().add(ann.id, group, &[ben.id]).await }
    });
    // His rooms are read; then the room's head is asked for once more, to let the listener in.
    town.log.entered().await;
    town.log.let_one_pass();
    town.log.entered().await;
    adding.await.unwrap().unwrap();
    *town.log.head_held.lock().unwrap() = None;
    // Meanwhile the hub forgets rooms that nobody listens to: once in a heartbeat.
    tokio::time::sleep(HEARTBEAT * 3).await;
    town.jim().members().remove(ann.id, group, ben.id, false).await.unwrap();
    let removed = last_of(&town, ann.id, room, "member.removed").await.unwrap();
    town.log.let_one_pass();
    for n in 0..20 {
        send(town.jim(), ann.id, room, &format!("after-{n}")).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let sentinel = send(town.jim(), ann.id, private, "done").await;
    let joined = last_of(&town, ann.id, room, "member.joined").await.unwrap();
    ear.begin(&room.to_string(), joined - 1);
    ear.until(&private.to_string(), sentinel).await;
    assert!(ear.last(&room.to_string()) < removed);
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
        let first = last_of(&town, ann.id, room, "member.joined").await.unwrap();
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
    assert!(last_of(&town, ann.id, room, "member.removed").await.unwrap() > 40);
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

#[tokio::test]
async fn a_change_that_is_committed_is_done_though_its_entry_has_to_wait() {
    let town = Town::new().await;
    let (ann, ben, _, group, room) = club(&town).await;
    town.log.full.store(true, Ordering::SeqCst);
    town.jim().groups().mute(ann.id, group, true).await.unwrap();
    assert!(town.jim().groups().get(ben.id, group).await.unwrap().muted);
    town.jim().groups().mute(ann.id, group, true).await.unwrap();
    town.log.full.store(false, Ordering::SeqCst);
    eventually("the sweep appends what the room is owed", || async {
        last_of(&town, ann.id, room, "group.muted").await.is_some()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_committed_is_answered_though_the_room_logs_hang() {
    let town = Town::new().await;
    let people = town.people(2).await;
    let (ann, ben) = (people[0].id, people[1].id);
    let mut ear = town.attach(people[0]).await;
    town.log.held.store(true, Ordering::SeqCst);
    let asked = town.jim().friend_requests().request(ann, ben, None).await.unwrap();
    let began = Instant::now();
    let friend = town.jim().friend_requests().accept(ben, asked.0.id, None).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    ear.until("me", ear.head("me") + 1).await;
    town.log.release();
    ear.until(&friend.room.to_string(), 1).await;
}

#[tokio::test]
async fn who_finds_a_change_done_finds_it_in_the_log_too() {
    let town = Town::new().await;
    let (ann, _, _, group, room) = club(&town).await;
    town.log.full.store(true, Ordering::SeqCst);
    town.jim().groups().mute(ann.id, group, true).await.unwrap();
    town.log.full.store(false, Ordering::SeqCst);
    town.jim().groups().mute(ann.id, group, true).await.unwrap();
    assert!(last_of(&town, ann.id, room, "group.muted").await.is_some(), "though this one had nothing to do");
}

/// What the members are, by a list and what the room says after its number.
async fn rebuilt(town: &Town, who: UserId, room: RoomId, (mut roles, seq): (BTreeMap<i64, String>, Seq)) -> Value {
    let news = town.jim().messages().history(who, room, Some(Slice::After(seq)), 1000).await.unwrap();
    for json in news.items {
        let entry: Value = serde_json::from_slice(&json).unwrap();
        let (kind, data) = (entry["type"].as_str().unwrap(), &entry["data"]);
        let user = data["user_id"].as_i64().unwrap();
        match kind {
            "member.removed" => drop(roles.remove(&user)),
            _ => drop(roles.insert(user, data["role"].as_str().unwrap().to_owned())),
        }
    }
    serde_json::to_value(roles).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_members_and_the_entries_after_its_number_are_the_exact_members() {
    let town = Arc::new(Town::new().await);
    let (ann, ben, _, group, room) = club(&town).await;
    let cleo = fixtures::user(&*town.store, "cleo").await;
    town.befriend(ann.id, cleo).await;
    town.log.slow.store(true, Ordering::SeqCst);
    let churn = tokio::spawn({
        let jim = town.jim().clone();
        async move {
            for _ in 0..20 {
                jim.members().add(ann.id, group, &[cleo]).await.unwrap();
                let change = MemberChange { role: Some(Role::Admin), ..MemberChange::default() };
                jim.members().change(ann.id, group, cleo, change).await.unwrap();
                jim.members().remove(ann.id, group, cleo, false).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            jim.members().add(ann.id, group, &[cleo]).await.unwrap();
        }
    });
    let list = async || {
        let (page, seq) = town.jim().members().list(ben.id, group, None, 100).await.unwrap();
        let roles = page.items.iter().map(|member| (member.user.id.0, member.role.as_str().to_owned()));
        (roles.collect::<BTreeMap<_, _>>(), seq)
    };
    let mut lists = Vec::new();
    while !churn.is_finished() {
        lists.push(list().await);
    }
    churn.await.unwrap();
    let exact = serde_json::to_value(list().await.0).unwrap();
    assert!(lists.iter().any(|(roles, _)| roles.len() == 2) && lists.iter().any(|(roles, _)| roles.len() == 3));
    for list in lists {
        assert_eq!(rebuilt(&town, ben.id, room, list).await, exact);
    }
}

/// A store that lets something happen before the next unit that writes begins.
struct Meanwhile {
    store: Arc<MemoryStore>,
    next: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

#[async_trait]
impl Store for Meanwhile {
    async fn read(&self) -> Res<Unit> {
        self.store.read().await
    }

    async fn write(&self, locks: &[Lock]) -> Res<Unit> {
        let next = self.next.lock().unwrap().take();
        if let Some(next) = next {
            next.await;
        }
        self.store.write(locks).await
    }

    async fn private_rights(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
        self.store.private_rights(asks).await
    }

    async fn ping(&self) -> Res<()> {
        self.store.ping().await
    }
}

/// A second node on the stores of a town, whose next change waits until something has happened.
async fn after(town: &Town, happened: impl Future<Output = ()> + Send + 'static) -> Node {
    let store = Arc::new(Meanwhile { store: town.store.clone(), next: Mutex::new(None) });
    let bus = Arc::new(LocalBus::default());
    let node = Node::run(store.clone(), town.log.clone(), bus, options()).await;
    // What a node does by itself begins no unit, as nothing is owed.
    *store.next.lock().unwrap() = Some(Box::pin(happened));
    node
}

#[tokio::test]
async fn who_becomes_an_admin_while_somebody_asks_to_join_is_told_too() {
    let town = Town::new().await;
    let (ann, ben, _, group, _) = club(&town).await;
    let cleo = fixtures::user(&*town.store, "cleo").await;
    let jim = town.jim().clone();
    let node = after(&town, async move {
        let change = MemberChange { role: Some(Role::Admin), ..MemberChange::default() };
        jim.members().change(ann.id, group, ben.id, change).await.unwrap();
    })
    .await;
    let joined = node.jim.joining().join(cleo, group, None).await.unwrap();
    assert!(matches!(joined, Joined::Pending(_)), "{joined:?}");
    for decider in [ann.id, ben.id] {
        assert_eq!(told(town.jim(), decider, &Kind::JOIN_REQUESTED).await.len(), 1, "{decider}");
    }
}

#[tokio::test]
async fn who_asks_to_join_while_the_group_ends_is_turned_away() {
    let town = Town::new().await;
    let (ann, _, _, group, _) = club(&town).await;
    let cleo = fixtures::user(&*town.store, "cleo").await;
    let jim = town.jim().clone();
    let node = after(&town, async move {
        jim.joining().join(cleo, group, None).await.unwrap();
    })
    .await;
    node.jim.groups().dissolve(ann.id, group).await.unwrap();
    let decided = told(town.jim(), cleo, &Kind::JOIN_DECIDED).await;
    assert_eq!(decided.iter().map(|request| &request["status"]).collect::<Vec<_>>(), ["rejected"]);
}

#[tokio::test]
async fn an_old_join_that_is_late_says_nothing_of_the_membership_after_it() {
    let town = Town::new().await;
    let clock = Arc::new(ManualClock::new(fixtures::AT));
    let builder = Jim::builder(town.store.clone(), town.log.clone()).options(options()).clock(clock);
    let node = Node::start(builder.build().await.unwrap());
    let (ann, ben, _) = town.friends().await;
    let group = node.jim.groups().create(ann.id, name(), &[]).await.unwrap().0;
    let open = |policy| GroupChange { history_policy: Some(policy), ..GroupChange::default() };
    node.jim.groups().change(ann.id, group.id, open(HistoryPolicy::All)).await.unwrap();
    town.log.full.store(true, Ordering::SeqCst);
    node.jim.members().add(ann.id, group.id, &[ben.id]).await.unwrap();
    node.jim.members().leave(ben.id, group.id).await.unwrap();
    node.jim.groups().change(ann.id, group.id, open(HistoryPolicy::Joined)).await.unwrap();
    node.jim.members().add(ann.id, group.id, &[ben.id]).await.unwrap();
    assert!(told(&node.jim, ben.id, &Kind::GROUP_JOINED).await.is_empty());
    town.log.full.store(false, Ordering::SeqCst);
    node.jim.groups().mute(ann.id, group.id, false).await.unwrap();
    let joined = told(&node.jim, ben.id, &Kind::GROUP_JOINED).await;
    let second = last_of(&town, ann.id, group.room, "member.joined").await.unwrap();
    assert_eq!(joined.iter().map(|group| group["head"].as_i64().unwrap()).collect::<Vec<_>>(), [second]);
    assert_eq!(node.jim.rooms().get(ben.id, group.room).await.unwrap().first, Seq(second));
}

#[tokio::test]
async fn an_open_group_is_joined_without_the_leave_of_those_who_decide() {
    let town = Town::new().await;
    let (ann, _, _, group, _) = club(&town).await;
    let cleo = fixtures::user(&*town.store, "cleo").await;
    let open = GroupChange { join_policy: Some(JoinPolicy::Open), ..GroupChange::default() };
    town.jim().groups().change(ann.id, group, open).await.unwrap();
    let joined = town.jim().joining().join(cleo, group, None).await.unwrap();
    assert!(matches!(joined, Joined::Member(_)), "{joined:?}");
    assert!(told(town.jim(), ann.id, &Kind::JOIN_REQUESTED).await.is_empty());
}

#[tokio::test]
async fn lists_of_groups_and_invitations_show_each_with_what_belongs_to_it() {
    let town = Town::new().await;
    let (ann, ben, _) = town.friends().await;
    let dora = fixtures::user(&*town.store, "dora").await;
    let named = |n: usize| GroupName::parse(&format!("Club {n}"), &Limits::default()).unwrap();
    for n in 0..5 {
        let (owner, other) = if n % 2 == 0 { (ann.id, ben.id) } else { (ben.id, ann.id) };
        town.jim().groups().create(owner, named(n), &[other, dora]).await.unwrap();
    }
    let first = town.jim().groups().list(ann.id, None, 3).await.unwrap();
    let rest = town.jim().groups().list(ann.id, first.next.as_deref(), 3).await.unwrap();
    let seen: Vec<_> =
        first.items.iter().chain(&rest.items).map(|group| (group.name.as_str(), group.my.role)).collect();
    let role = |n: usize| if n.is_multiple_of(2) { Role::Owner } else { Role::Member };
    let expected: Vec<_> = (0..5).map(|n| (named(n), role(n))).collect();
    assert_eq!(seen.len(), 5);
    for ((name, role), (expected, expected_role)) in seen.iter().zip(&expected) {
        assert_eq!((&GroupName::parse(name, &Limits::default()).unwrap(), role), (expected, expected_role));
    }
    let first = town.jim().joining().invitations(dora, None, 3).await.unwrap();
    let rest = town.jim().joining().invitations(dora, first.next.as_deref(), 3).await.unwrap();
    let seen: Vec<_> = first.items.iter().chain(&rest.items).map(|row| (row.group.name.clone(), row.by.id)).collect();
    let expected = (0..5).rev().map(|n| (format!("Club {n}"), if n % 2 == 0 { ann.id } else { ben.id }));
    assert_eq!(seen, expected.collect::<Vec<_>>(), "newest first");
}

#[tokio::test]
async fn who_is_silenced_after_he_wrote_is_told_so_and_not_shown_to_write() {
    let town = Town::new().await;
    let (Person { id: ann, .. }, Person { id: ben, .. }, _, group, room) = club(&town).await;
    send(town.jim(), ben, room, "before").await;
    town.jim().members().mute(ann, group, ben, None).await.unwrap();
    assert_eq!(refusal(&town.jim().rooms().typing(ben, room).await), Some(Code::MemberMuted));
    assert!(!town.jim().rooms().get(ben, room).await.unwrap().can_send);
}

/// How many entries of a room somebody is shown.
type Look = fn(Jim, UserId, RoomId) -> Pin<Box<dyn Future<Output = usize> + Send>>;

#[tokio::test]
async fn what_was_read_while_its_reader_was_removed_is_not_shown_to_him() {
    let town = Town::new().await;
    let (Person { id: ann, .. }, Person { id: ben, .. }, _, group, room) = club(&town).await;
    send(town.jim(), ann, room, "before").await;
    let looks: [Look; 3] = [
        |jim, ben, room| {
            Box::pin(async move { jim.messages().history(ben, room, None, 9).await.map_or(0, |page| page.items.len()) })
        },
        |jim, ben, room| {
            Box::pin(async move {
                let rooms = [(room, Seq::ZERO)].into();
                jim.sync().since(ben, Seq::ZERO, &rooms, 9).await.unwrap().rooms[&room]
                    .as_ref()
                    .map_or(0, |newer| newer.items.len())
            })
        },
        |jim, ben, room| {
            Box::pin(async move {
                let shown = Shown { latest: 9, limit: 9, ..Shown::default() };
                let list = jim.conversations().list(ben, shown).await.unwrap().items;
                list.iter().find(|one| one.row.room == room).map_or(0, |one| one.entries.len())
            })
        },
    ];
    for look in looks {
        assert!(look(town.jim().clone(), ben, room).await > 0);
        town.log.reads_held.store(true, Ordering::SeqCst);
        let looking = tokio::spawn(look(town.jim().clone(), ben, room));
        town.log.entered().await;
        town.log.reads_held.store(false, Ordering::SeqCst);
        town.jim().members().remove(ann, group, ben, false).await.unwrap();
        send(town.jim(), ann, room, "after").await;
        town.log.release();
        assert_eq!(looking.await.unwrap(), 0);
        town.jim().members().add(ann, group, &[ben]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_a_group_that_has_ended_hears_nothing_of_it() {
    let town = Town::new().await;
    let (ann, ben, private, group, room) = club(&town).await;
    let last = send(town.jim(), ann.id, room, "last-words").await;
    let mut ear = town.attach(ben).await;
    town.jim().groups().dissolve(ann.id, group).await.unwrap();
    town.jim().members().leave(ben.id, group).await.unwrap();
    town.jim().reads().set(ann.id, room, Seq(last + 1)).await.unwrap();
    assert_eq!(refusal(&town.jim().rooms().typing(ann.id, room).await), Some(Code::GroupDissolved));
    let sentinel = send(town.jim(), ann.id, private, "done").await;
    ear.until(&private.to_string(), sentinel).await;
    assert!(ear.whispers.is_empty(), "{:?}", ear.whispers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_again_is_sent_the_room_as_he_reads_it() {
    let town = Town::new().await;
    let (ann, ben, _, group, room) = club(&town).await;
    show_all(&town, ann, group).await;
    let deleted = send(town.jim(), ann.id, room, "not-for-ben").await;
    send(town.jim(), ann.id, room, "for-both").await;
    town.jim().conversations().hide_entry(ben.id, room, Seq(deleted)).await.unwrap();
    town.jim().members().leave(ben.id, group).await.unwrap();
    let mut ear = town.attach(ben).await;
    town.jim().members().add(ann.id, group, &[ben.id]).await.unwrap();
    let last = send(town.jim(), ann.id, room, "welcome-back").await;
    ear.until(&room.to_string(), last).await;
    let read = town.jim().messages().history(ben.id, room, None, 100).await.unwrap();
    let read: Vec<Value> = read.items.iter().map(|json| serde_json::from_slice(json).unwrap()).collect();
    assert_eq!(ear.heard(&room.to_string()), read);
    let stub = read.iter().find(|entry| entry["seq"] == deleted).unwrap();
    assert_eq!(stub["data"], json!({ "deleted": true }));
}
