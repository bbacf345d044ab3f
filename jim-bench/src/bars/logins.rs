//! B16: log-ins against the hash that each of them must make, and what sends feel of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use argon2::{Argon2, Block};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Plan;
use crate::http::{Connection, Template, render};
use crate::jim::{self, Pair, Seed};
use crate::load::next_number;
use crate::process::Server;
use crate::report::{Bar, Report, Row, Unit, median, median_ratio, millis, per_second, percentile};
use crate::{Res, float};

/// Callers who log in again and again.
const CALLERS: usize = 16;
/// Writers, and how often each of them writes.
const WRITERS: usize = 16;
const EVERY: Duration = Duration::from_millis(80);
const NAME: &str = "caller";
const PASSWORD: &str = "plum tart at noon";

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let folder = seed.copy(plan, "logins")?;
    let server = jim::start(&plan.binary, &folder, &jim::OPEN_DOORS).await?;
    let person = json!({ "username": NAME, "password": PASSWORD });
    Connection::open(&server.address).await?.post("/api/v1/auth/register", "", &person).await?;
    let (mut logins, mut hashes, mut shared) = (Vec::new(), Vec::new(), Vec::new());
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        alone.extend(sends(plan, &server, &seed.pairs).await?);
        hashes.push(bare(plan.round).await?);
        let (rate, times) = tokio::join!(callers(plan, &server), sends(plan, &server, &seed.pairs));
        logins.push(callers(plan, &server).await?);
        shared.push(rate?);
        beside.extend(times?);
    }
    report.row(Row {
        id: "B16",
        what: format!("log-ins from {CALLERS} callers, against bare argon2 on every core"),
        figure: per_second(median(logins.clone())),
        control: per_second(median(hashes.clone())),
        value: median_ratio(&logins, &hashes),
        unit: Unit::Percent,
        bar: Bar::AtLeast { must: 0.80, goal: 0.90 },
    });
    report.row(Row {
        id: "B16",
        what: format!("the same beside {} sends a second", rate_of_sends()),
        figure: per_second(median(shared.clone())),
        control: per_second(median(hashes.clone())),
        value: median_ratio(&shared, &hashes),
        unit: Unit::Percent,
        // They leave some of the cores to those who write: half of two or four, a third of three.
        bar: Bar::AtLeast { must: 0.30, goal: 0.45 },
    });
    let [alone, beside] = [alone, beside].map(|times| percentile(&times, 0.99));
    report.row(Row {
        id: "B16",
        what: format!(
            "p99 of {} durable sends a second beside as many log-ins as it bears, against without",
            rate_of_sends()
        ),
        figure: millis(beside),
        control: millis(alone),
        value: beside / alone,
        unit: Unit::Times,
        bar: Bar::AtMost { must: 3.0, goal: 1.5 },
    });
    Ok(())
}

fn rate_of_sends() -> u128 {
    WRITERS as u128 * 1000 / EVERY.as_millis()
}

/// Log-ins a second.
async fn callers(plan: &Plan, server: &Server) -> Res<f64> {
    let (done, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let mut tasks = JoinSet::new();
    for _ in 0..CALLERS {
        let mut connection = Connection::open(&server.address).await?;
        let (done, stop) = (done.clone(), stop.clone());
        tasks.spawn(async move {
            let body = json!({ "username": NAME, "password": PASSWORD }).to_string();
            let request = render("POST", "/api/v1/auth/login", "", &body);
            while !stop.load(Relaxed) {
                connection.ask(&request).await?;
                done.fetch_add(1, Relaxed);
            }
            Res::Ok(())
        });
    }
    sleep(plan.warm_up).await;
    let (before, began) = (done.load(Relaxed), Instant::now());
    sleep(plan.round).await;
    let rate = float(done.load(Relaxed) - before) / began.elapsed().as_secs_f64();
    stop.store(true, Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(rate)
}

/// How long sends at an even pace take, in seconds.
async fn sends(plan: &Plan, server: &Server, pairs: &[Pair]) -> Res<Vec<f64>> {
    let mut tasks = JoinSet::new();
    let (warm, end) = (Instant::now() + plan.warm_up, Instant::now() + plan.warm_up + plan.round);
    for (number, pair) in pairs.iter().take(WRITERS).enumerate() {
        let mut connection = Connection::open(&server.address).await?;
        let mut template = Template::send(&pair.room, &pair.sender, 160)?;
        tasks.spawn(async move {
            sleep(EVERY * u32::try_from(number)? / u32::try_from(WRITERS)?).await;
            let mut tick = interval(EVERY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut times = Vec::new();
            while Instant::now() < end {
                // From when it was due: a writer who waits for the one before waits, too.
                let due = tick.tick().await;
                connection.ask(template.numbered(next_number())).await?;
                if due > warm {
                    times.push(due.elapsed().as_secs_f64());
                }
            }
            Res::Ok(times)
        });
    }
    let mut all = Vec::new();
    while let Some(times) = tasks.join_next().await {
        all.extend(times??);
    }
    Ok(all)
}

/// Hashes a second on every core, with the parameters that log-ins use, each loop in memory of its own.
async fn bare(time: Duration) -> Res<f64> {
    let cores = std::thread::available_parallelism()?.get();
    let mut loops = JoinSet::new();
    let began = Instant::now();
    for _ in 0..cores {
        loops.spawn_blocking(move || {
            let (argon2, mut output, mut hashed) = (Argon2::default(), [0; 32], 0_u64);
            let mut memory = vec![Block::default(); argon2.params().block_count()];
            while began.elapsed() < time {
                argon2
                    .hash_password_into_with_memory(PASSWORD.as_bytes(), &[7; 16], &mut output, &mut memory)
                    .map_err(|error| error.to_string())?;
                hashed += 1;
            }
            Res::Ok(hashed)
        });
    }
    let mut hashed = 0;
    while let Some(ended) = loops.join_next().await {
        hashed += ended??;
    }
    Ok(float(hashed) / began.elapsed().as_secs_f64())
}
