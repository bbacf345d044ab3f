//! The hub: brings each log to its listeners strictly by number. Lower than next is dropped, equal is sent, higher is
//! held; what stays missing is read from the store. A listener is a bounded stream of bytes, so a host that embeds the
//! library has the same promises as a socket.

mod attach;
mod audit;
mod late;
mod listener;
mod nodes;
mod presence;
mod table;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bus::{Delivery, Topic};
use crate::id::{RoomId, SessionId, UserId};
use crate::log::{Frame, Logs};
use crate::model::entry::{Kind, LogId};
use crate::repo::PresenceRepo;
use crate::time::Millis;

pub use listener::{Close, Listener};
use nodes::Nodes;
use presence::Faces;
use table::Table;

/// How long a hole may stay before it is read from the store.
const PATIENCE: Duration = Duration::from_millis(50);
/// Questions to the store that the hub has at once, of each kind. What the bus brings waits for none of them.
const AT_ONCE: usize = 8;

/// Sessions that ended lately, and when this node learned of it. Who ends one enters it here before its listeners are
/// closed, and a listener looks here before it joins: one of the two sees the other.
pub(crate) type Ended = Arc<Mutex<HashMap<SessionId, Millis>>>;

/// What a hub allows.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// Frames that may wait for one listener; one more closes it.
    pub queue_frames: usize,
    /// Listeners of one session; one more closes the oldest.
    pub per_session: usize,
    /// Listeners of one person; one more is refused.
    pub per_user: usize,
    /// The rhythm of heartbeats; each log is compared with its head once in it.
    pub heartbeat: Duration,
}

/// Brings the logs to their listeners.
pub struct Hub {
    logs: Logs,
    options: HubOptions,
    epoch: String,
    ended: Ended,
    table: Mutex<Table>,
    /// Held while topics are subscribed or unsubscribed, so that the last word is the right one.
    topics: tokio::sync::Mutex<()>,
    /// One for each person, shared by those whose ids agree in their last bits.
    turns: [tokio::sync::Mutex<()>; 64],
    /// Wakes the healer when there is a hole.
    doubted: Notify,
    /// Wakes who asks for blocks when something came late.
    delayed: Notify,
    /// Wakes the audit when something may be missing anywhere.
    suspected: Notify,
    nodes: Nodes,
    presence: Option<Arc<dyn PresenceRepo>>,
    /// Somebody came who was not connected here, or went.
    moved: Notify,
    /// How people look to their friends, and what wakes who looks.
    faces: Mutex<Faces>,
    looks: Notify,
    /// Those whose listeners may listen to the wrong rooms, and what wakes who mends it.
    stale: (Mutex<HashSet<UserId>>, Notify),
}

impl Hub {
    /// The name of this node is one that none has and none has had.
    pub(crate) fn new(
        logs: Logs,
        options: HubOptions,
        epoch: String,
        ended: Ended,
        (node, presence): (String, Option<Arc<dyn PresenceRepo>>),
    ) -> Arc<Self> {
        Arc::new(Hub {
            logs,
            options,
            epoch,
            ended,
            table: Mutex::default(),
            topics: tokio::sync::Mutex::default(),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            doubted: Notify::new(),
            delayed: Notify::new(),
            suspected: Notify::new(),
            nodes: Nodes::new(node),
            presence,
            moved: Notify::new(),
            faces: Mutex::default(),
            looks: Notify::new(),
            stale: Default::default(),
        })
    }

