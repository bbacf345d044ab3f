use serde_json::value::to_raw_value;

use super::tools::append;
use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::model::conversation::Mark;
use crate::model::entry::{Guard, Kind, NewEntry};
use crate::repo::{COUNTED_EXACTLY, Slice, Unread, UnreadCount};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{messages, new_entry};

const ROOM: RoomId = RoomId::Group(GroupId(3));
const ANN: UserId = UserId(7);
const BEN: UserId = UserId(8);

async fn unread(fresh: &Fresh, user: UserId, mark: Mark) -> (u64, u64) {
    let UnreadCount { messages, mentions } = fresh.log.unread(&[Unread { room: ROOM, user, mark }]).await.unwrap()[0];
    (messages, mentions)
}

async fn mark(fresh: &Fresh, seq: i64) -> Mark {
    fresh.log.read(&ROOM, Slice::Only(&[Seq(seq)]), 1).await.unwrap().first().map_or(Mark::default(), |one| one.mark())
}

pub async fn unread_is_what_others_wrote_above_the_mark_and_still_stands(fresh: &Fresh) {
    let event = NewEntry {
        kind: Kind::GROUP_RENAMED,
        counted: false,
        digest: None,
        guard: Guard::Decided,
        ..new_entry(ROOM, ANN, "event", "an event")
    };
    let greeting = NewEntry {
        by: UserId::SYSTEM,
        counted: false,
        digest: None,
        guard: Guard::Decided,
        ..new_entry(ROOM, ANN, "greeting", "hello")
    };
    append(&*fresh.log, &[greeting, event]).await;
    messages(&*fresh.log, ROOM, ANN, 4).await;
    messages(&*fresh.log, ROOM, BEN, 2).await;
    assert_eq!(unread(fresh, BEN, Mark::default()).await, (4, 0));
    assert_eq!(unread(fresh, ANN, Mark::default()).await, (2, 0));
    assert_eq!(unread(fresh, BEN, mark(fresh, 4).await).await, (2, 0));
    fresh.log.erase(&ROOM, Seq(5), &to_raw_value("gone").unwrap()).await.unwrap();
    fresh.log.erase(&ROOM, Seq(3), &to_raw_value("gone").unwrap()).await.unwrap();
    assert_eq!(unread(fresh, BEN, mark(fresh, 4).await).await, (1, 0), "one below the mark makes no difference");
    assert_eq!(unread(fresh, BEN, Mark::default()).await, (2, 0));
    assert_eq!(unread(fresh, BEN, mark(fresh, 8).await).await, (0, 0));
}

pub async fn a_mention_counts_for_whom_it_names_and_one_of_all_for_everybody_else(fresh: &Fresh) {
    let naming = |name: &str, by, mentions| NewEntry { mentions, ..new_entry(ROOM, by, name, name) };
    let batch = [
        naming("ben", ANN, vec![BEN]),
        naming("both", ANN, vec![BEN, UserId::SYSTEM]),
        naming("all", BEN, vec![UserId::SYSTEM]),
        naming("none", ANN, vec![]),
        naming("gone", ANN, vec![BEN]),
    ];
    append(&*fresh.log, &batch).await;
    append(&*fresh.log, &batch).await;
    fresh.log.erase(&ROOM, Seq(5), &to_raw_value("gone").unwrap()).await.unwrap();
    assert_eq!(unread(fresh, BEN, Mark::default()).await, (3, 2));
    assert_eq!(unread(fresh, ANN, Mark::default()).await, (1, 1));
    assert_eq!(unread(fresh, UserId(9), Mark::default()).await, (4, 2));
    assert_eq!(unread(fresh, BEN, mark(fresh, 1).await).await, (2, 1));
}

pub async fn much_is_counted_by_the_numbers_of_the_log(fresh: &Fresh) {
    let count = usize::try_from(COUNTED_EXACTLY).unwrap() + 50;
    messages(&*fresh.log, ROOM, ANN, count).await;
    for seq in [1, 20, 1000] {
        fresh.log.erase(&ROOM, Seq(seq), &to_raw_value("gone").unwrap()).await.unwrap();
    }
    assert_eq!(unread(fresh, BEN, Mark::default()).await.0, count as u64 - 3);
    assert_eq!(unread(fresh, BEN, mark(fresh, 10).await).await.0, count as u64 - 12);
    assert_eq!(unread(fresh, BEN, mark(fresh, 60).await).await.0, count as u64 - 61);
}

pub async fn many_are_counted_in_the_order_asked(fresh: &Fresh) {
    let rooms = [5, 4, 6].map(|id| RoomId::Group(GroupId(id)));
    for (room, count) in rooms.iter().zip([3, 0, 5]) {
        messages(&*fresh.log, *room, ANN, count).await;
    }
    let asks = rooms.map(|room| Unread { room, user: BEN, mark: Mark::default() });
    let counts = fresh.log.unread(&asks).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.messages).collect::<Vec<_>>(), [3, 0, 5]);
    assert_eq!(fresh.log.unread(&[]).await.unwrap(), []);
}
