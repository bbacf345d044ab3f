//! [`Jim`]: ports in, services out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Error, Result};
use crate::hub::{Close, Hub};
use crate::log::Stats;
use crate::repo::{RoomLogRepo, Store};
use crate::service::StorageClock;
use crate::service::mails;
use crate::service::{
    AdminGroups, AdminUsers, Audit, Blocks, Captchas, Context, Conversations, Digests, Emails, Externals,
    FriendRequests, Friends, Groups, Joining, Members, Messages, Options, Pins, Reads, Recovery, Registrations, Rooms,
    Services, Sessions, Statuses, Sync, Totp, UserLog, Users, Worlds,
};
use crate::time::Clock;

mod builder;

pub use builder::JimBuilder;

/// How often upkeep runs.
const SWEEP: Duration = Duration::from_secs(1);
/// Rounds of upkeep between two in which what is over is removed.
const OVER: u32 = 30;
/// How often the clock is set by the storage's.
const CLOCK: Duration = Duration::from_secs(30);

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
        JimBuilder::new(store, rooms)
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
                self.follow_clock(shutdown.clone()),
                mails::run(&self.context, shutdown.clone()),
                self.depart(shutdown.clone())
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

    /// Erases what accounts that are gone have written. By itself: it may take long.
    async fn depart(&self, shutdown: CancellationToken) {
        let mut tick = tokio::time::interval(SWEEP);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
            let done = shutdown.run_until_cancelled(self.services.sweep_departures()).await;
            if let Some(Err(error)) = done {
                tracing::warn!(error.cause = ?error, "who is gone was not read; it will be tried again");
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
        let mut round = 0;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = shutdown.cancelled() => return,
            }
            round = (round + 1) % OVER;
            // One that fails does not hold up the others; what may take longest comes last.
            let mut steps = Vec::new();
            if round == 0 {
                steps.extend(self.services.sweep_over(&self.context).await);
            }
            steps.extend([
                ("marks", self.context.logs.sweep_marks().await),
                ("sessions", self.services.sessions.sweep().await),
                ("store", self.context.logs.store.maintain().await.map_err(Error::from)),
                ("outbox", self.context.logs.sweep().await),
            ]);
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

    /// Captchas.
    #[must_use]
    pub fn captchas(&self) -> &Captchas {
        &self.services.captchas
    }

    /// Users of the host.
    #[must_use]
    pub fn externals(&self) -> &Externals {
        &self.services.externals
    }

    /// Accounts, as administrators run them.
    #[must_use]
    pub fn admin_users(&self) -> &AdminUsers {
        &self.services.admin_users
    }

    /// Groups, as administrators run them.
    #[must_use]
    pub fn admin_groups(&self) -> &AdminGroups {
        &self.services.admin_groups
    }

    /// Who may register.
    #[must_use]
    pub fn registrations(&self) -> &Registrations {
        &self.services.registrations
    }

    /// What administrators did.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.services.audit
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

    /// Addresses of mail.
    #[must_use]
    pub fn emails(&self) -> &Emails {
        &self.services.emails
    }

    /// Ways back to accounts.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.services.recovery
    }

    /// Second factors.
    #[must_use]
    pub fn totp(&self) -> &Totp {
        &self.services.totp
    }

    /// Whether mails could go out when it was last seen; `None` where none is sent.
    #[must_use]
    pub fn is_mail_up(&self) -> Option<bool> {
        self.context.post.as_ref().map(|post| post.is_up())
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
