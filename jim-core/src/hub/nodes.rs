//! What nodes tell each other: that they live, and which sessions have ended.
//!
//! Each node says once a second that it lives, and listens for itself: as long as it does not hear that, the bus is down
//! for it. One that falls silent without a goodbye may have stored what it did not announce.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::presence::Told;
use super::{Close, Hub};
use crate::bus::Topic;
use crate::id::{SessionId, UserId};
use crate::log::Frame;

/// How often a node says that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// How long a node may be silent.
const SILENCE: Duration = Duration::from_secs(3);
/// What stands on [`Topic::Nodes`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// This node lives.
    Alive(String),
    /// This node stops in good order: it owes nothing.
    Bye(String),
    /// These sessions have ended.
    Ended(Vec<SessionId>),
    /// A person looks to friends in another way.
    Presence(Told),
    /// Whoever this person is connected to looks at him; at one who vanishes, as late as at one who goes.
    Look { user_id: UserId, vanishes: bool },
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

    /// Whether this node goes first where all have the same to do.
    pub(super) fn is_first(&self) -> bool {
        self.heard().keys().all(|node| self.me <= *node)
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
                self.look_after(false);
            }
            Ok(Word::Presence(told)) => self.take_presence(&told),
            Ok(Word::Look { user_id, vanishes }) => self.look_if_here(user_id, vanishes),
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

    /// Says something to all nodes; `false` if the bus did not take it.
    pub(super) async fn say(&self, word: &Word) -> bool {
        let Ok(json) = serde_json::to_vec(word) else { return false };
        self.logs.bus.publish(Topic::Nodes, Frame::ephemeral(json.into()).encode()).await.is_ok()
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
                () = shutdown.cancelled() => {
                    self.say(&Word::Bye(self.nodes.me.clone())).await;
                    return;
                }
            }
            self.say(&Word::Alive(self.nodes.me.clone())).await;
            let hears = self.nodes.hears_itself();
            let lost = hears && self.lost_a_node();
            if lost || hears != up {
                self.suspect_all();
            }
            if lost {
                self.look_after(true);
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
}
