//! How room logs are numbered by the unique keys of a store, without a row to lock: what is new is offered at head + 1,
//! and a number or a reference that is taken refuses it. So n + 1 stands only where n was the head, and the fence that
//! an append was decided on is exact.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{RoomId, Seq};
use crate::model::entry::{Entry, Guard, Head, NewEntry};
use crate::repo::{Appended, RepoError, Res};

/// Heads that are remembered; a room that was forgotten costs one read.
const REMEMBERED: usize = 100_000;

/// How long an append goes on against others who take the numbers it wants.
const PATIENCE: Duration = Duration::from_secs(2);

/// After so many refusals an append takes a turn: a node whose appends follow each other without a pause would leave no gap to
/// the others.
const REFUSALS: usize = 2;

/// Where nobody can be held off, who has just appended to a room of several nodes leaves them so much time for theirs: more
/// than the longest pause between two of their tries.
const GAP: Duration = Duration::from_millis(10);

/// Between two tries; the first follows at once.
const LONGEST_PAUSE: Duration = Duration::from_millis(4);

/// After another writer was noticed, for so long a remembered head is trusted only while it is young: rooms are written
/// to by several nodes then.
const SHARED: Duration = Duration::from_mins(1);
const YOUNG: Duration = Duration::from_millis(50);

/// What an adapter does for appends. Nothing here decides anything.
pub(super) trait Rows: Send {
    /// Whether a turn holds others off.
    const HOLDS: bool = false;

    /// The ends of logs as committed now, in the order asked.
    fn heads(&mut self, rooms: &[RoomId]) -> impl Future<Output = Res<Vec<Head>>> + Send;

    /// The same for who was refused again and again: from then until [`Rows::pass`] nobody else moves them, where
    /// [`Rows::HOLDS`].
    fn take_turn(&mut self, rooms: &[RoomId]) -> impl Future<Output = Res<Vec<Head>>> + Send {
        self.heads(rooms)
    }

    /// Ends a turn; what was stored in it stands when this is answered.
    fn pass(&mut self, _stored: bool) -> impl Future<Output = Res<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// The entries that stand under the references of a batch, in its order.
    fn find(&mut self, batch: &[NewEntry]) -> impl Future<Output = Res<Vec<Option<Arc<Entry>>>>> + Send;

    /// Stores what is new, each room in the order of its numbers. On [`RepoError::Conflict`], entries of a room before
    /// the one that was refused may be stored, and nothing after it; they are named.
    fn store(&mut self, plan: &Plan<'_>, named: &mut Named) -> impl Future<Output = Res<()>> + Send;

    /// Makes durable what was found, where a reader may see what a crash would still take back.
    fn settle(&mut self) -> impl Future<Output = Res<()>> + Send {
        std::future::ready(Ok(()))
    }
}

/// Entries that an append has stored though it goes on.
pub(super) type Named = HashSet<(RoomId, Seq)>;

/// What a batch comes to.
pub(super) struct Plan<'a> {
    batch: &'a [NewEntry],
    answers: Vec<Appended>,
    /// The heads that move, as they will be.
    pub(super) moved: Vec<Head>,
}

impl Plan<'_> {
    /// What is to be stored, in the order of the batch.
    pub(super) fn new_entries(&self) -> impl Iterator<Item = (&NewEntry, &Arc<Entry>)> {
        self.batch.iter().zip(&self.answers).filter_map(|(new, answer)| match answer {
            Appended::New(entry) => Some((new, entry)),
            _ => None,
        })
    }

    fn is_stale(&self) -> bool {
        self.answers.iter().any(|answer| matches!(answer, Appended::Stale(_)))
    }
}

/// The ends of the logs as this node last saw them. The copy is never trusted: a number that is taken refuses the
/// insert, and then everything is read again.
#[derive(Default)]
pub(super) struct Ends(Mutex<Known>);

#[derive(Default)]
struct Known {
    heads: HashMap<RoomId, (Head, Instant)>,
    /// When another writer was last noticed.
    others: Option<Instant>,
    /// The same of each room.
    shared: HashMap<RoomId, Instant>,
}

impl Known {
    /// How old a head may be that is offered without a look.
    fn trust(&self) -> Duration {
        if self.others.is_some_and(|at| at.elapsed() < SHARED) { YOUNG } else { Duration::MAX }
    }

