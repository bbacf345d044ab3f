//! Who is there: said to the other nodes again and again, and to friends when it changes.
//!
//! Friends are told once for each person, however many they are: one word to all nodes names those who may see it, as
//! storage knows them at that moment, and each node hands it to those who are connected to it. Who comes and goes
//! quickly is told of rarely, and who comes back soon is not told of at all.

use std::collections::{BTreeSet, HashMap};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Hub;
use super::nodes::Word;
use crate::bus::Topic;
use crate::error::Result;
use crate::id::UserId;
use crate::log::Stats;
use crate::model::Presence;
use crate::model::presence::Shown;

/// How long it is told of a person that he is connected here, and how often that is said again.
const PRESENT: Duration = Duration::from_secs(15);
const PRESENT_AGAIN: Duration = Duration::from_secs(5);
const PRESENT_SOON: Duration = Duration::from_millis(20);
/// The least time between two frames about one person: the last word counts.
const PAUSE: Duration = Duration::from_secs(2);
/// How often it is stored that those who are connected can be seen.
const SEEN_AGAIN: Duration = Duration::from_mins(1);
/// When something is tried again that storage refused.
const RETRY: Duration = Duration::from_secs(1);
/// People of one call of the presence port.
const TOGETHER: usize = 1000;
/// People whom one unit reads or writes.
const A_UNIT: usize = 200;

/// What all nodes are told of a person, and who may see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    user_id: UserId,
    presence: Presence,
    to: Vec<UserId>,
}

/// What friends are told.
#[derive(Serialize)]
struct Seen {
    #[serde(rename = "type")]
    kind: &'static str,
    user_id: UserId,
    #[serde(flatten)]
    presence: Presence,
}

impl Seen {
    fn new(user_id: UserId, presence: Presence) -> Self {
        Seen { kind: "presence", user_id, presence }
    }
}

/// When a person is to be looked at.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// Friends are told also if this node thinks that they know: it may have missed what another one told.
    surely: bool,
}

/// How people look to their friends.
#[derive(Default)]
pub(super) struct Faces {
    /// What was told last of each, and when.
    told: HashMap<UserId, (Shown, Instant)>,
    due: HashMap<UserId, Due>,
    /// Whose last listener went, and who is not stored yet as seen until then.
    left: BTreeSet<UserId>,
}

impl Faces {
    /// Notes what is told of a person; `false`: it was told a moment ago, by another node that saw the same change.
    fn note(&mut self, user: UserId, shown: Shown) -> bool {
        let now = Instant::now();
        if self.told.get(&user).is_some_and(|(last, at)| *last == shown && *at + PAUSE > now) {
            return false;
        }
        self.told.insert(user, (shown, now));
        if let Some(due) = self.due.get_mut(&user) {
            due.at = due.at.max(now + PAUSE);
        }
        true
    }

    fn last(&self, user: UserId) -> Shown {
        self.told.get(&user).map_or(Shown::Offline, |(shown, _)| *shown)
    }

    /// Has a person looked at after a while, and not before the next frame may go out.
    fn look(&mut self, user: UserId, after: Duration, surely: bool) {
        let now = Instant::now();
        let next = self.told.get(&user).map_or(now, |(_, at)| *at + PAUSE);
        let surely = surely || self.due.get(&user).is_some_and(|due| due.surely);
        self.due.insert(user, Due { at: next.max(now + after), surely });
    }

    fn wake(&self) -> Option<Instant> {
        self.due.values().map(|due| due.at).min()
    }

    fn take_due(&mut self) -> Vec<(UserId, bool)> {
        let now = Instant::now();
        // Who is offline is not kept longer than it matters.
        self.told.retain(|_, (shown, at)| *shown != Shown::Offline || *at + PAUSE > now);
        self.due.extract_if(|_, due| due.at <= now).map(|(user, due)| (user, due.surely)).collect()
    }
}

impl Hub {
    fn faces(&self) -> MutexGuard<'_, Faces> {
        self.faces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long somebody may be gone before friends are told: clients connect again.
    fn grace(&self) -> Duration {
        (self.options.heartbeat / 5).clamp(Duration::from_secs(1), Duration::from_secs(5))
    }

    /// Tells who is there until it is told to stop.
    pub(super) async fn tell_presence(&self, shutdown: CancellationToken) {
        tokio::join!(self.tell_nodes(shutdown.clone()), self.tell_friends(shutdown));
    }

