//! A bus and room logs that go wrong on purpose. What goes wrong is drawn from a seed.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jim_core::bus::{Bus, BusError, Delivery, LocalBus, Topic};
use jim_core::id::{RoomId, Seq, UserId};
use jim_core::model::content::ClientRef;
use jim_core::model::entry::{Entry, Head, Kind, NewEntry};
use jim_core::repo::{Appended, RepoError, Res, RoomLogRepo, Slice, Unread, UnreadCount};
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, mpsc};

use crate::node::PATIENCE;

/// Draws that repeat with their seed (splitmix64).
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(AtomicU64::new(seed))
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut bits = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

/// Loses, doubles and delays frames; where one frame waits, the next overtakes it.
pub(crate) struct FaultyBus {
    bus: Arc<LocalBus>,
    dice: Dice,
    /// Whether frames are lost, doubled and delayed by the dice.
    pub(crate) wild: AtomicBool,
    /// Whether every frame is lost.
    pub(crate) dead: AtomicBool,
    /// Whether nobody who subscribes is answered.
    pub(crate) silent: AtomicBool,
    /// Frames of rooms that were handed to it.
    pub(crate) published: AtomicUsize,
    pub(crate) lost: AtomicUsize,
    pub(crate) doubled: AtomicUsize,
    pub(crate) delayed: AtomicUsize,
}

impl FaultyBus {
    /// A bus that is still sound.
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(FaultyBus {
            bus: Arc::default(),
            dice: Dice::new(seed),
            wild: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            published: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            doubled: AtomicUsize::new(0),
            delayed: AtomicUsize::new(0),
        })
    }

    /// A bus that goes wrong from the beginning.
    pub(crate) fn wild(seed: u64) -> Arc<Self> {
        let bus = FaultyBus::new(seed);
        bus.wild.store(true, Ordering::SeqCst);
        bus
    }
}

#[async_trait]
impl Bus for FaultyBus {
    async fn publish(&self, topic: Topic, frame: Bytes) -> Result<(), BusError> {
        if matches!(topic, Topic::Room(_)) {
            self.published.fetch_add(1, Ordering::SeqCst);
        }
        if topic == Topic::Nodes {
            return self.bus.publish(topic, frame).await;
        }
        if self.dead.load(Ordering::SeqCst) {
            self.lost.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        let fate = if self.wild.load(Ordering::SeqCst) { self.dice.below(8) } else { 7 };
        match fate {
            0 | 1 => {
                self.lost.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            2 => {
                self.doubled.fetch_add(1, Ordering::SeqCst);
                self.bus.publish(topic, frame.clone()).await?;
            }
            3 | 4 => {
                self.delayed.fetch_add(1, Ordering::SeqCst);
                let bus = self.bus.clone();
                let late = Duration::from_millis(self.dice.below(120));
                tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    bus.publish(topic, frame).await
                });
                return Ok(());
            }
            _ => {}
        }
        self.bus.publish(topic, frame).await
    }

    async fn subscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        if self.silent.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        self.bus.subscribe(topics).await
    }

    async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.bus.unsubscribe(topics).await
    }

    fn deliveries(&self) -> Option<mpsc::Receiver<Delivery>> {
        self.bus.deliveries()
    }
}

/// Room logs that are slow to read, fail, or stand still.
pub(crate) struct FaultyLog {
    log: Arc<dyn RoomLogRepo>,
    dice: Dice,
    /// Whether appends fail by the dice, at most twice in a row: before anything, half of it or all of it is stored.
    pub(crate) fails: AtomicBool,
    in_a_row: Mutex<u8>,
    pub(crate) failed: AtomicUsize,
    /// Entries that were offered to it, each as often as it was.
    pub(crate) offered: AtomicUsize,
    /// Whether nothing can be appended at all.
    pub(crate) full: AtomicBool,
    /// A room to which nothing can be appended, however often it is tried.
    pub(crate) broken: Mutex<Option<RoomId>>,
    /// Whether reads take some milliseconds.
    pub(crate) slow: AtomicBool,
    /// Whether appends of messages wait for [`FaultyLog::release`].
    pub(crate) held: AtomicBool,
    /// Whether what was read waits for the same.
    pub(crate) reads_held: AtomicBool,
    /// Whether reads wait for the same before they are made.
    pub(crate) asks_held: AtomicBool,
    /// A room of which the head alone is asked for only after the same.
    pub(crate) head_held: Mutex<Option<RoomId>>,
    entered: Semaphore,
    gate: Semaphore,
}

