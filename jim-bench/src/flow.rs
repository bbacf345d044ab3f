//! A flow of messages to many receivers, with a bounded number of them on their way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::Res;
use crate::http::{Connection, Template};
use crate::jim::Pair;
use crate::load::next_number;
use crate::sockets::Receivers;

/// How often it is looked whether more may be sent.
const LOOK: Duration = Duration::from_millis(1);
/// How long deliveries may stand still.
const PATIENCE: Duration = Duration::from_secs(20);
/// Length of a message's text in bytes.
const TEXT: usize = 160;

/// What makes a server tell everybody something.
pub(crate) enum Trigger {
    /// A message of the other person.
    Send { address: String, pair: Pair },
    /// The length of what a control shall send.
    Length { stream: Arc<TcpStream>, length: u32 },
}

/// Messages on their way to all receivers.
pub(crate) struct Flow<'a> {
    receivers: &'a Receivers,
    sockets: u64,
    permits: Arc<Semaphore>,
    sent: Arc<AtomicU64>,
    senders: JoinSet<Res<()>>,
    whole: u64,
    moved: (u64, Instant),
}

impl<'a> Flow<'a> {
    /// Begins to send; `ahead` messages may be on their way at once. The receivers are new.
    pub(crate) async fn start(trigger: &Trigger, receivers: &'a Receivers, sockets: usize, ahead: usize) -> Res<Self> {
        let permits = Arc::new(Semaphore::new(ahead));
        let sent = Arc::<AtomicU64>::default();
        let mut senders = JoinSet::new();
        match trigger {
            Trigger::Send { address, pair } => {
                // A sender waits for its answer, so each message on its way needs one.
                for _ in 0..ahead {
                    let connection = Connection::open(address).await?;
                    let template = Template::send(&pair.room, &pair.sender, TEXT)?;
                    senders.spawn(send(connection, template, permits.clone(), sent.clone()));
                }
            }
            Trigger::Length { stream, length } => {
                senders.spawn(tell(stream.clone(), *length, permits.clone(), sent.clone()));
            }
        }
        let moved = (0, Instant::now());
        Ok(Flow { receivers, sockets: sockets as u64, permits, sent, senders, whole: 0, moved })
    }

    /// Sends for a time, as fast as messages arrive.
    pub(crate) async fn keep_going(&mut self, time: Duration) -> Res<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let whole = self.receivers.messages() / self.sockets;
            self.permits.add_permits(usize::try_from(whole - self.whole)?);
            self.whole = whole;
            self.check()?;
            sleep(LOOK).await;
            while let Some(ended) = self.senders.try_join_next() {
                ended??;
            }
        }
        Ok(())
    }

    /// Sends no more, and waits: every message must reach every socket once.
    pub(crate) async fn finish(mut self) -> Res<()> {
        self.permits.close();
        while let Some(ended) = self.senders.join_next().await {
            ended??;
        }
        self.receivers.all(self.sent.load(Relaxed)).await
    }

    /// Fails when nothing arrives any more.
    fn check(&mut self) -> Res<()> {
        let arrived = self.receivers.messages();
        if arrived > self.moved.0 {
            self.moved = (arrived, Instant::now());
        }
        if self.moved.1.elapsed() < PATIENCE {
            return Ok(());
        }
        let missing = (self.sent.load(Relaxed) * self.sockets).saturating_sub(arrived);
        Err(format!("{missing} deliveries do not arrive; the server closed {} sockets", self.receivers.closed()).into())
    }
}

async fn send(
    mut connection: Connection,
    mut template: Template,
    permits: Arc<Semaphore>,
    sent: Arc<AtomicU64>,
) -> Res<()> {
    while let Ok(permit) = permits.acquire().await {
        permit.forget();
        sent.fetch_add(1, Relaxed);
        connection.ask(template.numbered(next_number())).await?;
    }
    Ok(())
}

async fn tell(stream: Arc<TcpStream>, length: u32, permits: Arc<Semaphore>, sent: Arc<AtomicU64>) -> Res<()> {
    while let Ok(permit) = permits.acquire().await {
        permit.forget();
        sent.fetch_add(1, Relaxed);
        stream.writable().await?;
        if stream.try_write(&length.to_be_bytes())? != 4 {
            return Err("a control takes no orders".into());
        }
    }
    Ok(())
}
