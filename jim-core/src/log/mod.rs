//! How entries come to be: the lane appends in order, announces and answers; the outbox finishes what a committed
//! change still owes to a room.

mod frame;
mod lane;
mod last_write;
mod marks;
mod mine;
mod outbox;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::bus::{Bus, Topic};
use crate::error::{Error, Result};
use crate::id::RoomId;
use crate::model::entry::{NewEntry, UserEntry};
use crate::repo::{Appended, RoomLogRepo, Store, Told, Unit};
use crate::time::Clock;

pub use frame::{Frame, Header};
pub(crate) use lane::Lanes;
pub(crate) use last_write::LastWrite;
use marks::Marks;
pub(crate) use mine::{cut, cuts, rows};

/// So long a decision that somebody may write to another is certain to be older than the answer of any block that it did
/// not see: a block waits as long before it reads the number above which it hides. What is stored in time therefore
/// stands below that number, on whichever node; what takes longer is sent as [`Header::late`].
pub(crate) const CERTAIN: Duration = Duration::from_millis(250);

/// How long a change waits for what it owes to rooms before it is answered.
const OWED: Duration = Duration::from_secs(2);

/// What a node has done since it started.
#[derive(Debug, Default)]
pub struct Stats {
    /// Entries appended to room logs.
    pub appended: AtomicU64,
    /// Batches in which they were appended; each is one durable commit.
    pub batches: AtomicU64,
    /// Entries encoded for sockets; once each, whatever the number of receivers.
    pub encoded: AtomicU64,
    /// Frames handed to listeners.
    pub delivered: AtomicU64,
}

impl Stats {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// The way into the logs. A cheap clone.
#[derive(Clone)]
pub struct Logs {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) rooms: Arc<dyn RoomLogRepo>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) last_write: LastWrite,
    pub(crate) marks: Arc<Marks>,
    lanes: Lanes,
    /// Whose turn it is to finish what a room is owed: one for each share of the rooms.
    turns: Arc<[Mutex<()>; 32]>,
}

impl Logs {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        rooms: Arc<dyn RoomLogRepo>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let stats = Arc::<Stats>::default();
        let last_write = LastWrite::default();
        let lanes = Lanes::new(rooms.clone(), bus.clone(), stats.clone(), last_write.clone());
        Logs { store, rooms, bus, clock, stats, last_write, marks: Arc::default(), lanes, turns: Arc::default() }
    }

    /// Runs the lanes until it is told to stop; what was offered before is still stored and answered.
    pub(crate) async fn run_lane(&self, shutdown: tokio_util::sync::CancellationToken) {
        self.lanes.run(shutdown).await;
    }

    /// Appends an entry that began to be decided at a moment, announces it, and says what became of it. Dropping the
    /// future changes nothing.
    pub(crate) async fn append(&self, new: NewEntry, asked: Instant) -> Result<Appended> {
        self.lanes.append(new, asked).await
    }

    /// Commits a unit, tells the people it tells, and finishes what rooms are owed: by the unit, and by whoever had a
    /// group before that it locked. Goes on when the caller is gone: what is stored is announced.
    pub(crate) async fn finish(&self, unit: Unit) -> Result<()> {
        let logs = self.clone();
        let done = tokio::spawn(async move {
            let told = unit.commit().await?.0;
            logs.announce(told).await;
            Ok(())
        });
        done.await.map_err(|error| Error::Internal(error.into()))?
    }

    /// Rooms first: who is told of a friend finds the greeting in the room. The change is committed; what cannot be
    /// finished now is finished by the sweep, and is no reason to refuse or to wait for long.
    async fn announce(&self, told: Told) {
        if !told.rooms.is_empty()
            && let Ok(Err(error)) = timeout(OWED, tokio::spawn(self.clone().drain_all(told.rooms))).await
        {
            tracing::warn!(error.cause = %error, "what rooms are owed was not appended; it will be tried again");
        }
        for entry in &told.users {
            self.tell(entry).await;
        }
    }

    async fn drain_all(self, rooms: BTreeSet<RoomId>) {
        for room in &rooms {
            if let Err(error) = self.drain(room).await {
                tracing::warn!(error.cause = ?error, "a room is owed entries; they will be appended later");
            }
        }
    }

    async fn tell(&self, entry: &UserEntry) {
        Stats::add(&self.stats.encoded, 1);
        let frame = Frame::user(entry).encode();
        if let Err(error) = self.bus.publish(Topic::User(entry.user), frame).await {
            tracing::debug!(error.cause = %error, "an event was not published; the audit will find it");
        }
    }

    /// Hands an event without a number to sockets. It may be lost.
    pub(crate) async fn whisper(&self, topic: Topic, event: &impl Serialize) {
        if self.bus.is_heard(topic)
            && let Ok(json) = serde_json::to_vec(event)
        {
            let _ = self.bus.publish(topic, Frame::ephemeral(json.into()).encode()).await;
        }
    }

    /// Stores what people have read.
    pub(crate) async fn store_marks(&self) -> Result<()> {
        self.marks.store(&*self.store).await
    }

    /// The same once in each round of upkeep.
    pub(crate) async fn sweep_marks(&self) -> Result<()> {
        self.store_marks().await?;
        self.marks.forget();
        Ok(())
    }

    /// Finishes what committed changes owe to a room. Of many who ask at once one does it, and the others find it done.
    pub(crate) async fn drain(&self, room: &RoomId) -> Result<()> {
        let _turn = self.turns[room.share(self.turns.len())].lock().await;
        outbox::drain(self, room).await
    }

    /// Finishes what any change owes to any room, for what a crash left behind.
    pub(crate) async fn sweep(&self) -> Result<()> {
        outbox::sweep(self).await
    }
}
