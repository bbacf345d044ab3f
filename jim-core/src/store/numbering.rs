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

/// Between two tries; the first follows at once.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// What an adapter does for appends. Nothing here decides anything.
pub(super) trait Rows: Send {
    /// The ends of logs as committed now, in the order asked.
    fn heads(&mut self, rooms: &[RoomId]) -> impl Future<Output = Res<Vec<Head>>> + Send;

    /// The entries that stand under the references of a batch, in its order.
    fn find(&mut self, batch: &[NewEntry]) -> impl Future<Output = Res<Vec<Option<Arc<Entry>>>>> + Send;

    /// Stores what is new, each room in the order of its numbers. On [`RepoError::Conflict`], entries of a room before
    /// the one that was refused may be stored, and nothing after it; they are named.
    fn store(&mut self, plan: &Plan<'_>, named: &mut Named) -> impl Future<Output = Res<()>> + Send;
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
pub(super) struct Ends(Mutex<HashMap<RoomId, Head>>);

impl Ends {
    /// Appends a batch, by the contract of [`RoomLogRepo::append`](crate::repo::RoomLogRepo::append).
    pub(super) async fn append(&self, rows: &mut impl Rows, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        let mut rooms: Vec<RoomId> = batch.iter().map(|new| new.room).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let done = self.try_append(rows, batch, &rooms).await;
        match done {
            // A database that was away may have come back as it was before: a copy that is ahead of it would make a hole.
            Err(RepoError::Unavailable(_)) => self.known().clear(),
            Err(_) => self.forget(&rooms),
            Ok(_) => {}
        }
        done
    }

    async fn try_append(&self, rows: &mut impl Rows, batch: &[NewEntry], rooms: &[RoomId]) -> Res<Vec<Appended>> {
        // Most batches hold nothing that was sent before: references are looked up only when their key refuses, or
        // the fence does, which must not refuse a repeat.
        let heads = self.recall(rows, rooms).await?;
        let mut plan = number(&heads, batch, vec![None; batch.len()]);
        let mut own = Named::new();
        let mut stored = if plan.is_stale() { Err(RepoError::Conflict) } else { rows.store(&plan, &mut own).await };
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::ZERO;
        while let Err(RepoError::Conflict) = stored {
            if Instant::now() > deadline {
                return Err(RepoError::Busy);
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2 + Duration::from_millis(1));
            let heads = rows.heads(rooms).await?;
            plan = number(&heads, batch, rows.find(batch).await?);
            self.remember(&heads);
            stored = rows.store(&plan, &mut own).await;
        }
        stored?;
        self.remember(&plan.moved);
        let answers = plan.answers.into_iter().map(|answer| match answer {
            Appended::Again(entry) if own.contains(&(entry.room, entry.seq)) => Appended::New(entry),
            answer => answer,
        });
        Ok(answers.collect())
    }

    async fn recall(&self, rows: &mut impl Rows, rooms: &[RoomId]) -> Res<Vec<Head>> {
        let unknown: Vec<RoomId> = {
            let known = self.known();
            rooms.iter().filter(|room| !known.contains_key(room)).copied().collect()
        };
        let mut read = if unknown.is_empty() { Vec::new() } else { rows.heads(&unknown).await? };
        self.remember(&read);
        let known = self.known();
        read.extend(rooms.iter().filter(|room| !unknown.contains(room)).filter_map(|room| known.get(room)));
        Ok(read)
    }

    fn remember(&self, heads: &[Head]) {
        let mut known = self.known();
        if known.len() + heads.len() > REMEMBERED {
            known.clear();
        }
        known.extend(heads.iter().map(|head| (head.room, *head)));
    }

    fn forget(&self, rooms: &[RoomId]) {
        let mut known = self.known();
        for room in rooms {
            known.remove(room);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<RoomId, Head>> {
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
