//! Several nodes on one database: each has logs of its own, and remembers heads that may be old.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jim_core::id::{GroupId, RoomId, Seq, UserId};
use jim_core::model::entry::{Guard, NewEntry};
use jim_core::repo::{Appended, RepoError, RoomLogRepo, Slice};
use jim_core::store::mongo::MongoRoomLog;
use jim_core::testkit::fixtures::new_entry;
use tokio::task::JoinSet;

use super::database::Database;

const ROOM: RoomId = RoomId::Group(GroupId(3));
const ANN: UserId = UserId(7);

/// Offers a batch again while others are in the way, as a lane does.
async fn append(log: &MongoRoomLog, batch: &[NewEntry]) -> Vec<Appended> {
    for _ in 0..100 {
        match log.append(batch).await {
            Err(RepoError::Busy) => {}
            answers => return answers.unwrap(),
        }
    }
    panic!("others were in the way for too long")
}

fn entry(client_ref: &str) -> NewEntry {
    new_entry(ROOM, ANN, client_ref, client_ref)
}

async fn numbers(log: &MongoRoomLog) -> Vec<i64> {
    let entries = log.read(&ROOM, Slice::After(Seq::ZERO), u16::MAX).await.unwrap();
    entries.iter().map(|entry| entry.seq.0).collect()
}

