//! The lanes: tasks that append what everybody offers, each for its share of the rooms; how many, storage says. While one
//! commit runs the next batch gathers; no timer delays anybody. A lane stores, announces in order, and then answers; a
//! caller that went away changes nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{CERTAIN, Frame, LastWrite, Stats};
use crate::bus::{Bus, Topic};
use crate::error::{Error, Result};
use crate::id::{RoomId, UserId};
use crate::model::content::ClientRef;
use crate::model::entry::{Entry, Kind, NewEntry};
use crate::repo::{Appended, RepoError, Res, RoomLogRepo};

/// Entries of one batch, by the contract of [`RoomLogRepo::append`].
const BATCH: usize = 512;
/// Offers that wait; beyond it callers wait for room.
const QUEUE: usize = 4096;
/// Batches whose announcement waits while the next is appended.
const ANNOUNCING: usize = 4;
/// How long a batch is offered again when storage is in trouble. Appends are idempotent.
const PATIENCE: Duration = Duration::from_secs(3);

struct Offer {
    new: NewEntry,
    /// When it began to be decided.
    asked: Instant,
    /// When it was offered.
    at: Instant,
    answer: oneshot::Sender<Result<Appended>>,
}

/// Since when somebody waits for an answer.
type Waiting = (Instant, oneshot::Sender<Result<Appended>>);

struct Batch {
    /// An earlier try may have stored some of it, unannounced.
    retried: bool,
    answers: Vec<Waiting>,
    /// When storage had answered.
    stored: Instant,
    appended: Res<Vec<Appended>>,
}

/// The way into the lanes. A cheap clone.
#[derive(Clone)]
pub(crate) struct Lanes {
    offers: Arc<[mpsc::Sender<Offer>]>,
    queues: Arc<Mutex<Vec<mpsc::Receiver<Offer>>>>,
    lane: Lane,
}

impl Lanes {
    pub(super) fn new(
        rooms: Arc<dyn RoomLogRepo>,
        bus: Arc<dyn Bus>,
        stats: Arc<Stats>,
        last_write: LastWrite,
    ) -> Self {
        let (offers, queues): (Vec<_>, Vec<_>) = (0..rooms.lanes().max(1)).map(|_| mpsc::channel(QUEUE)).unzip();
        let lane = Lane { rooms, bus, stats, last_write };
        Lanes { offers: offers.into(), queues: Arc::new(Mutex::new(queues)), lane }
    }