    /// Tells the other nodes who is connected here, again and again.
    async fn tell_nodes(&self, shutdown: CancellationToken) {
        let mut tick = interval(PRESENT_AGAIN);
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
            let (here, gone) = self.take_moved(all);
            let Some(presence) = &self.presence else { continue };
            for users in gone.chunks(TOGETHER) {
                let _ = presence.leave(&self.nodes.me, users).await;
            }
            for users in here.chunks(TOGETHER) {
                if presence.beat(&self.nodes.me, users, PRESENT).await.is_err() {
                    break;
                }
            }
        }
        let (here, gone) = self.take_moved(true);
        let Some(presence) = &self.presence else { return };
        for users in [here, gone].concat().chunks(TOGETHER) {
            let _ = presence.leave(&self.nodes.me, users).await;
        }
    }

    /// Who has come, or is here, and who has gone; each is looked at for his friends.
    fn take_moved(&self, all: bool) -> (Vec<UserId>, Vec<UserId>) {
        let (come, gone, here): (Vec<UserId>, Vec<UserId>, Vec<UserId>) = {
            let mut table = self.table();
            let moved = std::mem::take(&mut table.moved);
            let (come, gone) = moved.into_iter().partition(|user| table.users.contains_key(user));
            (come, gone, if all { table.users.keys().copied().collect() } else { Vec::new() })
        };
        if !come.is_empty() || !gone.is_empty() {
            let mut faces = self.faces();
            for user in &come {
                faces.look(*user, Duration::ZERO, false);
            }
            for user in &gone {
                faces.look(*user, self.grace(), false);
            }
            faces.left.extend(&gone);
            self.looks.notify_one();
        }
        (if all { here } else { come }, gone)
    }

    /// Tells friends of those who have come, gone, or chosen to be something else; stores when they could be seen.
    async fn tell_friends(&self, shutdown: CancellationToken) {
        let mut minute = interval(SEEN_AGAIN);
        minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let wake = self.faces().wake().unwrap_or_else(|| Instant::now() + SEEN_AGAIN);
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = minute.tick() => {
                    let here: Vec<UserId> = self.table().users.keys().copied().collect();
                    self.store_seen(&here).await;
                }
                () = self.looks.notified() => {}
                () = sleep_until(wake) => {}
            }
            let left: Vec<UserId> = std::mem::take(&mut self.faces().left).into_iter().collect();
            let not_stored = self.store_seen(&left).await;
            self.faces().left.extend(not_stored);
            let due = self.faces().take_due();
            for users in due.chunks(A_UNIT) {
                if let Err(error) = self.look_at(users).await {
                    tracing::warn!(error.cause = %error, "who is there was not told; it will be tried again");
                    let mut faces = self.faces();
                    for (user, surely) in users {
                        faces.look(*user, RETRY, *surely);
                    }
                }
            }
        }
        let mut last = std::mem::take(&mut self.faces().left);
        last.extend(self.table().users.keys());
        self.store_seen(&last.into_iter().collect::<Vec<_>>()).await;
    }

    /// Stores that people could be seen until now; returns those of whom it could not.
    async fn store_seen<'a>(&self, mut users: &'a [UserId]) -> &'a [UserId] {
        while !users.is_empty() {
            let (some, rest) = users.split_at(users.len().min(A_UNIT));
            let stored = async {
                let mut unit = self.logs.store.write(&[]).await?;
                unit.statuses().set_seen(some, self.logs.clock.now()).await?;
                self.logs.finish(unit).await
            };
            if let Err(error) = stored.await {
                tracing::warn!(error.cause = %error, "when people were last seen was not stored");
                break;
            }
            users = rest;
        }
        users
    }

    /// Tells friends of those who look to them in another way than was told last.
    async fn look_at(&self, users: &[(UserId, bool)]) -> Result<()> {
        let ids: Vec<UserId> = users.iter().map(|(user, _)| *user).collect();
        let connected: HashMap<UserId, bool> = ids.iter().copied().zip(self.online(&ids).await).collect();
        let surely: BTreeSet<UserId> = users.iter().filter(|(_, surely)| *surely).map(|(user, _)| *user).collect();
        let mut words = Vec::new();
        let mut unit = self.logs.store.read().await?;
        for user in unit.users().list(&ids).await? {
            let presence = user.standing.presence(connected[&user.id]);
            if surely.contains(&user.id) || self.faces().last(user.id) != presence.status {
                let to = unit.friends().list_audience(user.id).await?;
                words.push(Told { user_id: user.id, presence, to });
            }
        }
        drop(unit);
        for told in words {
            let alone = !self.logs.bus.is_shared() || told.to.is_empty();
            if alone || !self.say(&Word::Presence(told.clone())).await {
                self.take_presence(&told);
            }
            if told.presence.status == Shown::Offline && self.is_blind() {
                // Another node may have him still, and says so.
                self.say(&Word::Look { user_id: told.user_id, vanishes: false }).await;
            }
        }
        Ok(())
    }

    /// Hands what was told of a person to those of his friends who are connected here.
    pub(super) fn take_presence(&self, told: &Told) {
        if !self.faces().note(told.user_id, told.presence.status) {
            return;
        }
        let Ok(json) = serde_json::to_vec(&Seen::new(told.user_id, told.presence)) else { return };
        let delivered = self.table().hand(&told.to, &Bytes::from(json));
        Stats::add(&self.logs.stats.delivered, delivered);
    }

    /// A person has chosen to be something else: friends are told soon, by whoever knows that he is connected. Of who is
    /// connected nowhere nothing is told, and who vanishes does it as slowly as who goes: else friends could tell the two
    /// apart.
    pub(crate) async fn show_soon(&self, user: UserId, connected: bool, vanishes: bool) {
        if connected {
            self.look_soon(user, vanishes);
        } else if self.logs.bus.is_shared() {
            // A node to which he has just connected may not have said so yet.
            self.say(&Word::Look { user_id: user, vanishes }).await;
        }
    }

    /// Whether other nodes have people of whom this one does not know.
    fn is_blind(&self) -> bool {
        self.logs.bus.is_shared() && self.presence.is_none()
    }

    /// Looks at a person if he is connected here.
    pub(super) fn look_if_here(&self, user: UserId, vanishes: bool) {
        if self.is_online(user) {
            self.look_soon(user, vanishes);
        }
    }

    fn look_soon(&self, user: UserId, vanishes: bool) {
        let after = if vanishes { self.grace() } else { Duration::ZERO };
        self.faces().look(user, after, true);
        self.looks.notify_one();
    }

    /// People who were connected to a node that is gone are looked at when what it said has ended, by all nodes that know
    /// of them: one goes first, and tells the others too.
    pub(super) fn look_after(&self, crashed: bool) {
        if self.presence.is_none() {
            return;
        }
        let mut faces = self.faces();
        let seen: Vec<UserId> =
            faces.told.iter().filter(|(_, (shown, _))| *shown != Shown::Offline).map(|(user, _)| *user).collect();
        let ended = if crashed { PRESENT } else { Duration::ZERO };
        let turn = if self.nodes.is_first() { Duration::ZERO } else { PAUSE };
        let delay = ended + self.grace() + turn;
        for user in seen.into_iter().filter(|user| !self.is_online(*user)) {
            faces.look(user, delay, false);
        }
        self.looks.notify_one();
    }

    /// Shows a person to a friend whom he has just blocked, who sees him go, or let back, who sees him come.
    pub(crate) async fn show_to(&self, user: UserId, friend: UserId) {
        let connected = self.is_connected(user).await;
        let looked = async {
            let mut unit = self.logs.store.read().await?;
            let Some(stored) = unit.users().get(user).await? else { return Ok(None) };
            // Who is not to be seen anyway does not change.
            if stored.standing.status.shown(connected) == Shown::Offline
                || unit.friends().get(friend, user).await?.is_none()
            {
                return Ok(None);
            }
            let blocked = unit.blocks().get(user, friend).await?.is_some();
            Ok::<_, crate::repo::RepoError>(Some(stored.standing.seen_by_friend(connected, blocked)))
        };
        match looked.await {
            Ok(Some(presence)) => self.logs.whisper(Topic::User(friend), &Seen::new(user, presence)).await,
            Ok(None) => {}
            Err(error) => tracing::warn!(error.cause = %error, "somebody was not shown to a friend"),
        }
    }

    /// Whether somebody is connected to any node. It may ask the other nodes: never while anything is locked.
    pub(crate) async fn is_connected(&self, user: UserId) -> bool {
        self.online(&[user]).await == [true]
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