    /// Takes what was read; notices where others have written since.
    fn look(&mut self, read: &[Head], offered: &[Head], own: &Named) {
        let offered: HashMap<RoomId, Seq> = offered.iter().map(|head| (head.room, head.seq)).collect();
        let is_others = |head: &Head| {
            offered.get(&head.room).is_some_and(|seq| head.seq > *seq) && !own.contains(&(head.room, head.seq))
        };
        let now = Instant::now();
        if self.shared.len() > REMEMBERED {
            self.shared.clear();
        }
        for head in read.iter().filter(|head| is_others(head)) {
            self.others = Some(now);
            self.shared.insert(head.room, now);
        }
        self.remember(read);
    }

    /// Until when others are let in, before this node appends to these rooms again.
    fn gap(&self, rooms: &[RoomId]) -> Option<Instant> {
        let just_moved = |room: &RoomId| {
            self.shared.get(room).filter(|at| at.elapsed() < SHARED)?;
            self.heads.get(room).map(|(_, at)| *at + GAP)
        };
        rooms.iter().filter_map(just_moved).max()
    }

    fn remember(&mut self, heads: &[Head]) {
        if self.heads.len() + heads.len() > REMEMBERED {
            self.heads.clear();
        }
        let now = Instant::now();
        self.heads.extend(heads.iter().map(|head| (head.room, (*head, now))));
    }
}

impl Ends {
    /// Appends a batch, by the contract of [`RoomLogRepo::append`](crate::repo::RoomLogRepo::append).
    pub(super) async fn append(&self, rows: &mut impl Rows, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        let mut rooms: Vec<RoomId> = batch.iter().map(|new| new.room).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let done = self.try_append(rows, batch, &rooms).await;
        match &done {
            // A database that was away may have come back as it was before: a copy that is ahead of it would make a hole.
            Err(RepoError::Unavailable(_)) => self.known().heads.clear(),
            Err(_) => {
                let mut known = self.known();
                for room in &rooms {
                    known.heads.remove(room);
                }
            }
            Ok(_) => {}
        }
        done
    }

    async fn try_append<R: Rows>(&self, rows: &mut R, batch: &[NewEntry], rooms: &[RoomId]) -> Res<Vec<Appended>> {
        if !R::HOLDS
            && let Some(until) = { self.known().gap(rooms) }
        {
            tokio::time::sleep_until(until).await;
        }
        // Most batches hold nothing that was sent before: references are looked up only when their key refuses, or
        // the fence does, which must not refuse a repeat.
        let mut heads = self.recall(rows, rooms).await?;
        let mut plan = number(&heads, batch, vec![None; batch.len()]);
        let mut own = Named::new();
        let mut stored = if plan.is_stale() { Err(RepoError::Conflict) } else { rows.store(&plan, &mut own).await };
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::ZERO;
        let mut refusals = 0;
        while let Err(RepoError::Conflict) = stored {
            if Instant::now() > deadline {
                return Err(RepoError::Busy);
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2 + Duration::from_millis(1));
            refusals += 1;
            let is_turn = refusals > REFUSALS;
            let read = if is_turn { rows.take_turn(rooms).await? } else { rows.heads(rooms).await? };
            self.known().look(&read, &heads, &own);
            heads = read;
            plan = number(&heads, batch, rows.find(batch).await?);
            stored = rows.store(&plan, &mut own).await;
            if is_turn {
                let passed = rows.pass(stored.is_ok()).await;
                stored = stored.and(passed);
            }
        }
        stored?;
        // What is stored now takes what was found with it onto the disk.
        if plan.answers.iter().any(|answer| matches!(answer, Appended::Again(_))) && plan.new_entries().next().is_none()
        {
            rows.settle().await?;
        }
        self.known().remember(&plan.moved);
        let answers = plan.answers.into_iter().map(|answer| match answer {
            Appended::Again(entry) if own.contains(&(entry.room, entry.seq)) => Appended::New(entry),
            answer => answer,
        });
        Ok(answers.collect())
    }

