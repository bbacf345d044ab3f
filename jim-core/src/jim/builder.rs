//! How the parts of a [`Jim`] are collected.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::bus::{Bus, LocalBus};
use crate::captcha::{CaptchaProvider, ProofOfWork};
use crate::error::{Error, Result};
use crate::hub::{Ended, Hub, HubOptions};
use crate::log::Logs;
use crate::mail::Mailer;
use crate::repo::{CounterRepo, PresenceRepo, RoomLogRepo, Store};
use crate::secret::{Key, Random, Secret, SystemRandom};
use crate::service::StorageClock;
use crate::service::mails::Post;
use crate::service::{Authenticator, Context, Doors, Options, Services};
use crate::store::local::LocalCounters;
use crate::time::{Clock, SystemClock};

use super::Jim;

/// Collects the parts. Storage must be given; the rest has defaults for a single node.
pub struct JimBuilder {
    store: Arc<dyn Store>,
    rooms: Arc<dyn RoomLogRepo>,
    bus: Arc<dyn Bus>,
    presence: Option<Arc<dyn PresenceRepo>>,
    clock: Option<Arc<dyn Clock>>,
    random: Arc<dyn Random>,
    secret: Option<Secret>,
    mailer: Option<Arc<dyn Mailer>>,
    options: Options,
    captchas: Vec<Arc<dyn CaptchaProvider>>,
    authenticator: Option<Arc<dyn Authenticator>>,
    counters: Option<Arc<dyn CounterRepo>>,
}

impl JimBuilder {
    pub(super) fn new(store: Arc<dyn Store>, rooms: Arc<dyn RoomLogRepo>) -> JimBuilder {
        JimBuilder {
            store,
            rooms,
            bus: Arc::new(LocalBus::default()),
            presence: None,
            clock: None,
            random: Arc::new(SystemRandom),
            secret: None,
            mailer: None,
            options: Options::default(),
            captchas: vec![Arc::new(ProofOfWork::default())],
            authenticator: None,
            counters: None,
        }
    }

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

    /// Where nodes count failed log-ins together; without it each counts by itself.
    #[must_use]
    pub fn counters(mut self, counters: Arc<dyn CounterRepo>) -> Self {
        self.counters = Some(counters);
        self
    }

    /// The kinds of captcha there are; the first is made for who names none. Without it there is a piece of work alone.
    #[must_use]
    pub fn captchas(mut self, captchas: Vec<Arc<dyn CaptchaProvider>>) -> Self {
        self.captchas = captchas;
        self
    }

    /// Knows the users that the host has already.
    #[must_use]
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
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

    /// Where mails go; without it none is sent, and what needs one is refused.
    #[must_use]
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
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
        let post = self.mailer.map(|mailer| Arc::new(Post::new(mailer)));
        let context = Context::new(logs.clone(), hub.clone(), self.random, key, self.options, ended, post);
        let doors = Doors {
            captchas: self.captchas,
            authenticator: self.authenticator,
            counters: (self.counters, Arc::new(LocalCounters::default())),
        };
        Ok(Jim { services: Arc::new(Services::new(&context, doors)), context, epoch: epoch.into(), shared })
    }
}

fn fresh(random: &dyn Random) -> String {
    URL_SAFE_NO_PAD.encode(random.bits())
}
