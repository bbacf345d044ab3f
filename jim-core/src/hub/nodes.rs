//! What nodes tell each other: that they live, and which sessions have ended.
//!
//! Each node says once a second that it lives, and listens for itself: as long as it does not hear that, the bus is down
//! for it. One that falls silent without a goodbye may have stored what it did not announce.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Close, Hub};
use crate::bus::Topic;
use crate::id::{SessionId, UserId};
use crate::log::Frame;

/// How often a node says that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// How long a node may be silent.
const SILENCE: Duration = Duration::from_secs(3);
/// How long it is told of a person that he is connected here, and how often that is said again.
const PRESENT: Duration = Duration::from_secs(15);
const PRESENT_AGAIN: Duration = Duration::from_secs(5);
const PRESENT_SOON: Duration = Duration::from_millis(20);
/// People of one call of the presence port.
const TOGETHER: usize = 1000;

/// What stands on [`Topic::Nodes`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// This node lives.
    Alive(String),
    /// This node stops in good order: it owes nothing.
    Bye(String),
    /// These sessions have ended.
    Ended(Vec<SessionId>),
}

/// The other nodes, as far as they are heard.
pub(super) struct Nodes {
    /// The name of this one.
    pub(super) me: String,
    heard: Mutex<HashMap<String, Instant>>,
}

impl Nodes {
    pub(super) fn new(me: String) -> Self {
        Nodes { me, heard: Mutex::default() }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this node hears itself.
    fn hears_itself(&self) -> bool {
        self.heard().get(&self.me).is_some_and(|at| at.elapsed() < SILENCE)
    }
}

impl Hub {
    /// Other nodes that were heard lately.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.nodes.heard().keys().filter(|node| **node != self.nodes.me).count()
    }

    /// Whether what is published comes back: the way to the other nodes is open.
    #[must_use]
    pub fn is_bus_up(&self) -> bool {
        !self.logs.bus.is_shared() || self.nodes.hears_itself()
    }

    /// Takes what a node says.
    pub(super) fn take_word(&self, json: &Bytes) {
        match serde_json::from_slice(json) {
            Ok(Word::Alive(node)) => {
                self.nodes.heard().insert(node, Instant::now());
            }
            Ok(Word::Bye(node)) => {
                self.nodes.heard().remove(&node);
            }
            Ok(Word::Ended(sessions)) => self.forget_sessions(&sessions),
            Err(_) => tracing::warn!("a node said what this release does not know"),
        }
    }

    /// Refuses sessions on this node from now on, and closes their listeners.
    pub(crate) fn forget_sessions(&self, sessions: &[SessionId]) {
        let now = self.logs.clock.now();
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(sessions.iter().map(|session| (*session, now)));
        for session in sessions {
            self.close_session(*session, Close::SessionEnded);
        }
    }

    /// Tells the other nodes that sessions have ended. They find out by themselves within a second, too.
    pub(crate) async fn tell_ended(&self, sessions: &[SessionId]) {
        if self.logs.bus.is_shared() && !sessions.is_empty() {
            self.say(&Word::Ended(sessions.to_vec())).await;
        }
    }

    async fn say(&self, word: &Word) {
        if let Ok(json) = serde_json::to_vec(word) {
            let _ = self.logs.bus.publish(Topic::Nodes, Frame::ephemeral(json.into()).encode()).await;
        }
    }

    /// Says that this node lives, and looks after the others, until it is told to stop.
    pub(super) async fn live(&self, shutdown: CancellationToken) {
        if !self.logs.bus.is_shared() {
            return shutdown.cancelled().await;
        }
        let _ = self.logs.bus.subscribe(&[Topic::Nodes]).await;
        let mut up = true;
        let mut tick = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = shutdown.cancelled() => return self.say(&Word::Bye(self.nodes.me.clone())).await,
            }
            self.say(&Word::Alive(self.nodes.me.clone())).await;
            let hears = self.nodes.hears_itself();
            if hears && self.lost_a_node() || hears != up {
                self.suspect_all();
            }
            if !hears {
                // The others cannot be heard either, and are not gone for it.
                self.nodes.heard().values_mut().for_each(|at| *at = Instant::now());
                self.nodes.heard().remove(&self.nodes.me);
            }
            up = hears;
        }
    }

    /// Whether a node is gone without a goodbye.
    fn lost_a_node(&self) -> bool {
        let mut lost = false;
        self.nodes.heard().retain(|node, at| {
            let lives = at.elapsed() < SILENCE;
            if !lives {
                tracing::warn!(node, "a node is gone without a goodbye");
                lost = true;
            }
            lives
        });
        lost
    }

    /// Tells who is connected here, again and again, until it is told to stop.
    pub(super) async fn tell_presence(&self, shutdown: CancellationToken) {
        let Some(presence) = &self.presence else { return shutdown.cancelled().await };
        let mut tick = tokio::time::interval(PRESENT_AGAIN);
        loop {
            let all = tokio::select! {
                _ = tick.tick() => true,
                // Those who come at once are told of at once, not each by himself.
                () = self.moved.notified() => {
                    tokio::time::sleep(PRESENT_SOON).await;
                    false
                }
                () = shutdown.cancelled() => break,
            };
            let (here, gone): (Vec<UserId>, Vec<UserId>) = {
                let mut table = self.table();
                let moved: BTreeSet<UserId> = table.moved.replace(Vec::new()).unwrap_or_default().into_iter().collect();
                let (here, gone) = moved.into_iter().partition(|user| table.users.contains_key(user));
                if all { (table.users.keys().copied().collect(), gone) } else { (here, gone) }
            };
            for users in gone.chunks(TOGETHER) {
                let _ = presence.leave(&self.nodes.me, users).await;
            }
            for users in here.chunks(TOGETHER) {
                if presence.beat(&self.nodes.me, users, PRESENT).await.is_err() {
                    break;
                }
            }
        }
        let here: Vec<UserId> = self.table().users.keys().copied().collect();
        for users in here.chunks(TOGETHER) {
            let _ = presence.leave(&self.nodes.me, users).await;
        }
    }

    /// Whether people are connected to any node, in the order asked; to this one, while nobody can tell of the others.
    pub async fn online(&self, users: &[UserId]) -> Vec<bool> {
        let mut online: Vec<bool> = users.iter().map(|user| self.is_online(*user)).collect();
        let Some(presence) = &self.presence else { return online };
        for (users, online) in users.chunks(TOGETHER).zip(online.chunks_mut(TOGETHER)) {
            let Ok(elsewhere) = presence.online(users).await else { break };
            online.iter_mut().zip(elsewhere).for_each(|(here, there)| *here |= there);
        }
        online
    }
}
