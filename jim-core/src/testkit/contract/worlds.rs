use super::tools::{at_once, patiently};
use crate::id::{UserId, WorldId};
use crate::model::world::WorldRow;
use crate::model::{ClientRef, Limits};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, users};
use crate::time::Millis;

const FIRST: WorldId = WorldId::FIRST;

fn message(name: &str) -> ClientRef {
    ClientRef::parse(name, &Limits::default()).unwrap()
}

/// Takes somebody's turn for a message; times are after [`AT`].
async fn turn(fresh: &Fresh, (world, user): (WorldId, UserId), name: &str, now: i64, since: i64) -> Option<i64> {
    let mut unit = fresh.write().await;
    let (now, since) = (Millis(AT.0 + now), Millis(AT.0 + since));
    let last = unit.worlds().take_turn(world, user, &message(name), now, since).await.unwrap();
    commit(unit).await;
    last.map(|last| last.0 - AT.0)
}

pub async fn the_first_world_is_there_and_open_from_the_beginning(fresh: &Fresh) {
    let mut unit = fresh.read().await;
    let world = unit.worlds().get(FIRST).await.unwrap().unwrap();
    assert_eq!((world.id, world.open, world.slow_mode_seconds), (FIRST, true, 0));
    assert_eq!(unit.worlds().list().await.unwrap(), [world]);
    assert_eq!(unit.worlds().get(WorldId(2)).await.unwrap(), None);
}

pub async fn a_world_keeps_what_is_set(fresh: &Fresh) {
    let wanted = WorldRow { id: FIRST, name: "Square".into(), open: false, slow_mode_seconds: 30 };
    let mut unit = fresh.write().await;
    unit.worlds().set(&wanted).await.unwrap();
    unit.worlds().set(&WorldRow { id: WorldId(2), ..wanted.clone() }).await.unwrap();
    commit(unit).await;
    assert_eq!(fresh.read().await.worlds().list().await.unwrap(), [wanted]);
}

pub async fn a_mute_is_one_persons_and_can_be_replaced_and_lifted(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    for until in [Some(Millis(5)), Some(Millis(9)), Some(Millis(3)), None, None] {
        let mut unit = fresh.write().await;
        unit.worlds().set_muted(FIRST, ids[0], until).await.unwrap();
        commit(unit).await;
        let mut unit = fresh.read().await;
        assert_eq!(unit.worlds().muted_until(FIRST, ids[0]).await.unwrap(), until);
        assert_eq!(unit.worlds().muted_until(FIRST, ids[1]).await.unwrap(), None);
        assert_eq!(unit.worlds().muted_until(WorldId(2), ids[0]).await.unwrap(), None);
    }
}

pub async fn a_turn_is_taken_when_the_last_one_is_long_enough_ago(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let (ann, ben) = ((FIRST, ids[0]), (FIRST, ids[1]));
    assert_eq!(turn(fresh, ann, "m-1", 100, 50).await, None);
    assert_eq!(turn(fresh, ann, "m-2", 120, 70).await, Some(100));
    assert_eq!(turn(fresh, ann, "m-2", 150, 100).await, Some(100), "what is refused is no turn; `since` is with it");
    assert_eq!(turn(fresh, ben, "m-2", 120, 70).await, None);
    assert_eq!(turn(fresh, ann, "m-2", 151, 101).await, None);
    assert_eq!(turn(fresh, ann, "m-3", 152, 102).await, Some(151));
}

pub async fn a_message_has_its_own_turn_again(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let (ann, ben) = ((FIRST, ids[0]), (FIRST, ids[1]));
    assert_eq!(turn(fresh, ann, "m-1", 100, 50).await, None);
    for now in [100, 120] {
        assert_eq!(turn(fresh, ann, "m-1", now, now - 50).await, None);
        assert_eq!(turn(fresh, ann, "m-2", now, now - 50).await, Some(now), "the others wait from then on");
    }
    assert_eq!(turn(fresh, ben, "m-2", 120, 70).await, None);
    assert_eq!(turn(fresh, ben, "m-1", 130, 80).await, Some(120), "a reference is its writer's own");
    assert_eq!(turn(fresh, ann, "m-2", 171, 121).await, None);
    assert_eq!(turn(fresh, ann, "m-1", 172, 122).await, Some(171), "only the last one has its turn again");
}

pub async fn turns_are_forgotten_in_one_world_and_count_no_more(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    for world in [FIRST, WorldId(2)] {
        for user in &ids {
            assert_eq!(turn(fresh, (world, *user), "m-1", 100, 50).await, None);
        }
    }
    let mut unit = fresh.write().await;
    unit.worlds().forget_turns(FIRST).await.unwrap();
    commit(unit).await;
    for user in ids {
        assert_eq!(turn(fresh, (FIRST, user), "m-2", 101, 51).await, None);
        assert_eq!(turn(fresh, (WorldId(2), user), "m-2", 101, 51).await, Some(100));
    }
}

pub async fn of_20_who_take_a_turn_at_once_exactly_one_gets_it(fresh: &Fresh) {
    let user = users(&*fresh.store, "user", 1).await[0];
    let turns = at_once((0..20).map(|n| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let message = message(&format!("m-{n}"));
                let last = unit.worlds().take_turn(FIRST, user, &message, AT, Millis(AT.0 - 50)).await?;
                let _ = unit.commit().await?;
                Ok(last)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(turns.iter().filter(|last| last.is_none()).count(), 1);
}
