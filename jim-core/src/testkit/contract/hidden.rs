use crate::id::{GroupId, RoomId, Seq};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{commit, users};

pub async fn what_is_hidden_is_hidden_once_from_one_person_in_one_room(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let [room, other] = [3, 30].map(|id| RoomId::Group(GroupId(id)));
    let mut unit = fresh.write().await;
    for (seq, new) in [(4, true), (2, true), (4, false), (9, true)] {
        assert_eq!(unit.hidden().add(ids[0], &room, Seq(seq)).await.unwrap(), new);
    }
    commit(unit).await;
    let list =
        async |user, room, from, to| fresh.read().await.hidden().list(user, room, Seq(from), Seq(to)).await.unwrap();
    assert_eq!(list(ids[0], &room, 1, 100).await, [Seq(2), Seq(4), Seq(9)]);
    assert_eq!(list(ids[0], &room, 2, 4).await, [Seq(2), Seq(4)], "both ends are with it");
    assert_eq!(list(ids[0], &room, 5, 8).await, []);
    assert_eq!(list(ids[1], &room, 1, 100).await, []);
    assert_eq!(list(ids[0], &other, 1, 100).await, []);
}
