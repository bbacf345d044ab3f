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
        assert_eq!(unit.conversations().ensure(ids[0], &room, Some(Seq(from))).await.unwrap(), made);
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
                let made = unit.conversations().ensure(user, &room, Some(Seq(1))).await?;
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
    unit.conversations().ensure(ids[0], &room, Some(Seq(1))).await.unwrap();
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
        assert!(unit.conversations().ensure(ids[0], room, Some(Seq(1))).await.unwrap());
    }
    commit(unit).await;
    let listed = fresh.read().await.conversations().list(ids[0]).await.unwrap();
    let mut listed: Vec<_> = listed.into_iter().map(|row| row.room).collect();
    listed.sort_unstable();
    rooms.sort_unstable();
    assert_eq!(listed, rooms);
}

pub async fn where_a_person_begins_to_read_is_said_later_and_a_row_can_be_removed(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let room = RoomId::Group(GroupId(42));
    let row = async |user| fresh.read().await.conversations().get(user, &room).await.unwrap();
    let mut unit = fresh.write().await;
    for user in &ids {
        assert!(unit.conversations().ensure(*user, &room, None).await.unwrap());
    }
    commit(unit).await;
    assert_eq!(row(ids[0]).await, Some(Conversation { room, from: None, read: Seq::ZERO }));
    let mut unit = fresh.write().await;
    unit.conversations().set_from(ids[0], &room, Seq(7)).await.unwrap();
    commit(unit).await;
    assert_eq!(row(ids[0]).await, Some(Conversation { room, from: Some(Seq(7)), read: Seq::ZERO }));
    assert_eq!(row(ids[1]).await.unwrap().from, None);
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.conversations().remove(ids[0], &room).await.unwrap(), removed);
        unit.conversations().set_from(ids[0], &room, Seq(9)).await.unwrap();
        commit(unit).await;
        assert_eq!(row(ids[0]).await, None);
    }
    assert!(row(ids[1]).await.is_some());
}
