//! Private rooms and world channels where storage fails or somebody comes between.

use std::sync::atomic::Ordering;

use jim_core::id::{RoomId, Seq, UserId, WorldId};
use jim_core::model::user::AccountRole;
use jim_core::model::world::WorldChange;
use jim_core::repo::{NewUser, Store};
use jim_core::testkit::fixtures;
use serde_json::Value;

use crate::node::{Town, send};

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
    for (kind, pins) in [("pin.added", true), ("pin.removed", false)] {
        for (who, full) in [(ann.id, true), (ben.id, false)] {
            town.log.full.store(full, Ordering::SeqCst);
            let done = match pins {
                true => town.jim().pins().add(who, room, seq).await,
                false => town.jim().pins().remove(who, room, seq).await,
            };
            done.unwrap();
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
