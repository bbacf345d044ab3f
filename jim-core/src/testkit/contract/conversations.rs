use super::tools::{at_once, patiently};
use crate::id::{GroupId, RoomId, Seq};
use crate::model::conversation::Conversation;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{commit, open, private, users};

pub async fn a_row_is_made_once_and_then_left_as_it_is(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let room = private(ids[0], ids[1]);
    for (from, made) in [(4, true), (9, false), (1, false)] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.conversations().ensure(ids[0], &room, Seq(from)).await.unwrap(), made);
        commit(unit).await;
        let row = fresh.read().await.conversations().get(ids[0], &room).await.unwrap();
        assert_eq!(row, Some(Conversation { room, from: Some(Seq(4)), read: Seq::ZERO }));
    }
}

pub async fn of_20_who_ensure_one_row_at_once_exactly_one_makes_it(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let room = private(ids[0], ids[1]);
    let user = ids[0];
    let made = at_once((0..20).map(|_| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let made = unit.conversations().ensure(user, &room, Seq(1)).await?;
                let _ = unit.commit().await?;
                Ok(made)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
}

pub async fn a_row_is_its_persons_alone(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let room = private(ids[0], ids[1]);
    let mut unit = fresh.write().await;
    unit.conversations().ensure(ids[0], &room, Seq(1)).await.unwrap();
    commit(unit).await;
    let mut unit = fresh.read().await;
    assert_eq!(unit.conversations().get(ids[1], &room).await.unwrap(), None);
    assert_eq!(unit.conversations().list(ids[1]).await.unwrap(), []);
}

pub async fn a_list_holds_every_room_of_one_person(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 4).await;
    let mut rooms = vec![
        open(&*fresh.store, ids[0], ids[1]).await,
        open(&*fresh.store, ids[2], ids[0]).await,
        RoomId::Group(GroupId(42)),
        RoomId::World(1),
    ];
    open(&*fresh.store, ids[1], ids[2]).await;
    let mut unit = fresh.write().await;
    for room in &rooms[2..] {
        assert!(unit.conversations().ensure(ids[0], room, Seq(1)).await.unwrap());
    }
    commit(unit).await;
    let listed = fresh.read().await.conversations().list(ids[0]).await.unwrap();
    let mut listed: Vec<_> = listed.into_iter().map(|row| row.room).collect();
    listed.sort_unstable();
    rooms.sort_unstable();
    assert_eq!(listed, rooms);
}
