use super::tools::{at_once, patiently};
use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::model::pin::PinRow;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit};
use crate::time::Millis;

const ROOM: RoomId = RoomId::Group(GroupId(3));

fn pin(seq: i64, after: i64) -> PinRow {
    PinRow { seq: Seq(seq), by: UserId(7), at: Millis(AT.0 + after) }
}

pub async fn pins_of_a_room_come_newest_first_and_are_its_own(fresh: &Fresh) {
    let other = RoomId::Group(GroupId(30));
    let mut unit = fresh.write().await;
    for row in [pin(4, 0), pin(9, 10), pin(2, 5), pin(3, 5)] {
        assert!(unit.pins().add(&ROOM, &row).await.unwrap());
    }
    assert!(unit.pins().add(&other, &pin(4, 99)).await.unwrap());
    commit(unit).await;
    let pins = fresh.read().await.pins().list(&ROOM).await.unwrap();
    assert_eq!(pins, [pin(9, 10), pin(3, 5), pin(2, 5), pin(4, 0)]);
}

pub async fn an_entry_is_pinned_once_and_removed_once(fresh: &Fresh) {
    for (row, added) in [(pin(4, 0), true), (pin(4, 10), false)] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.pins().add(&ROOM, &row).await.unwrap(), added);
        commit(unit).await;
    }
    assert_eq!(fresh.read().await.pins().list(&ROOM).await.unwrap(), [pin(4, 0)]);
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.pins().remove(&ROOM, Seq(4)).await.unwrap(), removed);
        commit(unit).await;
    }
    assert_eq!(fresh.read().await.pins().list(&ROOM).await.unwrap(), []);
}

pub async fn of_20_who_pin_one_entry_at_once_exactly_one_does(fresh: &Fresh) {
    let added = at_once((0..20).map(|n| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let added = unit.pins().add(&ROOM, &pin(4, n)).await?;
                let _ = unit.commit().await?;
                Ok(added)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(added.iter().filter(|added| **added).count(), 1);
}