    pub(super) async fn append(&self, new: NewEntry, asked: Instant) -> Result<Appended> {
        let (answer, answered) = oneshot::channel();
        let gone = || Error::Unavailable(RepoError::Unavailable("the lane has stopped".into()));
        self.of(&new.room).send(Offer { new, asked, at: Instant::now(), answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// All entries of a room take one lane, so that they are announced in order.
    fn of(&self, room: &RoomId) -> &mpsc::Sender<Offer> {
        &self.offers[room.share(self.offers.len())]
    }

    /// Runs until it is told to stop; what was offered before is still stored and answered.
    pub(super) async fn run(&self, shutdown: CancellationToken) {
        let queues = std::mem::take(&mut *self.queues.lock().unwrap_or_else(PoisonError::into_inner));
        let mut tasks = JoinSet::new();
        for queue in queues {
            let (lane, shutdown) = (self.lane.clone(), shutdown.clone());
            tasks.spawn(async move { lane.run(queue, shutdown).await });
        }
        tasks.join_all().await;
    }
}

#[derive(Clone)]
struct Lane {
    rooms: Arc<dyn RoomLogRepo>,
    bus: Arc<dyn Bus>,
    stats: Arc<Stats>,
    last_write: LastWrite,
}

impl Lane {
    async fn run(&self, mut queue: mpsc::Receiver<Offer>, shutdown: CancellationToken) {
        let (batches, mut announcing) = mpsc::channel(ANNOUNCING);
        let announcer = async {
            while let Some(batch) = announcing.recv().await {
                self.announce(batch).await;
            }
        };
        let appender = async move {
            let mut offers = Vec::with_capacity(BATCH);
            let mut twins = Vec::new();
            loop {
                offers.append(&mut twins);
                if offers.is_empty() {
                    let more = tokio::select! {
                        biased;
                        more = queue.recv_many(&mut offers, BATCH) => more,
                        () = shutdown.cancelled() => { queue.close(); queue.recv_many(&mut offers, BATCH).await }
                    };
                    if more == 0 {
                        return;
                    }
                } else {
                    while offers.len() < BATCH
                        && let Ok(offer) = queue.try_recv()
                    {
                        offers.push(offer);
                    }
                }
                for late in offers.extract_if(.., |offer| offer.at.elapsed() > PATIENCE) {
                    // Storage hangs: who has waited for others is not made to wait for his own turn too.
                    let _ = late.answer.send(Err(Error::Unavailable(RepoError::Busy)));
                }
                if offers.is_empty() {
                    continue;
                }
                twins = take_twins(&mut offers);
                let parts = offers.drain(..).map(|offer| (offer.new, (offer.asked, offer.answer)));
                let (new, answers): (Vec<_>, Vec<_>) = parts.unzip();
                let (retried, appended) = self.store(&new).await;
                if batches.send(Batch { retried, answers, stored: Instant::now(), appended }).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(announcer, appender);
    }

    /// Whether it took more than one try, and what became of it.
    async fn store(&self, new: &[NewEntry]) -> (bool, Res<Vec<Appended>>) {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(20);
        let mut retried = false;
        loop {
            self.last_write.note();
            let appended = self.rooms.append(new).await;
            self.last_write.note();
            match appended {
                Err(RepoError::Busy | RepoError::Unavailable(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    retried = true;
                }
                Err(error) => {
                    tracing::error!(error.cause = ?error, entries = new.len(), "a batch was not appended");
                    return (retried, Err(error));
                }
                Ok(appended) => {
                    Stats::add(&self.stats.batches, 1);
                    return (retried, Ok(appended));
                }
            }
        }
    }

    async fn announce(&self, batch: Batch) {
        let Ok(appended) = batch.appended else {
            let full = matches!(batch.appended, Err(RepoError::Full));
            for (_, answer) in batch.answers {
                let error = if full { RepoError::Full } else { RepoError::Unavailable("the append failed".into()) };
                let _ = answer.send(Err(error.into()));
            }
            return;
        };
        for (appended, (asked, answer)) in appended.into_iter().zip(batch.answers) {
            let new = match &appended {
                Appended::New(entry) => Some(entry),
                // A hub drops what it has sent already.
                Appended::Again(entry) if batch.retried => Some(entry),
                _ => None,
            };
            if let Some(entry) = new {
                Stats::add(&self.stats.appended, 1);
                self.publish(entry, batch.stored - asked).await;
            }
            let _ = answer.send(Ok(appended));
        }
    }
}

impl Lane {
    async fn publish(&self, entry: &Entry, took: Duration) {
        let topic = Topic::Room(entry.room);
        if !self.bus.is_heard(topic) {
            return;
        }
        Stats::add(&self.stats.encoded, 1);
        let mut frame = Frame::room(entry);
        if let Some(header) = &mut frame.header {
            let can_be_hidden = entry.room.peer(entry.by).is_some() && entry.kind == Kind::MESSAGE_SENT;
            header.late = took > CERTAIN && can_be_hidden && self.bus.is_shared();
        }
        if let Err(error) = self.bus.publish(topic, frame.encode()).await {
            tracing::debug!(error.cause = %error, "an entry was not published; the audit will find it");
        }
    }
}

/// Takes out what repeats a reference of the batch: it waits for the next one, where storage knows the first.
fn take_twins(offers: &mut Vec<Offer>) -> Vec<Offer> {
    let mut seen: HashSet<(RoomId, UserId, ClientRef)> = HashSet::with_capacity(offers.len());
    offers.extract_if(.., |offer| !seen.insert((offer.new.room, offer.new.by, offer.new.client_ref.clone()))).collect()
}
