use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::model::departure::Departure;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, users};
use crate::time::Millis;

async fn add(fresh: &Fresh, departures: &[Departure]) {
    let mut unit = fresh.write().await;
    for departure in departures {
        unit.departures().add(departure).await.unwrap();
    }
    commit(unit).await;
}

async fn all(fresh: &Fresh) -> Vec<Departure> {
    fresh.read().await.departures().list(u16::MAX).await.unwrap()
}

fn new(user: UserId, group: Option<i64>) -> Departure {
    Departure { user, room: group.map(|id| RoomId::Group(GroupId(id))), seq: Seq::ZERO, at: AT }
}

pub async fn what_is_left_is_read_back_by_account_and_added_once(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let left = [new(ids[0], None), new(ids[0], Some(3)), new(ids[1], None)];
    add(fresh, &[left[2], left[0], left[1]]).await;
    assert_eq!(all(fresh).await, left);
    add(fresh, &[Departure { at: Millis(AT.0 + 1), seq: Seq(9), ..left[1] }]).await;
    assert_eq!(all(fresh).await, left);
    assert_eq!(fresh.read().await.departures().list(2).await.unwrap(), left[..2]);
}

pub async fn a_number_only_grows_and_what_is_done_is_removed_once(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let left = [new(ids[0], None), new(ids[0], Some(3)), new(ids[1], Some(3))];
    add(fresh, &left).await;
    let room = left[1].room.unwrap();
    for (seq, stands) in [(7, 7), (5, 7), (8, 8)] {
        let mut unit = fresh.write().await;
        unit.departures().set_seq(ids[0], &room, Seq(seq)).await.unwrap();
        commit(unit).await;
        assert_eq!(all(fresh).await, [left[0], Departure { seq: Seq(stands), ..left[1] }, left[2]]);
    }
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.departures().remove(ids[0], Some(&room)).await.unwrap(), removed);
        assert!(!unit.departures().remove(ids[1], None).await.unwrap());
        commit(unit).await;
        assert_eq!(all(fresh).await, [left[0], left[2]]);
    }
    let mut unit = fresh.write().await;
    assert!(unit.departures().remove(ids[0], None).await.unwrap());
    commit(unit).await;
    assert_eq!(all(fresh).await, [left[2]]);
}