impl FaultyLog {
    /// Logs that are still sound.
    pub(crate) fn new(log: Arc<dyn RoomLogRepo>, seed: u64) -> Arc<Self> {
        Arc::new(FaultyLog {
            log,
            dice: Dice::new(seed),
            fails: AtomicBool::new(false),
            in_a_row: Mutex::new(0),
            failed: AtomicUsize::new(0),
            offered: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            broken: Mutex::default(),
            slow: AtomicBool::new(false),
            held: AtomicBool::new(false),
            reads_held: AtomicBool::new(false),
            asks_held: AtomicBool::new(false),
            head_held: Mutex::default(),
            entered: Semaphore::new(0),
            gate: Semaphore::new(0),
        })
    }

    async fn hold(&self, held: bool) {
        if held {
            self.entered.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
        }
    }

    /// Lets one go on that is held; the next is held again.
    pub(crate) fn let_one_pass(&self) {
        self.gate.add_permits(1);
    }

    /// Waits until an append or a read is held.
    pub(crate) async fn entered(&self) {
        let entered = tokio::time::timeout(PATIENCE, self.entered.acquire()).await;
        entered.expect("an append or a read is held").unwrap().forget();
    }

    /// Lets what is held go on.
    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.reads_held.store(false, Ordering::SeqCst);
        self.asks_held.store(false, Ordering::SeqCst);
        self.gate.add_permits(1);
    }

    /// How much of a batch is stored before the append fails; `None` if it does not.
    fn failure(&self, count: usize) -> Option<usize> {
        let mut in_a_row = self.in_a_row.lock().unwrap();
        if !self.fails.load(Ordering::SeqCst) || *in_a_row == 2 {
            *in_a_row = 0;
            return None;
        }
        *in_a_row += 1;
        match self.dice.below(4) {
            0 => Some(0),
            1 => Some(count / 2),
            2 => Some(count),
            _ => {
                *in_a_row = 0;
                None
            }
        }
    }

    async fn dawdle(&self) {
        if self.slow.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(self.dice.below(4))).await;
        }
    }
}

#[async_trait]
impl RoomLogRepo for FaultyLog {
    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        self.offered.fetch_add(batch.len(), Ordering::SeqCst);
        if self.full.load(Ordering::SeqCst) {
            return Err(RepoError::Full);
        }
        let broken = *self.broken.lock().unwrap();
        if batch.iter().any(|new| Some(new.room) == broken) {
            return Err(RepoError::Broken("on purpose".into()));
        }
        // What is held already is not refused for what breaks meanwhile.
        let messages = batch.iter().any(|new| new.kind == Kind::MESSAGE_SENT);
        self.hold(messages && self.held.load(Ordering::SeqCst)).await;
        let refs: HashSet<_> = batch.iter().map(|new| (new.room, new.by, &new.client_ref)).collect();
        assert_eq!(refs.len(), batch.len(), "no reference comes twice in a batch");
        if let Some(stored) = self.failure(batch.len()) {
            self.failed.fetch_add(1, Ordering::SeqCst);
            self.log.append(&batch[..stored]).await?;
            return Err(RepoError::Unavailable("on purpose".into()));
        }
        self.log.append(batch).await
    }

    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        self.hold(self.asks_held.load(Ordering::SeqCst)).await;
        self.dawdle().await;
        let entries = self.log.read(room, slice, limit).await;
        self.dawdle().await;
        self.hold(self.reads_held.load(Ordering::SeqCst)).await;
        entries
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        let held = self.head_held.lock().unwrap().is_some_and(|room| rooms == [room]);
        self.hold(held).await;
        self.dawdle().await;
        let heads = self.log.heads(rooms).await;
        self.dawdle().await;
        heads
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        self.dawdle().await;
        self.log.erase(room, seq, stub).await
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        self.log.unread(asks).await
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        self.log.find_ref(room, by, client_ref).await
    }
}
