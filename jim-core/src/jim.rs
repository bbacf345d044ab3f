//! [`Jim`]: ports in, services out.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::bus::{Bus, LocalBus};
use crate::error::{Error, Result};
use crate::hub::{Close, Ended, Hub, HubOptions};
use crate::log::{Logs, Stats};
use crate::repo::{PresenceRepo, RoomLogRepo, Store};
use crate::secret::{Key, Random, Secret, SystemRandom};
use crate::service::StorageClock;
use crate::service::{
    Blocks, Context, Conversations, Digests, FriendRequests, Friends, Groups, Joining, Members, Messages, Options,
    Pins, Reads, Rooms, Services, Sessions, Statuses, Sync, UserLog, Users, Worlds,
};
use crate::time::{Clock, SystemClock};

/// How often upkeep runs.
const SWEEP: Duration = Duration::from_secs(1);
/// How often the clock is set by the storage's.
const CLOCK: Duration = Duration::from_secs(30);

/// Collects the parts. Storage must be given; the rest has defaults for a single node.
pub struct JimBuilder {
    store: Arc<dyn Store>,
    rooms: Arc<dyn RoomLogRepo>,
    bus: Arc<dyn Bus>,
    presence: Option<Arc<dyn PresenceRepo>>,
    clock: Option<Arc<dyn Clock>>,
    random: Arc<dyn Random>,
    secret: Option<Secret>,
    options: Options,
}

impl JimBuilder {
    /// Another bus than the one in this process's memory.
    #[must_use]
    pub fn bus(mut self, bus: Arc<dyn Bus>) -> Self {
        self.bus = bus;
        self
    }

    /// Where nodes tell each other who is connected; without it each knows its own.
    #[must_use]
    pub fn presence(mut self, presence: Arc<dyn PresenceRepo>) -> Self {
        self.presence = Some(presence);
        self
    }

    /// Another clock than the storage's, or the machine's where the storage has none.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Other randomness than the operating system's.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// The key that signs, at least 32 bytes. Without it one is made once and kept in the store, so that all nodes
    /// share it.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// What the host decides.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The epoch of the store, which is made with it: what nodes of one system have in common and no other has.
    pub async fn epoch(&self) -> Result<String> {
        let mut unit = self.store.write(&[]).await?;
        let epoch = unit.settings().ensure("epoch", &fresh(&*self.random)[..16]).await?;
        let _ = unit.commit().await?;
        Ok(epoch)
    }

    /// Puts the parts together. Starts nothing: for sends and pushes, [`Jim::run`] must be running.
    pub async fn build(self) -> Result<Jim> {
        let epoch = self.epoch().await?;
        let mut unit = self.store.write(&[]).await?;
        let secret = match self.secret {
            Some(secret) => secret,
            None => Secret::new(unit.settings().ensure("secret", &fresh(&*self.random)).await?),
        };
        let shared = match self.clock {
            None => StorageClock::of(&*self.store).await?.map(Arc::new),
            Some(_) => None,
        };
        let clock: Arc<dyn Clock> = match (self.clock, &shared) {
            (Some(clock), _) => clock,
            (None, Some(shared)) => shared.clone(),
            (None, None) => Arc::new(SystemClock),
        };
        let logs = Logs::new(self.store, self.rooms, self.bus, clock);
        logs.finish(unit).await?;
        let key = Key::new(&secret).ok_or(Error::internal("the secret is shorter than 32 bytes"))?;
        let limits = &self.options.limits;
        let hub_options = HubOptions {
            queue_frames: self.options.queue_frames,
            per_session: limits.sockets_per_session as usize,
            per_user: limits.sockets_per_user as usize,
            heartbeat: self.options.heartbeat,
        };
        let ended = Ended::default();
        let hub = Hub::new(
            logs.clone(),
            hub_options,
            epoch.clone(),
            ended.clone(),
            (fresh(&*self.random)[..16].to_owned(), self.presence),
        );
        let context = Context::new(logs.clone(), hub.clone(), self.random, key, self.options, ended);
        Ok(Jim { services: Arc::new(Services::new(&context)), context, epoch: epoch.into(), shared })
    }
}

fn fresh(random: &dyn Random) -> String {
    URL_SAFE_NO_PAD.encode(random.bits())
}

/// The whole backend. A cheap clone.
#[derive(Clone)]
pub struct Jim {
    services: Arc<Services>,
    context: Context,
    epoch: Arc<str>,
    /// The clock to be set again and again, where it is the storage's.
    shared: Option<Arc<StorageClock>>,
}

impl Jim {
    /// Begins with a store and the room logs; an adapter may be both.
    #[must_use]
    pub fn builder(store: Arc<dyn Store>, rooms: Arc<dyn RoomLogRepo>) -> JimBuilder {
        JimBuilder {
            store,
            rooms,
            bus: Arc::new(LocalBus::default()),
            presence: None,
            clock: None,
            random: Arc::new(SystemRandom),
            secret: None,
            options: Options::default(),
        }
    }