    /// Whether a person has a listener on this node.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.table().users.contains_key(&user)
    }

    /// Listeners on this node.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.table().listeners.len()
    }

    /// Closes every listener of a session.
    pub fn close_session(&self, session: SessionId, why: Close) {
        let mut table = self.table();
        let ids: Vec<_> =
            table.listeners.iter().filter(|(_, entry)| entry.session == session).map(|(id, _)| *id).collect();
        for id in ids {
            table.close(id, why);
        }
    }

    /// Closes every listener.
    pub fn close_all(&self, why: Close) {
        let mut table = self.table();
        let ids: Vec<_> = table.listeners.keys().copied().collect();
        for id in ids {
            table.close(id, why);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the bus brings until it is told to stop.
    pub(crate) async fn run(self: &Arc<Self>, shutdown: CancellationToken) {
        let Some(mut deliveries) = self.logs.bus.deliveries() else { return };
        let dispatcher = async {
            let mut batch = Vec::new();
            while deliveries.recv_many(&mut batch, 256).await > 0 {
                for delivery in batch.drain(..) {
                    self.take(delivery);
                }
                if self.table().earliest_hole().is_some() {
                    self.doubted.notify_one();
                }
            }
        };
        let work = async {
            tokio::select! {
                () = dispatcher => {}
                () = self.heal_holes() => {}
                () = self.settle_late() => {}
                () = self.audit() => {}
                () = self.refresh_stale() => {}
                () = shutdown.cancelled() => {}
            }
        };
        // The last two have something to say when they are told to stop.
        tokio::join!(work, self.live(shutdown.clone()), self.tell_presence(shutdown.clone()));
    }

    fn take(&self, delivery: Delivery) {
        let (topic, bytes) = match delivery {
            Delivery::Frame(topic, bytes) => (topic, bytes),
            Delivery::Gap => return self.suspect_all(),
        };
        let Some(frame) = Frame::decode(&bytes) else {
            tracing::warn!("the bus brought what is no frame");
            return;
        };
        if topic == Topic::Nodes {
            return self.take_word(&frame.json);
        }
        let mut table = self.table();
        pause(&mut table, &frame);
        let delivered = match &frame.header {
            Some(_) => table.offer(frame.clone(), Instant::now() + PATIENCE),
            None => log_of(topic).map_or(0, |log| table.whisper(&log, &frame.json)),
        };
        self.note_parted(&mut table);
        drop(table);
        if frame.is_late() {
            self.delayed.notify_one();
        }
        crate::log::Stats::add(&self.logs.stats.delivered, delivered);
        self.note_stale(&frame);
    }

    /// Who was taken out of a room may have come again: his listeners look.
    fn note_parted(&self, table: &mut Table) {
        for user in table.parted.drain(..) {
            self.refresh_soon(user);
        }
    }

    fn refresh_soon(&self, user: UserId) {
        self.stale.0.lock().unwrap_or_else(PoisonError::into_inner).insert(user);
        self.stale.1.notify_one();
    }

    /// What changes a person's rooms or blocks makes the listeners of that person stale.
    fn note_stale(&self, frame: &Frame) {
        let Some(header) = &frame.header else { return };
        let changes =
            [Kind::FRIEND_ADDED, Kind::CONVERSATION_OPENED, Kind::GROUP_JOINED, Kind::BLOCK_ADDED, Kind::BLOCK_REMOVED];
        if let LogId::User(user) = header.log
            && changes.contains(&header.kind)
        {
            self.refresh_soon(user);
        }
    }
}

/// Who learns that a person has blocked somebody sends him nothing of their room until he has read from where on.
fn pause(table: &mut Table, frame: &Frame) {
    #[derive(serde::Deserialize)]
    struct Told {
        data: Whom,
    }
    #[derive(serde::Deserialize)]
    struct Whom {
        user_id: UserId,
    }
    if let Some(header) = &frame.header
        && header.kind == Kind::BLOCK_ADDED
        && let LogId::User(user) = header.log
        && let Ok(told) = serde_json::from_slice::<Told>(&frame.json)
        && let Some(room) = RoomId::private(user, told.data.user_id)
    {
        table.pause(user, &LogId::Room(room), header.seq);
    }
}

fn log_of(topic: Topic) -> Option<LogId> {
    match topic {
        Topic::User(user) => Some(LogId::User(user)),
        Topic::Room(room) => Some(LogId::Room(room)),
        Topic::Nodes => None,
    }
}

fn topic_of(log: LogId) -> Topic {
    match log {
        LogId::User(user) => Topic::User(user),
        LogId::Room(room) => Topic::Room(room),
    }
}
