use super::tools::{at_once, patiently};
use crate::id::{GroupId, RoomId, Seq, WorldId};
use crate::model::conversation::{ConversationRow, Mark, Reader};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, open, private, users};

pub async fn a_row_is_made_once_and_then_left_as_it_is(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let room = private(ids[0], ids[1]);
    for (from, made) in [(4, true), (9, false), (1, false)] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.conversations().ensure(ids[0], &room, Some(Seq(from))).await.unwrap(), made);
        commit(unit).await;
        let row = fresh.read().await.conversations().get(ids[0], &room).await.unwrap();
        assert_eq!(row, Some(ConversationRow::new(room, Some(Seq(4)))));
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
        RoomId::World(WorldId::FIRST),
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
    assert_eq!(row(ids[0]).await, Some(ConversationRow::new(room, None)));
    let mut unit = fresh.write().await;
    unit.conversations().set_from(ids[0], &room, Mark { seq: Seq(6), ord: 4 }).await.unwrap();
    commit(unit).await;
    assert_eq!(
        row(ids[0]).await,
        Some(ConversationRow { mark: Mark { seq: Seq(6), ord: 4 }, ..ConversationRow::new(room, Some(Seq(7))) })
    );
    assert_eq!(row(ids[1]).await.unwrap().from, None);
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.conversations().remove(ids[0], &room).await.unwrap(), removed);
        unit.conversations().set_from(ids[0], &room, Mark { seq: Seq(8), ord: 5 }).await.unwrap();
        commit(unit).await;
        assert_eq!(row(ids[0]).await, None);
    }
    assert!(row(ids[1]).await.is_some());
}

pub async fn read_marks_only_grow_and_do_not_bring_back_what_is_gone(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let room = RoomId::Group(GroupId(3));
    let mark = |seq, ord| Mark { seq: Seq(seq), ord };
    let mut unit = fresh.write().await;
    for user in &ids[..2] {
        unit.conversations().ensure(*user, &room, Some(Seq(1))).await.unwrap();
    }
    commit(unit).await;
    let row = async |user| fresh.read().await.conversations().get(user, &room).await.unwrap();
    for (to, read) in [(mark(5, 4), mark(5, 4)), (mark(3, 2), mark(5, 4)), (mark(9, 7), mark(9, 7))] {
        let mut unit = fresh.write().await;
        unit.conversations().set_read(&[(ids[0], room, to), (ids[2], room, to)]).await.unwrap();
        commit(unit).await;
        let found = row(ids[0]).await.unwrap();
        assert_eq!((found.read, found.mark), (read.seq, read));
        assert_eq!(row(ids[1]).await.unwrap().read, Seq(0));
        assert_eq!(row(ids[2]).await, None);
    }
    // Many at once, each his own.
    let mut unit = fresh.write().await;
    unit.conversations().set_read(&[(ids[0], room, mark(10, 8)), (ids[1], room, mark(2, 1))]).await.unwrap();
    unit.conversations().set_read(&[]).await.unwrap();
    commit(unit).await;
    assert_eq!(row(ids[0]).await.unwrap().mark, mark(10, 8));
    assert_eq!(row(ids[1]).await.unwrap().mark, mark(2, 1));
}

pub async fn clearing_moves_the_beginning_and_the_mark_and_not_what_was_read(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 1).await;
    let room = RoomId::Group(GroupId(3));
    let mut unit = fresh.write().await;
    unit.conversations().ensure(ids[0], &room, Some(Seq(4))).await.unwrap();
    unit.conversations().set_read(&[(ids[0], room, Mark { seq: Seq(9), ord: 6 })]).await.unwrap();
    commit(unit).await;
    for (to, first, mark) in [(6, 7, 9), (12, 13, 12), (8, 13, 12)] {
        let mut unit = fresh.write().await;
        unit.conversations().set_clear(ids[0], &room, Mark { seq: Seq(to), ord: to - 3 }).await.unwrap();
        commit(unit).await;
        let row = fresh.read().await.conversations().get(ids[0], &room).await.unwrap().unwrap();
        assert_eq!((row.first(), row.read), (Some(Seq(first)), Seq(9)));
        assert_eq!(row.mark, Mark { seq: Seq(mark), ord: mark - 3 });
    }
}

pub async fn pins_mutes_and_hiding_are_kept_and_taken_back_one_by_one(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let room = private(ids[0], ids[1]);
    open(&*fresh.store, ids[0], ids[1]).await;
    let row = async |user| fresh.read().await.conversations().get(user, &room).await.unwrap().unwrap();
    let blank = row(ids[1]).await;
    let mut unit = fresh.write().await;
    unit.conversations().set_pinned(ids[0], &room, Some(AT)).await.unwrap();
    unit.conversations().set_muted(ids[0], &room, true).await.unwrap();
    unit.conversations().set_hidden(ids[0], &room, Some(Seq(3))).await.unwrap();
    commit(unit).await;
    let set = ConversationRow { pinned_at: Some(AT), muted: true, hidden: Some(Seq(3)), ..blank.clone() };
    assert_eq!(row(ids[0]).await, set);
    assert!(set.is_hidden(Seq(3)) && !set.is_hidden(Seq(4)));
    assert_eq!(row(ids[1]).await, blank);
    let mut unit = fresh.write().await;
    unit.conversations().set_muted(ids[0], &room, false).await.unwrap();
    unit.conversations().set_hidden(ids[0], &room, None).await.unwrap();
    commit(unit).await;
    assert_eq!(row(ids[0]).await, ConversationRow { muted: false, hidden: None, ..set });
}

pub async fn readers_of_an_entry_are_who_could_and_did_read_it_by_id(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 6).await;
    let room = RoomId::Group(GroupId(3));
    let rows = [(1, 9), (1, 4), (1, 3), (5, 9), (4, 5)];
    let mut unit = fresh.write().await;
    for (user, (from, read)) in ids.iter().zip(rows) {
        unit.conversations().ensure(*user, &room, Some(Seq(from))).await.unwrap();
        unit.conversations().set_read(&[(*user, room, Mark { seq: Seq(read), ord: read })]).await.unwrap();
    }
    // One who has not been let in yet.
    unit.conversations().ensure(ids[5], &room, None).await.unwrap();
    commit(unit).await;
    let mut unit = fresh.read().await;
    let readers = unit.conversations().readers(&room, Seq(4), None, 10).await.unwrap();
    let expected = [(ids[0], 9), (ids[1], 4), (ids[4], 5)].map(|(user_id, seq)| Reader { user_id, seq: Seq(seq) });
    assert_eq!(readers, expected);
    assert_eq!(unit.conversations().readers(&room, Seq(4), Some(ids[0]), 1).await.unwrap(), expected[1..2]);
    assert_eq!(unit.conversations().readers(&room, Seq(10), None, 10).await.unwrap(), []);
}
