//! Two connections to the server, opened again for ever: one to listen and one to speak, because a server that is short
//! of memory or disk reads nothing from those who speak.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer, Error, Event, ExchangeKind};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, sleep_until, timeout};

use super::error::{RabbitConnectError, explain_use};
use super::target::{Line, late};
use super::{Parcel, Part, Shared};
use crate::bus::Topic;
use crate::bus::remote::{BATCH, CHUNK, LATE, Pause};

/// The rhythm in which a server must show that it is there; one that is frozen shows nothing by itself.
const BEAT: Duration = Duration::from_secs(2);
/// How long an answer may take, and frames to leave.
const ANSWER: Duration = Duration::from_secs(2);
/// A binding that no topic has.
const PROBE: &str = "probe";

/// What stands at the server for as long as both connections do.
pub(super) struct Session {
    id: u64,
    ear: Line,
    voice: Line,
    queue: ShortString,
    consumer: Consumer,
}

impl Shared {
    /// Connects, and makes what is needed at the server.
    pub(super) async fn open(&self) -> Result<Session, RabbitConnectError> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let (ear, voice) = tokio::try_join!(self.target.line(), self.target.line())?;
        let making = async {
            declare(&ear.channel, &self.exchange).await?;
            // Of a node that is too slow the server drops the oldest frames. The beat tells such a node of a gap.
            let most = AMQPValue::LongLongInt(i64::try_from(self.queue_bytes).unwrap_or(i64::MAX));
            let mut arguments = FieldTable::default();
            arguments.insert("x-max-length-bytes".into(), most);
            arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
            let exclusive =
                QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
            let queue = ear.channel.queue_declare("".into(), exclusive, arguments).await?.name().clone();
            // What is not allowed must show now, and not with the first frame.
            bind(&ear.channel, &queue, &self.exchange, PROBE.into()).await?;
            unbind(&ear.channel, &queue, &self.exchange, PROBE.into()).await?;
            publish(&voice.channel, &self.exchange, PROBE.into(), &Bytes::new()).await?;
            declare(&voice.channel, &self.exchange).await?;
            let consume = BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
            let consumer = ear.channel.basic_consume(queue.clone(), "".into(), consume, FieldTable::default()).await?;
            Ok((queue, consumer))
        };
        let made = timeout(ANSWER, making).await.unwrap_or_else(|_| Err(late()));
        let names = || format!("{:?} and \"amq.gen-…\"", self.exchange.as_str());
        let (queue, consumer) = made.map_err(|error| explain_use(self.target.at(), &names(), &error))?;
        Ok(Session { id: LAST.fetch_add(1, Ordering::Relaxed), ear, voice, queue, consumer })
    }

    /// Keeps a session for ever.
    pub(super) async fn run(&self, first: Session, mut queue: mpsc::Receiver<Parcel>) {
        let mut pause = Pause::default();
        let mut batch = Vec::with_capacity(BATCH);
        let mut opened: Result<Session, RabbitConnectError> = Ok(first);
        loop {
            let cause = match opened {
                Ok(session) => {
                    let Err(cause) = tokio::try_join!(
                        self.hear(&session, &mut pause),
                        self.listen(session.consumer.clone()),
                        self.speak(&session, &mut queue, &mut batch)
                    );
                    self.topics.deaf(session.id);
                    batch.drain(..).for_each(|parcel| self.keep(parcel));
                    cause.to_string()
                }
                Err(error) => error.to_string(),
            };
            self.health.down(Part::Connection, cause);
            self.health.up(&Part::Publishing);
            self.topics.done.send_replace(());
            self.keep_during(&mut queue, pause.wait()).await;
            opened = self.keep_during(&mut queue, self.open()).await;
        }
    }

    /// Does something while nothing can be published.
    async fn keep_during<T>(&self, queue: &mut mpsc::Receiver<Parcel>, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                Some(parcel) = queue.recv() => self.keep(parcel),
            }
        }
    }

    /// Brings what is heard into the inbox.
    async fn listen(&self, mut consumer: Consumer) -> Result<Infallible, Error> {
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery?;
            if let Ok(topic) = delivery.routing_key.as_str().parse() {
                self.inbox.put(topic, Bytes::from(delivery.data));
            }
        }
        Err(closed())
    }

    /// Hears what is wanted, and looks whether the server is there.
    async fn hear(&self, session: &Session, pause: &mut Pause) -> Result<Infallible, Error> {
        let mut work = self.topics.work.subscribe();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told_again = None;
        loop {
            work.mark_unchanged();
            if self.sync(session).await? {
                self.inbox.gap();
                told_again = Some(Instant::now() + LATE);
            }
            self.health.up(&Part::Connection);
            self.topics.done.send_replace(());
            *pause = Pause::default();
            tokio::select! {
                _ = work.changed() => {}
                due = beat.tick() => {
                    // This node was held up itself; its queue at the server may have run over.
                    if due.elapsed() > ANSWER {
                        self.inbox.gap();
                    }
                    in_time(declare(&session.ear.channel, &self.exchange)).await?;
                }
                () = sleep_until(told_again.unwrap_or_else(Instant::now)), if told_again.is_some() => {
                    told_again = None;
                    self.inbox.gap();
                }
            }
        }
    }

    /// Brings the bindings to what is wanted here. Whether something that was lost is heard again.
    async fn sync(&self, session: &Session) -> Result<bool, Error> {
        let Session { id, ear, queue, .. } = session;
        let leaving = stream::iter(self.topics.take_leaving(*id));
        let mut answers = leaving.map(|topic| unbind(&ear.channel, queue, &self.exchange, name(topic))).buffered(CHUNK);
        while let Some(answer) = in_time(async { Ok(answers.next().await) }).await? {
            answer?;
        }
        let missing = stream::iter(self.topics.missing(|_| true));
        let mut answers = missing
            .map(async |topic| bind(&ear.channel, queue, &self.exchange, name(topic)).await.map(|()| topic))
            .buffered(CHUNK);
        let mut healed = false;
        while let Some(topic) = in_time(async { Ok(answers.next().await) }).await? {
            healed |= self.topics.heard(topic?, *id);
        }
        Ok(healed)
    }

    /// Publishes what is queued, whatever has gathered at once.
    async fn speak(
        &self,
        session: &Session,
        queue: &mut mpsc::Receiver<Parcel>,
        batch: &mut Vec<Parcel>,
    ) -> Result<Infallible, Error> {
        let connection = &session.voice.connection;
        let mut events = connection.events_listener();
        loop {
            tokio::select! {
                count = queue.recv_many(batch, BATCH) => {
                    if count == 0 {
                        return Err(closed());
                    }
                    let sent = self.send(session, batch).await;
                    batch.drain(..).for_each(|parcel| self.keep(parcel));
                    // What the server holds up leaves when it goes on.
                    if sent.is_err() && !connection.status().blocked() {
                        sent?;
                    }
                }
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(why)) => self.health.down(Part::Publishing, why),
                    Some(Event::ConnectionUnblocked) => self.health.up(&Part::Publishing),
                    Some(Event::Error(error)) => return Err(error),
                    Some(_) => {}
                    None => return Err(closed()),
                },
            }
        }
    }

    /// Sends frames; what could not be sent stays in the batch.
    async fn send(&self, session: &Session, batch: &mut Vec<Parcel>) -> Result<(), Error> {
        if session.voice.connection.status().blocked() {
            return Ok(());
        }
        let channel = &session.voice.channel;
        let sending = batch.iter().map(|parcel| publish(channel, &self.exchange, name(parcel.topic), &parcel.frame));
        let answers = in_time(async { Ok(join_all(sending).await) }).await?;
        let mut all = answers.iter();
        batch.retain(|_| all.next().is_some_and(Result::is_err));
        answers.into_iter().collect()
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(ANSWER, answer).await.unwrap_or_else(|_| Err(late()))
}

