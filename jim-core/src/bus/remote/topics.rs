//! Which topics are wanted here, and which of them a server has confirmed.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::bus::Topic;

/// How long a server may take to confirm topics.
const CONFIRMING: Duration = Duration::from_secs(2);

/// The wanted topics.
#[derive(Default)]
pub(in crate::bus) struct Topics {
    state: Mutex<State>,
    /// Somebody wants, or wants no more: the ears look.
    pub(in crate::bus) work: watch::Sender<()>,
    /// Something was confirmed, or cannot be now: who waits looks.
    pub(in crate::bus) done: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// Each wanted topic, and the ear that hears it.
    wanted: HashMap<Topic, Option<u64>>,
    /// Those of them that nobody hears.
    missing: HashSet<Topic>,
    /// Those of the missing from which frames may be lost.
    lost: HashSet<Topic>,
    /// Heard by an ear, and wanted no more.
    leaving: Vec<(u64, Topic)>,
}

impl State {
    fn lose(&mut self, topic: Topic) {
        self.missing.insert(topic);
        self.lost.insert(topic);
    }
}

impl Topics {
    /// Wants topics until a server has confirmed them all; else it says why not. `are_deaf`: none of these can be heard
    /// now.
    pub(in crate::bus) async fn hear(
        &self,
        topics: &[Topic],
        are_deaf: impl Fn(&[Topic]) -> bool,
    ) -> Result<(), &'static str> {
        let mut done = self.done.subscribe();
        self.want(topics);
        let deadline = Instant::now() + CONFIRMING;
        let why = loop {
            done.mark_unchanged();
            let missing = self.missing_of(topics);
            if missing.is_empty() {
                return Ok(());
            }
            if are_deaf(&missing) {
                break "no connection stands";
            }
            if timeout_at(deadline, done.changed()).await.is_err() {
                break "the server does not confirm in time";
            }
        };
        self.doubt(topics);
        Err(why)
    }

    fn want(&self, topics: &[Topic]) {
        let mut state = self.state();
        let State { wanted, missing, leaving, .. } = &mut *state;
        for topic in topics {
            if let Entry::Vacant(new) = wanted.entry(*topic) {
                new.insert(None);
                missing.insert(*topic);
            }
        }
        // What an ear has not left yet it goes on hearing; else it would leave after it was confirmed.
        leaving.retain(|(ear, topic)| match wanted.get_mut(topic) {
            Some(by) => {
                *by = Some(*ear);
                missing.remove(topic);
                false
            }
            None => true,
        });
        drop(state);
        self.work.send_replace(());
        self.done.send_replace(());
    }

    pub(in crate::bus) fn unwant(&self, topics: &[Topic]) {
        let mut state = self.state();
        for topic in topics {
            if let Some(Some(ear)) = state.wanted.remove(topic) {
                state.leaving.push((ear, *topic));
            }
            state.missing.remove(topic);
            state.lost.remove(topic);
        }
        drop(state);
        self.work.send_replace(());
    }

    pub(in crate::bus) fn is_wanted(&self, topic: Topic) -> bool {
        self.state().wanted.contains_key(&topic)
    }

    /// Those of some topics that are wanted and that nobody hears.
    pub(in crate::bus) fn missing_of(&self, topics: &[Topic]) -> Vec<Topic> {
        let state = self.state();
        topics.iter().filter(|topic| state.missing.contains(topic)).copied().collect()
    }

    /// Somebody relies on these although nobody hears them: when they are heard, a gap must be told.
    fn doubt(&self, topics: &[Topic]) {
        let mut state = self.state();
        for topic in topics {
            if state.missing.contains(topic) {
                state.lost.insert(*topic);
            }
        }
    }

    /// What an ear should begin to hear.
    pub(in crate::bus) fn missing(&self, mine: impl Fn(&Topic) -> bool) -> Vec<Topic> {
        self.state().missing.iter().filter(|topic| mine(topic)).copied().collect()
    }

    /// What an ear should hear no more.
    pub(in crate::bus) fn take_leaving(&self, ear: u64) -> Vec<Topic> {
        self.state().leaving.extract_if(.., |(by, _)| *by == ear).map(|(_, topic)| topic).collect()
    }

    /// An ear hears a topic. Whether frames of it may be lost.
    pub(in crate::bus) fn heard(&self, topic: Topic, ear: u64) -> bool {
        let mut state = self.state();
        if let Some(by) = state.wanted.get_mut(&topic) {
            *by = Some(ear);
            state.missing.remove(&topic);
            return state.lost.remove(&topic);
        }
        state.leaving.push((ear, topic));
        drop(state);
        self.work.send_replace(());
        false
    }

    /// An ear hears a topic no more. Redis tells so unasked when a slot moves.
    #[cfg(feature = "redis")]
    pub(in crate::bus) fn unheard(&self, topic: Topic, ear: u64) {
        let mut state = self.state();
        if let Some(by) = state.wanted.get_mut(&topic)
            && *by == Some(ear)
        {
            *by = None;
            state.lose(topic);
            drop(state);
            self.work.send_replace(());
        }
    }

    /// An ear is gone.
    pub(in crate::bus) fn deaf(&self, ear: u64) {
        let mut state = self.state();
        let gone: Vec<Topic> =
            state.wanted.iter().filter(|(_, by)| **by == Some(ear)).map(|(topic, _)| *topic).collect();
        for topic in gone {
            state.wanted.insert(topic, None);
            state.lose(topic);
        }
        state.leaving.retain(|(by, _)| *by != ear);
        drop(state);
        self.work.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EAR: u64 = 7;

    #[test]
    fn what_is_wanted_again_before_it_was_left_is_not_left() {
        let topics = Topics::default();
        let nodes = [Topic::Nodes];
        topics.want(&nodes);
        assert!(!topics.heard(Topic::Nodes, EAR));
        topics.unwant(&nodes);
        topics.want(&nodes);
        assert!(topics.missing_of(&nodes).is_empty(), "it is heard still");
        assert!(topics.take_leaving(EAR).is_empty());

        topics.unwant(&nodes);
        assert_eq!(topics.take_leaving(EAR), nodes);
        topics.want(&nodes);
        assert_eq!(topics.missing_of(&nodes), nodes, "it is being left");
    }

    #[test]
    fn what_is_confirmed_and_not_wanted_is_left_unless_it_is_wanted_again() {
        let topics = Topics::default();
        let nodes = [Topic::Nodes];
        topics.want(&nodes);
        topics.unwant(&nodes);
        topics.heard(Topic::Nodes, EAR);
        topics.want(&nodes);
        assert!(topics.missing_of(&nodes).is_empty());
        assert!(topics.take_leaving(EAR).is_empty());
    }
}