    /// The heads to go on from: remembered, or read where there is none or others may have moved it.
    async fn recall(&self, rows: &mut impl Rows, rooms: &[RoomId]) -> Res<Vec<Head>> {
        let mut heads = Vec::with_capacity(rooms.len());
        let mut doubted = Vec::new();
        {
            let known = self.known();
            let trust = known.trust();
            for room in rooms {
                match known.heads.get(room) {
                    Some((head, at)) if at.elapsed() <= trust => heads.push(*head),
                    _ => doubted.push(*room),
                }
            }
        }
        if !doubted.is_empty() {
            let read = rows.heads(&doubted).await?;
            self.known().remember(&read);
            heads.extend(read);
        }
        Ok(heads)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers what is new and answers what is not.
fn number<'a>(heads: &[Head], batch: &'a [NewEntry], known: Vec<Option<Arc<Entry>>>) -> Plan<'a> {
    let mut open: HashMap<RoomId, Head> = heads.iter().map(|head| (head.room, *head)).collect();
    let answers = batch.iter().zip(known).map(|(new, known)| {
        let head = open.entry(new.room).or_insert(Head::empty(new.room));
        match (known, new.guard) {
            (Some(known), _) if known.repeats(new.digest.as_ref()) => Appended::Again(known),
            (Some(known), _) => Appended::Differs(known.seq),
            (None, Guard::Fence(fence)) if head.fence > fence => Appended::Stale(*head),
            (None, _) => Appended::New(Arc::new(head.number(new))),
        }
    });
    let answers = answers.collect();
    let before: HashMap<RoomId, Seq> = heads.iter().map(|head| (head.room, head.seq)).collect();
    let moved = open.into_values().filter(|head| before.get(&head.room).is_none_or(|seq| head.seq > *seq)).collect();
    Plan { batch, answers, moved }
}

#[cfg(all(test, feature = "testkit"))]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::testkit::fixtures::new_entry;

    /// One room whose numbers are keys, and how often it was asked and how often it refused.
    #[derive(Default)]
    struct Room {
        entries: Vec<Arc<Entry>>,
        asked: usize,
        refused: usize,
    }

    impl Rows for Room {
        async fn heads(&mut self, rooms: &[RoomId]) -> Res<Vec<Head>> {
            self.asked += 1;
            let seq = self.entries.last().map_or(Seq::ZERO, |entry| entry.seq);
            Ok(rooms.iter().map(|room| Head { seq, ..Head::empty(*room) }).collect())
        }

        async fn find(&mut self, batch: &[NewEntry]) -> Res<Vec<Option<Arc<Entry>>>> {
            Ok(vec![None; batch.len()])
        }

        async fn store(&mut self, plan: &Plan<'_>, _: &mut Named) -> Res<()> {
            for (_, entry) in plan.new_entries() {
                if self.entries.iter().any(|stored| stored.seq == entry.seq) {
                    self.refused += 1;
                    return Err(RepoError::Conflict);
                }
                self.entries.push(entry.clone());
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_head_is_trusted_until_another_writes_and_then_while_it_is_young() {
        let id = RoomId::private(UserId(1), UserId(2)).unwrap();
        let (a, b) = (Ends::default(), Ends::default());
        let mut room = Room::default();
        let mut n = 0;
        let mut append = async |ends: &Ends, room: &mut Room| {
            // As if nobody had written for a while.
            for (_, at) in ends.known().heads.values_mut() {
                *at = at.checked_sub(YOUNG * 2).unwrap();
            }
            n += 1;
            let new = new_entry(id, UserId(1), &format!("m-{n}"), "hello");
            assert!(matches!(ends.append(room, &[new]).await.unwrap()[..], [Appended::New(_)]));
        };
        for _ in 0..3 {
            append(&a, &mut room).await;
        }
        assert_eq!((room.asked, room.refused), (1, 0), "alone it asks once");
        append(&b, &mut room).await;
        append(&a, &mut room).await;
        assert_eq!((room.asked, room.refused), (3, 1), "that another writes is noticed by a refusal");
        append(&b, &mut room).await;
        assert_eq!(room.refused, 2);
        for ends in [&a, &b, &a, &b] {
            append(ends, &mut room).await;
        }
        assert_eq!((room.asked, room.refused), (8, 2), "an old head is read again and not refused");
        let seqs: Vec<i64> = room.entries.iter().map(|entry| entry.seq.0).collect();
        assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
    }
}