fn up_to(n: usize) -> Vec<i64> {
    (1..=i64::try_from(n).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_with_16_senders_each_every_send_is_answered_and_numbered_once() {
    const SENDS: usize = 6;
    let database = Database::new();
    let nodes = [database.open().await, database.open().await];
    let mut senders = JoinSet::new();
    for sender in 0..16 {
        for (node, log) in nodes.iter().enumerate() {
            let log = log.clone();
            senders.spawn(async move {
                let mut answers = Vec::new();
                for n in 0..SENDS {
                    // Each second reference is offered to both nodes.
                    let name = if n % 2 == 0 { format!("{sender}-{n}-{node}") } else { format!("{sender}-{n}") };
                    answers.push((name.clone(), append(&log, &[entry(&name)]).await.remove(0)));
                }
                answers
            });
        }
    }
    let answers = senders.join_all().await.concat();
    assert_eq!(answers.len(), 2 * 16 * SENDS);
    let mut new = Vec::new();
    for (name, answer) in &answers {
        let (Appended::New(entry) | Appended::Again(entry)) = answer else { panic!("{name}: {answer:?}") };
        let stored = nodes[0].find_ref(&ROOM, ANN, &entry.client_ref).await.unwrap().unwrap();
        assert_eq!((name.as_str(), entry.seq), (stored.client_ref.as_str(), stored.seq));
        new.extend(matches!(answer, Appended::New(_)).then_some(entry.seq.0));
    }
    new.sort_unstable();
    let expected = up_to(16 * (SENDS + SENDS / 2));
    assert_eq!(new, expected, "each entry was new to exactly one sender");
    for log in &nodes {
        assert_eq!(numbers(log).await, expected);
    }
}

#[tokio::test]
async fn a_node_whose_head_is_old_is_told_that_a_right_was_taken_away_since() {
    let database = Database::new();
    let (here, there) = (database.open().await, database.open().await);
    append(&here, &[entry("a")]).await;
    append(&there, &[NewEntry { fences: true, guard: Guard::Decided, ..entry("mute") }]).await;
    append(&there, &[NewEntry { guard: Guard::Decided, ..entry("b") }]).await;
    let stale = &here.append(&[entry("c")]).await.unwrap()[0];
    assert!(matches!(stale, Appended::Stale(head) if (head.seq, head.fence) == (Seq(3), Seq(2))), "{stale:?}");
    assert_eq!(numbers(&here).await, up_to(3), "what is stale is not stored");
    let decided_again = NewEntry { guard: Guard::Fence(Seq(2)), ..entry("c") };
    let new = &here.append(&[decided_again]).await.unwrap()[0];
    assert!(matches!(new, Appended::New(entry) if entry.seq == Seq(4)), "{new:?}");
}

#[tokio::test]
async fn what_was_stored_before_a_refused_neighbour_is_new_and_a_repeat_is_none() {
    const NEXT_DOOR: RoomId = RoomId::Group(GroupId(4));
    let database = Database::new();
    let (here, there) = (database.open().await, database.open().await);
    append(&there, &[entry("known")]).await;
    here.head(&ROOM).await.unwrap();
    append(&here, &[entry("first")]).await;
    let batch = [entry("a"), new_entry(NEXT_DOOR, ANN, "b", "b"), entry("known"), entry("c")];
    let answers = append(&here, &batch).await;
    let [Appended::New(a), Appended::New(b), Appended::Again(known), Appended::New(c)] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!([a.seq, b.seq, known.seq, c.seq], [Seq(3), Seq(1), Seq(1), Seq(4)]);

    // The head that is remembered here is that of another entry with the same reference and the same number.
    append(&there, &[entry("twin")]).await;
    let answers = append(&here, &[entry("twin")]).await;
    assert!(matches!(&answers[..], [Appended::Again(twin)] if twin.seq == Seq(5)), "{answers:?}");
}

#[tokio::test]
async fn a_room_that_another_node_has_moved_holds_no_other_room_of_a_batch_back() {
    let database = Database::new();
    let (here, there) = (database.open().await, database.open().await);
    let rooms: Vec<_> = (1..=40).map(|id| RoomId::Group(GroupId(id))).collect();
    let batch = |rooms: &[RoomId], name: &str| -> Vec<_> {
        rooms.iter().map(|room| new_entry(*room, ANN, name, name)).collect()
    };
    append(&here, &batch(&rooms, "first")).await;
    append(&there, &batch(&rooms[10..13], "there")).await;
    for name in ["second", "third"] {
        let answers = append(&here, &batch(&rooms, name)).await;
        for (room, answer) in rooms.iter().zip(&answers) {
            assert!(matches!(answer, Appended::New(entry) if entry.room == *room), "{name} {room}: {answer:?}");
        }
    }
    for (at, head) in there.heads(&rooms).await.unwrap().iter().enumerate() {
        assert_eq!(head.seq, if (10..13).contains(&at) { Seq(4) } else { Seq(3) }, "{}", head.room);
    }
}

/// Reads upwards until all are written. No read may skip a number.
async fn follow(log: Arc<MongoRoomLog>, writing: Arc<AtomicUsize>) -> usize {
    let mut seen = 0;
    loop {
        let done = writing.load(Ordering::SeqCst) == 0;
        let page = log.read(&ROOM, Slice::After(Seq(seen)), 5).await.unwrap();
        for entry in &page {
            seen += 1;
            assert_eq!(entry.seq.0, seen, "a number was seen before the one below it");
        }
        if done && page.is_empty() {
            return usize::try_from(seen).unwrap();
        }
        let head = log.head(&ROOM).await.unwrap();
        let newest = log.read(&ROOM, Slice::Before(head.seq.next()), 4).await.unwrap();
        let newest: Vec<_> = newest.iter().map(|entry| entry.seq.0).collect();
        assert_eq!(newest, ((head.seq.0 - 3).max(1)..=head.seq.0).collect::<Vec<_>>(), "all below the head is there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_no_node_a_reader_sees_a_number_before_the_one_below_it() {
    const BATCHES: usize = 20;
    let database = Database::new();
    let nodes = [database.open().await, database.open().await];
    let writing = Arc::new(AtomicUsize::new(4));
    let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
    for n in 0..4 {
        readers.spawn(follow(nodes[n % 2].clone(), writing.clone()));
        let (log, writing) = (nodes[n % 2].clone(), writing.clone());
        writers.spawn(async move {
            for batch in 0..BATCHES {
                let entries: Vec<_> = (0..3).map(|entry_of| entry(&format!("{n}-{batch}-{entry_of}"))).collect();
                append(&log, &entries).await;
            }
            writing.fetch_sub(1, Ordering::SeqCst);
        });
    }
    writers.join_all().await;
    for seen in readers.join_all().await {
        assert_eq!(seen, 4 * 3 * BATCHES);
    }
}
