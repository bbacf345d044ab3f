//! Private rooms and world channels where storage fails or somebody comes between.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jim_core::bus::LocalBus;
use jim_core::error::Code;
use jim_core::id::{GroupId, RoomId, Seq, UserId, WorldId};
use jim_core::model::NewMessage;
use jim_core::model::content::Mentions;
use jim_core::model::user::AccountRole;
use jim_core::model::world::WorldChange;
use jim_core::repo::{NewUser, Store};
use jim_core::service::{Options, Sent};
use jim_core::testkit::fixtures;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::node::{Town, message, options, refusal, send};

const WORLD: RoomId = RoomId::World(WorldId::FIRST);

/// An administrator.
async fn root(town: &Town) -> UserId {
    let mut unit = town.store.write(&[]).await.unwrap();
    let root = NewUser { role: AccountRole::Admin, ..fixtures::new_user("root") };
    let id = unit.users().add(&root).await.unwrap();
    fixtures::commit(unit).await;
    id
}

/// How often something happened in a room.
async fn count(town: &Town, who: UserId, room: RoomId, kind: &str) -> usize {
    let page = town.jim().messages().history(who, room, None, 100).await.unwrap();
    let entries = page.items.iter().map(|json| serde_json::from_slice::<Value>(json).unwrap());
    entries.filter(|entry| entry["type"] == kind).count()
}

#[tokio::test]
async fn who_finds_a_pin_or_its_removal_done_finds_it_in_the_log_too() {
    let town = Town::new().await;
    let (ann, ben, room) = town.friends().await;
    let seq = Seq(send(town.jim(), ann.id, room, "keep-this").await);
    let pins = town.jim().pins();
    for kind in ["pin.added", "pin.removed"] {
        for (who, full) in [(ann.id, true), (ben.id, false)] {
            town.log.full.store(full, Ordering::SeqCst);
            if kind == "pin.added" {
                pins.add(who, room, seq).await.unwrap();
            } else {
                pins.remove(who, room, seq).await.unwrap();
            }
        }
        assert_eq!(count(&town, ben.id, room, kind).await, 1, "{kind}, though the second had nothing to do");
    }
}

#[tokio::test]
async fn who_finds_a_world_channel_changed_finds_it_in_the_log_too() {
    let town = Town::new().await;
    let (root, ann) = (root(&town).await, fixtures::user(&*town.store, "ann").await);
    let worlds = town.jim().worlds();
    let closed = WorldChange { open: Some(false), ..WorldChange::default() };
    let slow = WorldChange { slow_mode_seconds: Some(9), ..WorldChange::default() };
    for full in [true, false] {
        town.log.full.store(full, Ordering::SeqCst);
        for change in [closed, slow] {
            worlds.change(root, WorldId::FIRST, change).await.unwrap();
        }
        worlds.mute(root, WorldId::FIRST, ann, None).await.unwrap();
    }
    for kind in ["world.closed", "world.slowed", "member.muted"] {
        assert_eq!(count(&town, ann, WORLD, kind).await, 1, "{kind}, though the second had nothing to do");
    }
}

#[tokio::test]
async fn what_many_changes_at_once_owe_to_a_room_is_appended_by_one_of_them_and_not_by_each() {
    let town = Town::new().await;
    let root = root(&town).await;
    let before = town.log.offered.load(Ordering::SeqCst);
    let mut changing = JoinSet::new();
    for seconds in 1..=40 {
        let jim = town.jim().clone();
        let change = WorldChange { slow_mode_seconds: Some(seconds), ..WorldChange::default() };
        changing.spawn(async move { jim.worlds().change(root, WorldId::FIRST, change).await.map(|_| ()) });
    }
    assert!(changing.join_all().await.iter().all(Result::is_ok));
    assert_eq!(count(&town, root, WORLD, "world.slowed").await, 40);
    assert_eq!(town.log.offered.load(Ordering::SeqCst) - before, 40);
}

#[tokio::test]
async fn a_message_that_storage_refused_has_its_turn_again_in_a_slow_channel() {
    let town = Town::new().await;
    let (root, ann) = (root(&town).await, fixtures::user(&*town.store, "ann").await);
    let set = async |seconds| {
        let change = WorldChange { slow_mode_seconds: Some(seconds), ..WorldChange::default() };
        town.jim().worlds().change(root, WorldId::FIRST, change).await.unwrap();
    };
    let say = async |name: &str| town.jim().messages().send(ann, WORLD, &message(name)).await;
    set(86_400).await;
    town.log.full.store(true, Ordering::SeqCst);
    say("first").await.unwrap_err();
    town.log.full.store(false, Ordering::SeqCst);
    assert_eq!(refusal(&say("second").await), Some(Code::WorldSlowMode), "a turn is one message's");
    assert!(matches!(say("first").await.unwrap(), Sent::New(_)));
    assert!(matches!(say("first").await.unwrap(), Sent::Again(_)));
    assert_eq!(refusal(&say("second").await), Some(Code::WorldSlowMode));
    for seconds in [0, 86_400] {
        set(seconds).await;
    }
    assert!(matches!(say("second").await.unwrap(), Sent::New(_)), "what was said before it became slow again");
}

#[tokio::test]
async fn a_message_that_is_refused_opens_no_room() {
    let town = Town::with(Arc::new(LocalBus::default()), Options { friends_required: false, ..options() }).await;
    let people = town.people(3).await;
    let (ann, ben) = (people[0].id, people[1].id);
    let room = fixtures::private(ann, ben);
    let answer = NewMessage { reply_to: Some(Seq(1)), ..message("answer") };
    let absent = Some(Mentions::People(vec![people[2].id]));
    let mention = NewMessage { mentions: absent, ..message("mention") };
    for (message, code) in [(answer, Code::ReplyInvalid), (mention, Code::MentionInvalid)] {
        assert_eq!(refusal(&town.jim().messages().send(ann, room, &message).await), Some(code));
        for who in [ann, ben] {
            assert_eq!(refusal(&town.jim().rooms().get(who, room).await), Some(Code::NotFound));
            assert!(town.jim().user_log().read(who, None, 10).await.unwrap().items.is_empty(), "nobody was told");
        }
    }
    assert_eq!(send(town.jim(), ann, room, "hello").await, 1);
    assert_eq!(town.jim().user_log().read(ben, None, 10).await.unwrap().items.len(), 1, "now it is open");
}

#[tokio::test]
async fn a_host_syncs_as_many_rooms_in_one_call_as_a_client() {
    let town = Town::new().await;
    let ann = fixtures::user(&*town.store, "ann").await;
    for (count, code) in [(1000, None), (1001, Some(Code::Invalid))] {
        let rooms = (1..=count).map(|id| (RoomId::Group(GroupId(id)), Seq::ZERO)).collect();
        assert_eq!(refusal(&town.jim().sync().since(ann, Seq::ZERO, &rooms, 10).await), code, "{count}");
    }
}
