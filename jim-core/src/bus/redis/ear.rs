//! An ear hears the topics of one master over a connection of its own. It never stops to try; what it missed it tells
//! as a gap when it hears again.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, Pipeline, PushInfo, PushKind, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::Names;
use super::servers::{Part, Servers, closed};
use super::target::Address;
use crate::bus::remote::{CHUNK, Inbox, LATE, Pause, Topics};

/// The rhythm in which a server must show that it is there; a peer that is half open shows nothing by itself.
const BEAT: Duration = Duration::from_secs(4);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// What all ears of a bus share.
#[derive(Clone)]
pub(super) struct Hearing {
    pub(super) servers: Arc<Servers>,
    pub(super) topics: Arc<Topics>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) names: Names,
}

impl Hearing {
    /// Keeps an ear at each master.
    pub(super) async fn run(self) {
        let mut layout = self.servers.layout();
        let mut ears: HashMap<Address, AbortOnDropHandle<()>> = HashMap::new();
        loop {
            let now = layout.borrow_and_update().clone();
            let owners = now.owners();
            ears.retain(|address, _| owners.contains(address));
            for address in owners {
                ears.entry(address.clone()).or_insert_with(|| {
                    let ear = Ear { shared: self.clone(), address: address.clone() };
                    AbortOnDropHandle::new(tokio::spawn(ear.run()))
                });
            }
            self.topics.work.send_replace(());
            tokio::select! {
                _ = layout.changed() => {}
                () = tokio::time::sleep(BEAT) => self.servers.look().await,
            }
        }
    }

    /// Whether a topic cannot be heard now.
    pub(super) fn is_deaf(&self, slot: u16) -> bool {
        let layout = self.servers.layout().borrow().clone();
        layout.owner(slot).is_none_or(|address| self.servers.health.is_down(&Part::Ear(address.clone())))
    }
}

struct Ear {
    shared: Hearing,
    address: Address,
}

/// One connection of an ear.
struct Session {
    id: u64,
    shared: Hearing,
    cut: Notify,
    /// Something that was lost is heard again.
    healed: AtomicBool,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.shared.servers.health.up(&Part::Ear(self.address.clone()));
    }
}

/// However the talk ends, its topics are heard no more.
struct Deaf(Arc<Session>);

impl Drop for Deaf {
    fn drop(&mut self) {
        self.0.shared.topics.deaf(self.0.id);
    }
}

impl Session {
    /// Must not wait: the connection waits for it.
    fn take(&self, push: PushInfo) {
        let topics = &self.shared.topics;
        if push.kind == PushKind::Disconnection {
            return self.cut.notify_one();
        }
        let mut data = push.data.into_iter();
        let Some(Value::BulkString(name)) = data.next() else { return };
        let Some(topic) = self.shared.names.topic(&name) else { return };
        match (push.kind, data.next()) {
            (PushKind::Message | PushKind::SMessage, Some(Value::BulkString(frame))) => {
                self.shared.inbox.put(topic, Bytes::from(frame));
            }
            (PushKind::Subscribe | PushKind::SSubscribe, _) => {
                self.healed.fetch_or(topics.heard(topic, self.id), Ordering::Relaxed);
            }
            (PushKind::Unsubscribe | PushKind::SUnsubscribe, _) => topics.unheard(topic, self.id),
            _ => {}
        }
    }
}

impl Ear {
    async fn run(self) {
        let mut pause = Pause::default();
        loop {
            let Err(cause) = self.session(&mut pause).await;
            let Hearing { servers, topics, .. } = &self.shared;
            servers.health.down(self.part(), cause);
            topics.done.send_replace(());
            servers.look().await;
            pause.wait().await;
        }
    }

    fn part(&self) -> Part {
        Part::Ear(self.address.clone())
    }

    async fn session(&self, pause: &mut Pause) -> RedisResult<Infallible> {
        let Hearing { servers, topics, .. } = &self.shared;
        let session = Arc::new(Session {
            id: servers.next_id(),
            shared: self.shared.clone(),
            cut: Notify::new(),
            healed: AtomicBool::new(false),
        });
        let deaf = Deaf(session.clone());
        let pushes = move |push: PushInfo| -> Result<(), Infallible> {
            session.take(push);
            Ok(())
        };
        let mut connection = servers.open(&self.address, pushes, ANSWER).await?;
        let mut work = topics.work.subscribe();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut late = None;
        loop {
            work.mark_unchanged();
            let trouble = self.sync(&mut connection, &deaf.0).await?;
            if deaf.0.healed.swap(false, Ordering::Relaxed) {
                self.shared.inbox.gap();
                late = Some(Instant::now() + LATE);
            }
            topics.done.send_replace(());
            if let Some(error) = trouble {
                // A slot on its way is no fault.
                if !matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::TryAgain)) {
                    servers.health.down(self.part(), &error);
                }
                servers.look().await;
                pause.wait().await;
                continue;
            }
            servers.health.up(&self.part());
            *pause = Pause::default();
            tokio::select! {
                _ = work.changed() => {}
                _ = beat.tick() => servers.target.beat(&mut connection).await?,
                () = deaf.0.cut.notified() => return Err(closed()),
                () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    late = None;
                    self.shared.inbox.gap();
                }
            }
        }
    }

    /// Brings the connection to hear what is wanted here; what the server refused is returned.
    async fn sync(&self, connection: &mut MultiplexedConnection, session: &Session) -> RedisResult<Option<RedisError>> {
        let Hearing { servers, topics, names, .. } = &self.shared;
        let (subscribe, unsubscribe) =
            if servers.is_cluster() { ("SSUBSCRIBE", "SUNSUBSCRIBE") } else { ("SUBSCRIBE", "UNSUBSCRIBE") };
        let layout = servers.layout().borrow().clone();
        let leaving = topics.take_leaving(session.id);
        let missing = topics.missing(|topic| layout.owner(names.slot(*topic)) == Some(&self.address));
        let mut trouble = None;
        for (verb, all) in [(unsubscribe, &leaving), (subscribe, &missing)] {
            for chunk in all.chunks(CHUNK) {
                // One command for each topic: a server refuses one with channels of several slots, and each is
                // answered by itself.
                let mut pipeline = Pipeline::with_capacity(chunk.len());
                for topic in chunk {
                    pipeline.add_command(cmd(verb).arg(names.name(*topic)).take());
                }
                let answers = connection.send_packed_commands(&pipeline, 0, chunk.len()).await?;
                let refused = answers.into_iter().find_map(|answer| answer.extract_error().err());
                trouble = trouble.or(refused);
                topics.done.send_replace(());
            }
        }
        // What a server says unasked may be taken for an answer: the last answers are then still on their way.
        let unsure = || RedisError::from((ErrorKind::Server(ServerErrorKind::TryAgain), "not confirmed"));
        Ok(trouble.or_else(|| (!topics.missing_of(&missing).is_empty()).then(unsure)))
    }
}
