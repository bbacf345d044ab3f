use serde_json::value::RawValue;

use super::tools::{ANN, BOB, append, append_new, parts, seqs, up_to};
use crate::id::{GroupId, OutboxId, RoomId, Seq, UserId, WorldId};
use crate::model::content::{ClientRef, ContentDigest};
use crate::model::entry::{Guard, Head, Kind, NewEntry};
use crate::repo::{Appended, Slice};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, client_ref, messages, new_entry};
use crate::time::Millis;

const ROOM: RoomId = RoomId::Private(ANN, BOB);
const GROUP: RoomId = RoomId::Group(GroupId(7));

fn entry(client_ref: &str) -> NewEntry {
    new_entry(ROOM, ANN, client_ref, "hello")
}

/// An entry that takes a right away.
fn fencing(client_ref: &str) -> NewEntry {
    NewEntry { fences: true, counted: false, guard: Guard::Decided, ..entry(client_ref) }
}

async fn all(fresh: &Fresh, room: RoomId) -> Vec<i64> {
    seqs(&fresh.log.read(&room, Slice::After(Seq::ZERO), 2_000).await.unwrap())
}

pub async fn an_entry_is_read_back_as_it_was_appended(fresh: &Fresh) {
    let system = NewEntry {
        by: UserId::SYSTEM,
        client_ref: ClientRef::outbox(OutboxId(12)),
        kind: Kind::named("member.joined_somehow".into()),
        counted: false,
        digest: None,
        guard: Guard::Decided,
        at: Millis(AT.0 + 7),
        ..entry("unused")
    };
    let batch = [entry("a"), system, new_entry(ROOM, BOB, "c", "third")];
    let appended = append_new(&*fresh.log, &batch).await;
    for (number, (new, entry)) in (1..).zip(batch.iter().zip(&appended)) {
        assert_eq!((entry.room, entry.seq, entry.by, entry.fence), (ROOM, Seq(number), new.by, Seq::ZERO));
        assert_eq!((&entry.client_ref, &entry.kind, &entry.digest), (&new.client_ref, &new.kind, &new.digest));
        assert_eq!(entry.body.as_ref().map(|body| body.get()), Some(new.body.get()));
    }
    let stored = fresh.log.read(&ROOM, Slice::After(Seq::ZERO), 9).await.unwrap();
    assert_eq!(stored.len(), appended.len());
    for (stored, appended) in stored.iter().zip(&appended) {
        assert_eq!(parts(stored), parts(appended));
        assert_eq!(stored.json(), appended.json());
    }
}