    /// Runs the lane, the hub and the upkeep until it is told to stop. Then listeners are closed with
    /// [`Close::Restart`], and what was sent before is still stored and answered.
    pub async fn run(&self, shutdown: CancellationToken) {
        let lane_stop = CancellationToken::new();
        let lane = async {
            self.context.logs.run_lane(lane_stop.clone()).await;
        };
        let rest = async {
            // A task of its own: a message for thousands does not hold up the lane.
            let (hub, stop) = (self.context.hub.clone(), shutdown.clone());
            let hub = AbortOnDropHandle::new(tokio::spawn(async move { hub.run(stop).await }));
            let hub = async {
                if let Err(error) = hub.await
                    && let Ok(panic) = error.try_into_panic()
                {
                    std::panic::resume_unwind(panic);
                }
            };
            tokio::join!(
                hub,
                self.sweep(shutdown.clone()),
                self.learn_ended(shutdown.clone()),
                self.follow_clock(shutdown.clone())
            );
            self.context.hub.close_all(Close::Restart);
            lane_stop.cancel();
        };
        tokio::join!(lane, rest);
        if let Err(error) = self.context.logs.store_marks().await {
            tracing::warn!(error.cause = ?error, "the last read marks were not stored");
        }
        if let Err(error) = self.context.logs.store.maintain().await {
            tracing::warn!(error.cause = ?error, "the last upkeep failed; nothing is lost by it");
        }
    }

    /// Learns of sessions that ended on other nodes. By itself: nothing that takes long may hold it up.
    async fn learn_ended(&self, shutdown: CancellationToken) {
        let mut tick = tokio::time::interval(SWEEP);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
            if let Err(error) = self.services.sessions.learn_ended().await {
                tracing::warn!(error.cause = ?error, "which sessions have ended was not learned; it will be tried again");
            }
        }
    }

    /// Sets the clock by the storage's now and then.
    async fn follow_clock(&self, shutdown: CancellationToken) {
        let Some(clock) = &self.shared else { return };
        while shutdown.run_until_cancelled(tokio::time::sleep(CLOCK)).await.is_some() {
            if let Err(error) = clock.set(&*self.context.logs.store).await {
                tracing::warn!(error.cause = ?error, "the storage's clock was not read; it goes on by itself");
            }
        }
    }

    async fn sweep(&self, shutdown: CancellationToken) {
        let mut tick = tokio::time::interval(SWEEP);
        // A round is long enough for whoever has begun to read before it.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = shutdown.cancelled() => return,
            }
            // One that fails does not hold up the others; what may take longest comes last.
            let steps = [
                ("marks", self.context.logs.sweep_marks().await),
                ("sessions", self.services.sessions.sweep().await),
                ("store", self.context.logs.store.maintain().await.map_err(Error::from)),
                ("outbox", self.context.logs.sweep().await),
            ];
            for (step, done) in steps {
                if let Err(error) = done {
                    tracing::warn!(step, error.cause = ?error, "upkeep failed; it will be tried again");
                }
            }
        }
    }

    /// Accounts and people.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.services.users
    }

    /// Sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.services.sessions
    }

    /// What people have chosen to be.
    #[must_use]
    pub fn statuses(&self) -> &Statuses {
        &self.services.statuses
    }

    /// Friends.
    #[must_use]
    pub fn friends(&self) -> &Friends {
        &self.services.friends
    }

    /// Groups.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.services.groups
    }

    /// Members of groups.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.services.members
    }

    /// Ways into groups.
    #[must_use]
    pub fn joining(&self) -> &Joining {
        &self.services.joining
    }

    /// Friend requests.
    #[must_use]
    pub fn friend_requests(&self) -> &FriendRequests {
        &self.services.friend_requests
    }

    /// Blocks.
    #[must_use]
    pub fn blocks(&self) -> &Blocks {
        &self.services.blocks
    }

    /// Rooms.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.services.rooms
    }

    /// Messages.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.services.messages
    }

    /// Messages that rooms keep in sight.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.services.pins
    }

    /// Read marks.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.services.reads
    }

    /// The chat list.
    #[must_use]
    pub fn conversations(&self) -> &Conversations {
        &self.services.conversations
    }

    /// Digests of rooms.
    #[must_use]
    pub fn digests(&self) -> &Digests {
        &self.services.digests
    }

    /// World channels.
    #[must_use]
    pub fn worlds(&self) -> &Worlds {
        &self.services.worlds
    }

    /// Catching up.
    #[must_use]
    pub fn sync(&self) -> &Sync {
        &self.services.sync
    }

    /// One's own log.
    #[must_use]
    pub fn user_log(&self) -> &UserLog {
        &self.services.user_log
    }

    /// Pushes.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.context.hub
    }

    /// What the host decided.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.context.options
    }

    /// What this node has done since it started.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.context.logs.stats
    }

    /// Changes when a backup is restored: clients drop what they keep.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The clock of this backend.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.context.logs.clock
    }

    /// Whether the relational side of storage answers.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.context.logs.store.ping().await?)
    }

    /// Whether the storage of room logs answers.
    pub async fn ping_logs(&self) -> Result<()> {
        Ok(self.context.logs.rooms.ping().await?)
    }
}
