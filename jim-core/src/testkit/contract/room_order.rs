use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::tools::{ANN, BOB, append_new, at_once, parts, patiently, seqs, up_to};
use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::model::entry::{Guard, NewEntry};
use crate::repo::{Appended, RoomLogRepo, Slice};
use crate::testkit::Fresh;
use crate::testkit::fixtures::new_entry;

const ROOM: RoomId = RoomId::Private(ANN, BOB);
const WRITERS: i64 = 8;
const BATCHES: usize = 12;

/// Writes batches of one to three entries; each writer is a person of his own.
async fn write(log: Arc<dyn RoomLogRepo>, writer: i64) -> i64 {
    let mut written = 0;
    for batch in 0..BATCHES {
        let entries: Vec<_> = (0..=batch % 3)
            .map(|n| new_entry(ROOM, UserId(writer + 1), &format!("{batch}-{n}"), &format!("{writer} {batch} {n}")))
            .collect();
        let numbers = seqs(&append_new(&*log, &entries).await);
        assert!(numbers.is_sorted_by(|a, b| a < b), "a batch keeps its order: {numbers:?}");
        written += i64::try_from(entries.len()).unwrap();
        // Who was answered finds what he wrote.
        let last = Seq(*numbers.last().unwrap());
        assert_eq!(seqs(&log.read(&ROOM, Slice::Only(&[last]), 1).await.unwrap()), [last.0]);
        assert!(log.head(&ROOM).await.unwrap().seq >= last);
    }
    written
}

/// Reads upwards as a client does until the writers are done and nothing is left. No read may skip a number.
async fn follow(log: Arc<dyn RoomLogRepo>, writing: Arc<AtomicUsize>) -> Vec<i64> {
    let mut seen = Vec::new();
    loop {
        let done = writing.load(Ordering::SeqCst) == 0;
        let last = Seq(seen.last().copied().unwrap_or(0));
        let page = seqs(&log.read(&ROOM, Slice::After(last), 7).await.unwrap());
        seen.extend(&page);
        let count = i64::try_from(seen.len()).unwrap();
        assert_eq!(seen, up_to(count), "a number was seen before the one below it");
        if done && page.is_empty() {
            return seen;
        }
        let head = log.head(&ROOM).await.unwrap();
        let newest = seqs(&log.read(&ROOM, Slice::Before(head.seq.next()), 5).await.unwrap());
        let expected: Vec<_> = ((head.seq.0 - 4).max(1)..=head.seq.0).collect();
        assert_eq!(newest, expected, "a head names an entry that can be read, and all below it");
        tokio::task::yield_now().await;
    }
}

pub async fn eight_readers_of_eight_writers_never_see_a_number_before_the_one_below_it(fresh: &Fresh) {
    let writing = Arc::new(AtomicUsize::new(8));
    let readers: Vec<_> = (0..8).map(|_| tokio::spawn(follow(fresh.log.clone(), writing.clone()))).collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (log, writing) = (fresh.log.clone(), writing.clone());
            tokio::spawn(async move {
                // Readers must end though a writer stops at what it did not expect.
                let _done = Done(writing);
                write(log, writer).await
            })
        })
        .collect();
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), up_to(written));
    }
}

/// One writer fewer, whatever became of it.
struct Done(Arc<AtomicUsize>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub async fn everybody_reads_one_order_with_ords_and_times_that_only_grow(fresh: &Fresh) {
    at_once((0..WRITERS).map(|writer| write(fresh.log.clone(), writer))).await;
    let up = fresh.log.read(&ROOM, Slice::After(Seq::ZERO), u16::MAX).await.unwrap();
    let down = fresh.log.read(&ROOM, Slice::Before(Seq(i64::MAX)), u16::MAX).await.unwrap();
    assert!(up.iter().map(|entry| parts(entry)).eq(down.iter().map(|entry| parts(entry))));
    assert_eq!(up.iter().map(|entry| entry.ord).collect::<Vec<_>>(), seqs(&up));
    assert!(up.is_sorted_by_key(|entry| entry.at));
}

pub async fn of_16_who_append_one_reference_at_once_all_get_one_entry(fresh: &Fresh) {
    let answers = at_once((0..16).map(|_| {
        let log = fresh.log.clone();
        async move {
            let batch = [new_entry(ROOM, ANN, "one", "hello")];
            patiently(|| log.append(&batch)).await.unwrap().remove(0)
        }
    }))
    .await;
    let new = answers.iter().filter(|answer| matches!(answer, Appended::New(_))).count();
    assert_eq!(new, 1, "{answers:?}");
    for answer in &answers {
        let (Appended::New(entry) | Appended::Again(entry)) = answer else { panic!("{answer:?}") };
        assert_eq!(entry.seq, Seq(1));
    }
    assert_eq!(seqs(&fresh.log.read(&ROOM, Slice::After(Seq::ZERO), 9).await.unwrap()), [1]);
}

pub async fn nobody_speaks_after_the_number_that_silenced_him(fresh: &Fresh) {
    let group = RoomId::Group(GroupId(9));
    let speakers = (0..6_i64).map(|speaker| {
        let log = fresh.log.clone();
        async move {
            for n in 0..10 {
                let batch = [new_entry(group, UserId(speaker + 10), &format!("ref-{n}"), "hello")];
                patiently(|| log.append(&batch)).await.unwrap();
            }
        }
    });
    let log = fresh.log.clone();
    let silencer = async move {
        tokio::task::yield_now().await;
        let mute = NewEntry { fences: true, guard: Guard::Decided, ..new_entry(group, ANN, "mute", "silence") };
        patiently(|| log.append(std::slice::from_ref(&mute))).await.unwrap();
    };
    let tasks: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> =
        speakers.map(|task| Box::pin(task) as _).chain([Box::pin(silencer) as _]).collect();
    at_once(tasks).await;
    let log = fresh.log.read(&group, Slice::After(Seq::ZERO), u16::MAX).await.unwrap();
    assert_eq!(log.last().map(|entry| entry.by), Some(ANN), "the silence is the last entry");
}