pub async fn bodies_are_kept_to_the_byte(fresh: &Fresh) {
    let long = format!(r#"{{"text":"{}"}}"#, "𝄞é".repeat(4_000));
    let bodies = [
        r#"{"text":"family 👩‍👩‍👧‍👦 flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿"}"#,
        "{\"text\":\"\u{202e}right to left أهلا שלום\u{200f}\"}",
        r#"{"text":"e\u0301 é \ud83d\ude00 \/ \\ \" \u0000"}"#,
        r#"{ "spaces" : [ 1.0, 1e2, 12345678901234567890, -0 ], "twice":1 }"#,
        "{\"text\":\"a\u{2028}b \u{feff} \u{fffd} ' -- ;\"}",
        "\"\"",
        &long,
    ];
    let batch: Vec<_> = bodies
        .into_iter()
        .enumerate()
        .map(|(n, body)| NewEntry { body: RawValue::from_string(body.into()).unwrap().into(), ..entry(&n.to_string()) })
        .collect();
    append_new(&*fresh.log, &batch).await;
    let stored = fresh.log.read(&ROOM, Slice::After(Seq::ZERO), 99).await.unwrap();
    let stored: Vec<_> = stored.iter().filter_map(|entry| entry.body.as_ref()).map(|body| body.get()).collect();
    assert_eq!(stored, bodies);
}

pub async fn numbers_follow_the_order_in_a_batch_of_several_rooms(fresh: &Fresh) {
    let rooms = [ROOM, GROUP, RoomId::World(WorldId::FIRST), RoomId::Group(GroupId(77))];
    for round in 0..3 {
        let batch: Vec<_> =
            (0..20).map(|n| new_entry(rooms[n * 3 % 4], ANN, &format!("{round}-{n}"), &n.to_string())).collect();
        let appended = append_new(&*fresh.log, &batch).await;
        for (new, entry) in batch.iter().zip(&appended) {
            assert_eq!((entry.room, &entry.client_ref), (new.room, &new.client_ref));
        }
        for room in rooms {
            let of_room: Vec<_> = appended.iter().filter(|entry| entry.room == room).map(|entry| entry.seq.0).collect();
            assert_eq!(of_room, (round * 5 + 1..=round * 5 + 5).collect::<Vec<_>>(), "{room}");
        }
    }
    for room in rooms {
        assert_eq!(all(fresh, room).await, up_to(15));
    }
}

pub async fn a_batch_holds_512(fresh: &Fresh) {
    let batch: Vec<_> = (0..512)
        .map(|n| new_entry(if n % 5 == 0 { GROUP } else { ROOM }, ANN, &format!("ref-{n}"), &n.to_string()))
        .collect();
    let appended = append_new(&*fresh.log, &batch).await;
    assert!(batch.iter().zip(&appended).all(|(new, entry)| new.client_ref == entry.client_ref));
    assert_eq!(all(fresh, GROUP).await, up_to(103));
    assert_eq!(all(fresh, ROOM).await, up_to(409));
}

pub async fn an_empty_batch_is_answered_with_nothing(fresh: &Fresh) {
    assert!(append(&*fresh.log, &[]).await.is_empty());
}

pub async fn a_repeated_reference_gets_the_same_entry_again(fresh: &Fresh) {
    let first = append_new(&*fresh.log, &[entry("a"), entry("b")]).await;
    messages(&*fresh.log, ROOM, BOB, 3).await;
    let later = NewEntry { at: Millis(AT.0 + 60_000), ..entry("a") };
    let answers = append(&*fresh.log, &[later, entry("new"), entry("b")]).await;
    let [Appended::Again(a), Appended::New(new), Appended::Again(b)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(parts(a), parts(&first[0]));
    assert_eq!(parts(b), parts(&first[1]));
    assert_eq!(new.seq, Seq(6));
    assert_eq!(all(fresh, ROOM).await, up_to(6));
}

pub async fn a_whole_batch_can_be_offered_again(fresh: &Fresh) {
    let batch: Vec<_> = (0..100).map(|n| entry(&format!("ref-{n}"))).collect();
    let first = append_new(&*fresh.log, &batch[..60]).await;
    let answers = append(&*fresh.log, &batch).await;
    for (answer, first) in answers.iter().zip(&first) {
        assert!(matches!(answer, Appended::Again(entry) if parts(entry) == parts(first)), "{answer:?}");
    }
    assert!(answers[60..].iter().all(|answer| matches!(answer, Appended::New(_))));
    assert_eq!(all(fresh, ROOM).await, up_to(100));
}

pub async fn a_reference_with_other_content_differs(fresh: &Fresh) {
    append_new(&*fresh.log, &[entry("a"), entry("b")]).await;
    let other = new_entry(ROOM, ANN, "b", "other words");
    let undigested = NewEntry { digest: None, ..entry("a") };
    let answers = append(&*fresh.log, &[other, undigested, entry("c")]).await;
    let [Appended::Differs(Seq(2)), Appended::Differs(Seq(1)), Appended::New(c)] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(c.seq, Seq(3));
    assert_eq!(all(fresh, ROOM).await, up_to(3));
}

pub async fn an_entry_without_digest_is_repeated_too(fresh: &Fresh) {
    let system = NewEntry { by: UserId::SYSTEM, digest: None, guard: Guard::Decided, ..entry("ob:1") };
    let first = append_new(&*fresh.log, std::slice::from_ref(&system)).await;
    let answers = append(&*fresh.log, &[system]).await;
    assert!(matches!(&answers[..], [Appended::Again(entry)] if parts(entry) == parts(&first[0])), "{answers:?}");
}

pub async fn content_is_compared_by_its_digest_alone(fresh: &Fresh) {
    let first = append_new(&*fresh.log, &[entry("a")]).await;
    let digest = first[0].digest.clone();
    let answers = append(&*fresh.log, &[NewEntry { digest, ..new_entry(ROOM, ANN, "a", "spelt otherwise") }]).await;
    assert!(matches!(&answers[..], [Appended::Again(entry)] if parts(entry) == parts(&first[0])), "{answers:?}");
    let digest = Some(ContentDigest("another".into()));
    let answers = append(&*fresh.log, &[NewEntry { digest, ..entry("a") }]).await;
    assert!(matches!(&answers[..], [Appended::Differs(Seq(1))]), "{answers:?}");
}

pub async fn a_reference_is_a_writers_own_in_one_room(fresh: &Fresh) {
    let batch = [
        entry("a"),
        new_entry(ROOM, BOB, "a", "by another"),
        new_entry(GROUP, ANN, "a", "elsewhere"),
        new_entry(ROOM, ANN, "A", "in capitals"),
    ];
    let appended = append_new(&*fresh.log, &batch).await;
    let numbers: Vec<_> = appended.iter().map(|entry| (entry.room, entry.seq.0)).collect();
    assert_eq!(numbers, [(ROOM, 1), (ROOM, 2), (GROUP, 1), (ROOM, 3)]);
    for (new, appended) in batch.iter().zip(&appended) {
        let found = fresh.log.find_ref(&new.room, new.by, &new.client_ref).await.unwrap().unwrap();
        assert_eq!(parts(&found), parts(appended));
    }
}

pub async fn an_entry_is_found_by_its_reference(fresh: &Fresh) {
    let appended = append_new(&*fresh.log, &[entry("a"), entry("b")]).await;
    let found = fresh.log.find_ref(&ROOM, ANN, &client_ref("b")).await.unwrap().unwrap();
    assert_eq!(parts(&found), parts(&appended[1]));
    for (room, by, name) in [(ROOM, ANN, "c"), (ROOM, BOB, "a"), (GROUP, ANN, "a"), (ROOM, ANN, "A")] {
        assert!(fresh.log.find_ref(&room, by, &client_ref(name)).await.unwrap().is_none(), "{room} {by} {name}");
    }
}

pub async fn the_time_of_an_entry_is_not_below_that_of_the_one_before(fresh: &Fresh) {
    let at = |name: &str, at| NewEntry { at: Millis(at), ..entry(name) };
    let mut times = Vec::new();
    for batch in [vec![at("a", 100), at("b", 50)], vec![at("c", 40)], vec![at("d", 150), at("e", 149), at("f", 151)]] {
        times.extend(append_new(&*fresh.log, &batch).await.iter().map(|entry| entry.at.0));
    }
    assert_eq!(times, [100, 100, 100, 150, 150, 151]);
    let stored = fresh.log.read(&ROOM, Slice::After(Seq::ZERO), 9).await.unwrap();
    assert_eq!(stored.iter().map(|entry| entry.at.0).collect::<Vec<_>>(), times);
    assert_eq!(fresh.log.head(&ROOM).await.unwrap().at, Millis(151));
}

pub async fn only_counted_entries_are_counted(fresh: &Fresh) {
    let counted = [true, false, false, true, true, false];
    let batch: Vec<_> =
        (0..).zip(counted).map(|(n, counted)| NewEntry { counted, ..entry(&format!("ref-{n}")) }).collect();
    let mut appended = append_new(&*fresh.log, &batch[..2]).await;
    appended.extend(append_new(&*fresh.log, &batch[2..]).await);
    assert_eq!(appended.iter().map(|entry| entry.ord).collect::<Vec<_>>(), [1, 1, 1, 2, 3, 3]);
    assert_eq!(fresh.log.head(&ROOM).await.unwrap().ord, 3);
}

pub async fn an_entry_that_takes_a_right_away_moves_the_fence(fresh: &Fresh) {
    let decided = |name| NewEntry { guard: Guard::Decided, ..entry(name) };
    let mut appended = append_new(&*fresh.log, &[entry("a"), fencing("b"), decided("c")]).await;
    appended.extend(append_new(&*fresh.log, &[decided("d"), fencing("e")]).await);
    assert_eq!(appended.iter().map(|entry| entry.fence.0).collect::<Vec<_>>(), [0, 2, 2, 2, 5]);
    let head = fresh.log.head(&ROOM).await.unwrap();
    assert_eq!(head, Head { room: ROOM, seq: Seq(5), ord: 3, fence: Seq(5), at: AT });
}

pub async fn what_was_decided_before_the_fence_is_stale_and_is_not_stored(fresh: &Fresh) {
    append_new(&*fresh.log, &[entry("a"), fencing("b")]).await;
    let head = fresh.log.head(&ROOM).await.unwrap();
    for fence in [0, 1] {
        let stale = NewEntry { guard: Guard::Fence(Seq(fence)), ..entry("c") };
        let answers = append(&*fresh.log, &[stale]).await;
        assert!(matches!(&answers[..], [Appended::Stale(at)] if *at == head), "{answers:?}");
    }
    assert_eq!(all(fresh, ROOM).await, up_to(2));
    assert!(fresh.log.find_ref(&ROOM, ANN, &client_ref("c")).await.unwrap().is_none());
    for (name, fence) in [("c", 2), ("d", 3)] {
        append_new(&*fresh.log, &[NewEntry { guard: Guard::Fence(Seq(fence)), ..entry(name) }]).await;
    }
    assert_eq!(all(fresh, ROOM).await, up_to(4));
}

pub async fn the_fence_holds_within_a_batch_and_in_its_own_room(fresh: &Fresh) {
    let batch = [entry("a"), fencing("b"), entry("c"), new_entry(GROUP, ANN, "d", "elsewhere"), fencing("e")];
    let answers = append(&*fresh.log, &batch).await;
    let [Appended::New(_), Appended::New(b), Appended::Stale(head), Appended::New(d), Appended::New(e)] = &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!((head.room, head.seq, head.fence, head.ord), (ROOM, b.seq, b.seq, 1));
    assert_eq!((d.seq, e.seq), (Seq(1), Seq(3)));
    assert_eq!(all(fresh, ROOM).await, up_to(3));
}

pub async fn what_is_decided_ignores_the_fence(fresh: &Fresh) {
    append_new(&*fresh.log, &[fencing("a")]).await;
    let appended = append_new(&*fresh.log, &[NewEntry { guard: Guard::Decided, ..entry("b") }]).await;
    assert_eq!((appended[0].seq, appended[0].fence), (Seq(2), Seq(1)));
}

pub async fn a_repeat_is_answered_though_the_fence_has_moved(fresh: &Fresh) {
    let first = append_new(&*fresh.log, &[entry("a")]).await;
    append_new(&*fresh.log, &[fencing("b")]).await;
    let answers = append(&*fresh.log, &[entry("a"), entry("c")]).await;
    let [Appended::Again(again), Appended::Stale(_)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(parts(again), parts(&first[0]));
    let answers = append(&*fresh.log, &[new_entry(ROOM, ANN, "a", "other words")]).await;
    assert!(matches!(&answers[..], [Appended::Differs(Seq(1))]), "{answers:?}");
}