fn closed() -> Error {
    io::Error::from(io::ErrorKind::ConnectionReset).into()
}

/// The key of a topic's binding.
fn name(topic: Topic) -> ShortString {
    topic.to_string().into()
}

/// Makes the exchange. It outlives its bindings, since a frame without an exchange would cost the connection.
async fn declare(channel: &Channel, exchange: &ShortString) -> Result<(), Error> {
    let options = ExchangeDeclareOptions::default();
    channel.exchange_declare(exchange.clone(), ExchangeKind::Direct, options, FieldTable::default()).await
}

async fn bind(channel: &Channel, queue: &ShortString, exchange: &ShortString, name: ShortString) -> Result<(), Error> {
    let (queue, exchange) = (queue.clone(), exchange.clone());
    channel.queue_bind(queue, exchange, name, QueueBindOptions::default(), FieldTable::default()).await
}

async fn unbind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &ShortString,
    name: ShortString,
) -> Result<(), Error> {
    channel.queue_unbind(queue.clone(), exchange.clone(), name, FieldTable::default()).await
}

/// Neither stored nor confirmed: a push is a hint.
async fn publish(channel: &Channel, exchange: &ShortString, name: ShortString, frame: &[u8]) -> Result<(), Error> {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    channel.basic_publish(exchange.clone(), name, options, frame, properties).await.map(|_| ())
}
