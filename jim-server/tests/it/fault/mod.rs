//! The server is killed again and again under load. What it acknowledged must be there, once, at its number, for
//! everybody; nobody sees what is not for him, and nobody writes who was silenced.

mod cast;
mod cluster;
mod listener;
mod moments;
mod sender;
mod wardens;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use rand::rngs::{StdRng, SysRng};
use rand::{RngExt as _, SeedableRng as _, TryRng as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::checker::{History, Report, check, leaks};
use crate::support::Server;
use cast::Cast;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Says something even when the test passes.
fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// How long a run is.
fn span() -> Duration {
    Duration::from_secs(setting("JIM_FAULT_SECONDS").unwrap_or(60))
}

/// The dice of a run, and the seed that throws them again.
fn dice(what: &str) -> (StdRng, u64) {
    let seed = setting("JIM_FAULT_SEED").unwrap_or_else(|| SysRng.try_next_u64().unwrap());
    say(&format!("{what} of {:?}; JIM_FAULT_SEED={seed} disturbs at the same moments", span()));
    (StdRng::seed_from_u64(seed), seed)
}

/// A session outlives the run, also a long one, and a line for each request would fill the memory.
const SETTINGS: [(&str, &str); 2] = [("auth.access_seconds", "86400"), ("log.level", "info,jim::request=warn")];

/// What came of a run.
struct Outcome {
    report: Report,
    /// Kills and other disturbances.
    kills: u64,
    changes: u64,
    refused: u64,
    /// From the end of the last disturbance until all who listen knew everything.
    healed: Duration,
    /// From the same on until who did what was done.
    stages: Vec<(&'static str, Duration)>,
}

/// Everybody talks while the server is disturbed; then all that was answered is held against all that was seen.
async fn run(
    server: &mut Server,
    span: Duration,
    rng: &mut StdRng,
    disturb: impl AsyncFnOnce(&mut Server, &mut StdRng) -> u64,
) -> Outcome {
    let cast = Cast::assemble(server).await;
    let stop = CancellationToken::new();
    let (goal, wanted) = watch::channel(None);
    let listeners = cast.listen(&wanted);
    let senders = cast.send(&stop, rng);
    let blocks = cast.block(span, rng);
    let peace = CancellationToken::new();
    let wardens = cast.rule(&peace, rng);
    let kills = disturb(server, rng).await;
    let calm = Instant::now();
    blocks.join_all().await;
    let mut stages = vec![("who blocks", calm.elapsed())];
    // In the end everybody is in his groups again, so that he can know all of what is for him.
    peace.cancel();
    let changes: u64 = wardens.join_all().await.into_iter().sum();
    stages.push(("who rules", calm.elapsed()));
    stop.cancel();
    let sent = senders.join_all().await;
    stages.push(("who sends", calm.elapsed()));

    // Everything is read again, by everybody; those who listen must come to the same end by themselves.
    let mut readers = cast.read().await;
    stages.push(("who reads", calm.elapsed()));
    let heads: BTreeMap<_, _> = readers.iter().flat_map(|reader| reader.heads.clone()).collect();
    goal.send_replace(Some(heads));
    let from: BTreeMap<_, _> = readers.iter().map(|reader| (reader.user, reader.from.clone())).collect();
    let listened = listeners.join_all().await;
    let healed = calm.elapsed();
    for mut listener in listened {
        listener.from = from[&listener.user].clone();
        readers.push(listener);
    }

    let mut history = History::default();
    let mut refused = 0;
    for sent in sent {
        refused += sent.refused.len();
        for reader in &mut readers {
            reader.forbidden.extend(sent.refused.iter().cloned());
            reader.hidable.extend(sent.hidable.iter().cloned());
            reader.forbidden.extend(sent.forbidden.iter().cloned());
        }
        history.acks.extend(sent.acks);
    }
    history.readers = readers;
    let report = check(&history);
    if report.leaked > 0 {
        say(&leaks(&history).join("\n"));
    }
    Outcome { report, kills, changes, refused: refused as u64, healed, stages }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load() {
    let (mut rng, seed) = dice("fault run");
    let span = span();
    let mut server = Server::embedded(&SETTINGS).await;
    let kill = async |server: &mut Server, rng: &mut StdRng| kill_for(span, server, rng).await;
    let Outcome { report, kills, changes, refused, .. } = run(&mut server, span, &mut rng, kill).await;
    say(&format!("{} kills |\n{report} {kills} |", Report::HEAD));
    say(&format!("{changes} mutes, removals and returns; {refused} sends of the muted and removed were refused"));
    assert!(report.is_clean(), "JIM_FAULT_SEED={seed}");
    assert!(report.acked as u64 >= 50 * span.as_secs(), "the server answered too little to show anything");
    assert!(changes >= span.as_secs() && refused >= span.as_secs(), "nobody was silenced");
    assert!(kills >= span.as_secs() / 8, "the server was killed too seldom to show anything");
}

/// Kills and restarts the server for so long; says how often.
async fn kill_for(span: Duration, server: &mut Server, rng: &mut StdRng) -> u64 {
    let end = Instant::now() + span;
    let mut kills = 0;
    while Instant::now() < end {
        sleep(Duration::from_millis(rng.random_range(1000..4000))).await;
        server.kill();
        kills += 1;
        server.restart().await;
    }
    kills
}
