//! Who takes part in a fault run.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::listener::{self, Goal};
use super::sender::{Block, Sender, Sent, block_after};
use super::wardens::Group;
use crate::checker::Reader;
use crate::support::{Person, Server, befriend};

/// People in a ring, who send to both neighbours and listen.
const RING: usize = 16;
/// Pairs of whom one is blocked in the midst of the run.
const PAIRS: usize = 6;
/// Devices with which each of those sends at once.
const DEVICES: usize = 8;
/// Groups whose members are silenced and removed.
const GROUPS: usize = 3;
/// Devices with which each ordinary member of a group sends at once.
const VOICES: usize = 2;

/// A pair.
struct Pair {
    blocked: Person,
    blocker: Person,
    block: Arc<Block>,
}

pub(super) struct Cast {
    ring: Vec<Person>,
    pairs: Vec<Pair>,
    groups: Vec<Group>,
}

impl Cast {
    pub(super) async fn assemble(server: &Server) -> Cast {
        let mut ring = Vec::new();
        for at in 0..RING {
            ring.push(server.person(&format!("ring-{at:02}")).await);
        }
        for at in 0..RING {
            befriend(&ring[at], &ring[(at + 1) % RING]).await;
        }
        let mut pairs = Vec::new();
        for at in 0..PAIRS {
            let (ann, ben) = (server.person(&format!("ann-{at}")).await, server.person(&format!("ben-{at}")).await);
            befriend(&ann, &ben).await;
            pairs.push(Pair { blocked: ann, blocker: ben, block: Arc::default() });
        }
        let mut groups = Vec::new();
        for number in 0..GROUPS {
            groups.push(Group::assemble(server, number).await);
        }
        Cast { ring, pairs, groups }
    }

    /// Those who read, each with his rooms. A blocked person does not: he would see what his blocker must not.
    fn readers(&self) -> Vec<(Person, Vec<String>)> {
        let neighbours = |at: usize| [at + 1, at + RING - 1].map(|other| self.ring[at].room(&self.ring[other % RING]));
        let ring = self.ring.iter().enumerate().map(|(at, person)| (person.clone(), neighbours(at).into()));
        let pairs = self.pairs.iter().map(|pair| (pair.blocker.clone(), vec![pair.blocker.room(&pair.blocked)]));
        let groups = self
            .groups
            .iter()
            .flat_map(|group| group.people.iter().map(|person| (person.clone(), vec![group.room.clone()])));
        ring.chain(pairs).chain(groups).collect()
    }

    pub(super) fn listen(&self, goal: &Goal) -> JoinSet<Reader> {
        let listen = |(person, rooms)| listener::listen(person, rooms, goal.clone());
        self.readers().into_iter().map(listen).collect()
    }

    pub(super) fn send(&self, stop: &CancellationToken, rng: &mut StdRng) -> JoinSet<Sent> {
        let mut senders = JoinSet::new();
        for (person, rooms) in self.readers().into_iter().take(RING) {
            senders.spawn(Sender::new(0, person, rooms, StdRng::from_rng(rng)).run(stop.clone()));
        }
        for pair in &self.pairs {
            for device in 0..DEVICES {
                let room = pair.blocked.room(&pair.blocker);
                let sender = Sender::new(device, pair.blocked.clone(), vec![room], StdRng::from_rng(rng));
                senders.spawn(sender.until(pair.block.clone()).run(stop.clone()));
            }
        }
        for group in &self.groups {
            let mut sender = |person: &Person, device| {
                Sender::new(device, person.clone(), vec![group.room.clone()], StdRng::from_rng(rng))
            };
            for person in group.leaders() {
                senders.spawn(sender(person, 0).run(stop.clone()));
            }
            for person in group.ordinary() {
                for device in 0..VOICES {
                    senders.spawn(sender(person, device).ordinary().run(stop.clone()));
                }
            }
        }
        senders
    }

    /// Lets the owners of groups use their power; each says how many changes he made.
    pub(super) fn rule(&self, stop: &CancellationToken, rng: &mut StdRng) -> JoinSet<u64> {
        self.groups.iter().map(|group| group.warden(StdRng::from_rng(rng)).run(stop.clone())).collect()
    }

    /// Each pair has its block at a moment of its own.
    pub(super) fn block(&self, span: Duration, rng: &mut StdRng) -> JoinSet<()> {
        let mut blocks = JoinSet::new();
        for Pair { blocked, blocker, block } in &self.pairs {
            let pause = span.mul_f64(rng.random_range(0.2..0.6));
            blocks.spawn(block_after(pause, blocker.clone(), blocked.clone(), block.clone()));
        }
        blocks
    }

    /// Everything that everybody can read, from the beginning.
    pub(super) async fn read(&self) -> Vec<Reader> {
        let mut readers = Vec::new();
        for (person, rooms) in self.readers() {
            readers.push(listener::read_all(&person, &rooms).await);
        }
        readers
    }
}
