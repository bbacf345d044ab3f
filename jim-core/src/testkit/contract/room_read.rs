use super::tools::{ANN, BOB, seqs, up_to};
use crate::id::{GroupId, RoomId, Seq, UserId, WorldId};
use crate::model::entry::Head;
use crate::repo::Slice;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, messages, new_entry};

const ROOM: RoomId = RoomId::Private(ANN, BOB);

async fn read(fresh: &Fresh, slice: Slice<'_>, limit: u16) -> Vec<i64> {
    seqs(&fresh.log.read(&ROOM, slice, limit).await.unwrap())
}

/// Ten messages in the room, and some next door.
async fn ten(fresh: &Fresh) {
    messages(&*fresh.log, RoomId::Private(ANN, UserId(3)), ANN, 4).await;
    messages(&*fresh.log, ROOM, ANN, 10).await;
    messages(&*fresh.log, RoomId::Private(ANN, UserId(22)), ANN, 14).await;
}

pub async fn after_a_number_come_the_first_ones_above_it(fresh: &Fresh) {
    ten(fresh).await;
    for (after, limit, expected) in
        [(0, 3, vec![1, 2, 3]), (3, 4, vec![4, 5, 6, 7]), (8, 3, vec![9, 10]), (10, 3, vec![]), (99, 3, vec![])]
    {
        assert_eq!(read(fresh, Slice::After(Seq(after)), limit).await, expected, "after {after}");
    }
    assert_eq!(read(fresh, Slice::After(Seq::ZERO), u16::MAX).await, up_to(10));
}

pub async fn before_a_number_come_the_last_ones_below_it_upwards(fresh: &Fresh) {
    ten(fresh).await;
    for (before, limit, expected) in
        [(99, 3, vec![8, 9, 10]), (8, 4, vec![4, 5, 6, 7]), (3, 3, vec![1, 2]), (1, 3, vec![]), (0, 3, vec![])]
    {
        assert_eq!(read(fresh, Slice::Before(Seq(before)), limit).await, expected, "before {before}");
    }
    assert_eq!(read(fresh, Slice::Before(Seq(i64::MAX)), u16::MAX).await, up_to(10));
}

pub async fn only_the_numbers_asked_for_come_upwards(fresh: &Fresh) {
    ten(fresh).await;
    let asked = [Seq(9), Seq(2), Seq(99), Seq(5), Seq(0)];
    assert_eq!(read(fresh, Slice::Only(&asked), 9).await, [2, 5, 9]);
    assert_eq!(read(fresh, Slice::Only(&asked), 2).await, [2, 5]);
    assert_eq!(read(fresh, Slice::Only(&[]), 9).await, Vec::<i64>::new());
}

pub async fn an_unknown_room_reads_as_empty(fresh: &Fresh) {
    ten(fresh).await;
    let unknown = RoomId::Group(GroupId(5));
    for slice in [Slice::After(Seq::ZERO), Slice::Before(Seq(9)), Slice::Only(&[Seq(1)])] {
        assert!(fresh.log.read(&unknown, slice, 9).await.unwrap().is_empty());
    }
    assert_eq!(fresh.log.head(&unknown).await.unwrap(), Head::empty(unknown));
}

pub async fn heads_come_in_the_order_asked_and_are_zero_for_the_empty(fresh: &Fresh) {
    let rooms = [
        RoomId::World(WorldId::FIRST),
        ROOM,
        RoomId::Group(GroupId(5)),
        RoomId::Group(GroupId(4)),
        RoomId::World(WorldId::FIRST),
    ];
    messages(&*fresh.log, rooms[0], ANN, 2).await;
    messages(&*fresh.log, rooms[3], ANN, 5).await;
    messages(&*fresh.log, rooms[1], ANN, 3).await;
    let heads = fresh.log.heads(&rooms).await.unwrap();
    let head = |room, n| Head { room, seq: Seq(n), ord: n, fence: Seq::ZERO, at: AT };
    let full = [(0, 2), (1, 3), (3, 5), (4, 2)];
    assert_eq!(heads.len(), rooms.len());
    for (at, n) in full {
        assert_eq!(heads[at], head(rooms[at], n));
        assert_eq!(fresh.log.head(&rooms[at]).await.unwrap(), heads[at]);
    }
    assert_eq!(heads[2], Head::empty(rooms[2]));
    assert!(fresh.log.heads(&[]).await.unwrap().is_empty());
}

pub async fn heads_of_1000_are_answered_in_one_call(fresh: &Fresh) {
    let rooms: Vec<_> = (1..=1_000).rev().map(|id| RoomId::Group(GroupId(id))).collect();
    let batch: Vec<_> = rooms.iter().step_by(2).map(|room| new_entry(*room, ANN, "a", "hello")).collect();
    fresh.log.append(&batch).await.unwrap();
    let heads = fresh.log.heads(&rooms).await.unwrap();
    assert_eq!(heads.iter().map(|head| head.room).collect::<Vec<_>>(), rooms);
    for (at, head) in heads.iter().enumerate() {
        assert_eq!(head.seq, if at % 2 == 0 { Seq(1) } else { Seq::ZERO }, "{}", head.room);
    }
}
