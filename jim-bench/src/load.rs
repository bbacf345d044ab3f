//! Sends from many connections at once, for a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::http::{Connection, Template};
use crate::jim::Pair;
use crate::process::{Server, own_cpu};
use crate::{Res, float};

/// Text lengths of the messages, in bytes.
const TEXT: std::ops::RangeInclusive<usize> = 120..=200;
/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one round shows.
pub(crate) struct Round {
    /// Answers a second.
    pub(crate) rate: f64,
    /// CPU of the servers for each, in microseconds.
    pub(crate) cpu: f64,
    /// CPU of the driver for each, in microseconds.
    pub(crate) driver_cpu: f64,
    /// Sends in all, with those that warmed up.
    pub(crate) sent: u64,
    /// How long each answer that counts took, in seconds.
    pub(crate) times: Vec<f64>,
}

#[derive(Default)]
struct Counters {
    sent: AtomicU64,
    counting: AtomicBool,
    stop: AtomicBool,
}

/// Loads servers from so many connections in turn: first to warm up, then to be counted. Every answer must be a good
/// one. Writers who come again for want of others are at the next server.
pub(crate) async fn round(
    servers: &[Server],
    pairs: &[Pair],
    connections: usize,
    warm_up: Duration,
    time: Duration,
) -> Res<Round> {
    let counters = Arc::<Counters>::default();
    let mut workers = JoinSet::new();
    for (number, pair) in pairs.iter().cycle().take(connections).enumerate() {
        let length = TEXT.start() + (number * 7) % (TEXT.end() - TEXT.start() + 1);
        let template = Template::send(&pair.room, &pair.sender, length)?;
        let server = &servers[(number + number / pairs.len()) % servers.len()];
        let connection = Connection::open(&server.address).await?;
        workers.spawn(send(connection, template, counters.clone()));
    }
    sleep(warm_up).await;
    let cpu = || servers.iter().map(Server::cpu).sum::<Res<f64>>();
    let read = || Res::Ok((counters.sent.load(Relaxed), cpu()?, own_cpu()?, Instant::now()));
    let (sent, cpu, driver_cpu, began) = read()?;
    counters.counting.store(true, Relaxed);
    sleep(time).await;
    let (more, more_cpu, more_driver_cpu, ended) = read()?;
    counters.counting.store(false, Relaxed);
    counters.stop.store(true, Relaxed);
    let mut times = Vec::new();
    tokio::time::timeout(PATIENCE, async {
        while let Some(done) = workers.join_next().await {
            times.extend(done??);
        }
        Res::Ok(())
    })
    .await
    .map_err(|_| "a send is never answered")??;
    let sends = float(more - sent);
    Ok(Round {
        rate: sends / (ended - began).as_secs_f64(),
        cpu: (more_cpu - cpu) / sends * 1e6,
        driver_cpu: (more_driver_cpu - driver_cpu) / sends * 1e6,
        sent: counters.sent.load(Relaxed),
        times,
    })
}

async fn send(mut connection: Connection, mut template: Template, counters: Arc<Counters>) -> Res<Vec<f64>> {
    let mut times = Vec::new();
    while !counters.stop.load(Relaxed) {
        let began = Instant::now();
        connection.ask(template.numbered(next_number())).await?;
        counters.sent.fetch_add(1, Relaxed);
        if counters.counting.load(Relaxed) {
            times.push(began.elapsed().as_secs_f64());
        }
    }
    Ok(times)
}

/// Numbers each send of this run.
pub(crate) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}
