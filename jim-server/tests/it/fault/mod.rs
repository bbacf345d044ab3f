//! The server is killed again and again under load. What it acknowledged must be there, once, at its number, for
//! everybody, and nobody sees what is not for him.

mod listener;
mod moments;
mod sender;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::{StdRng, SysRng};
use rand::{RngExt as _, SeedableRng as _, TryRng as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::checker::{History, Reader, Report, check};
use crate::support::{Person, Server, befriend};
use sender::{Block, Sender};

/// People who send to their neighbours and listen.
const PEOPLE: usize = 16;
/// Pairs of whom one is blocked in the midst of the run.
const BLOCKED: usize = 2;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Says something even when the test passes.
fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load() {
    let span = Duration::from_secs(setting("JIM_FAULT_SECONDS").unwrap_or(60));
    let seed = setting("JIM_FAULT_SEED").unwrap_or_else(|| SysRng.try_next_u64().unwrap());
    say(&format!("fault run of {span:?}; repeat it with JIM_FAULT_SEED={seed}"));
    let mut rng = StdRng::seed_from_u64(seed);

    // A session outlives the run, also a long one.
    let mut server = Server::with(&[("auth.access_seconds", "86400")]).await;
    let people = ring(&server, PEOPLE).await;
    let pairs = pairs(&server, BLOCKED).await;

    let stop = CancellationToken::new();
    let (goal, wanted) = watch::channel(None);
    let mut senders = Vec::new();
    let mut listeners = Vec::new();
    for (at, person) in people.iter().enumerate() {
        let neighbours = [&people[(at + 1) % PEOPLE], &people[(at + PEOPLE - 1) % PEOPLE]];
        let rooms: Vec<String> = neighbours.iter().map(|other| person.room(other)).collect();
        listeners.push(tokio::spawn(listener::listen(person.clone(), rooms.clone(), wanted.clone())));
        let sender = Sender::new(person.clone(), rooms, StdRng::from_rng(&mut rng), None);
        senders.push(tokio::spawn(sender.run(stop.clone())));
    }
    let mut blocks = Vec::new();
    for (blocked, blocker) in &pairs {
        let (room, block) = (blocked.room(blocker), Arc::<Block>::default());
        let pause = span.mul_f64(rng.random_range(0.2..0.6));
        let sender = Sender::new(blocked.clone(), vec![room.clone()], StdRng::from_rng(&mut rng), Some(block.clone()));
        senders.push(tokio::spawn(sender.run(stop.clone())));
        blocks.push(tokio::spawn(sender::block_after(pause, blocker.clone(), blocked.id, block)));
        listeners.push(tokio::spawn(listener::listen(blocker.clone(), vec![room], wanted.clone())));
    }

    let kills = kill_for(span, &mut server, &mut rng).await;
    for block in blocks {
        block.await.unwrap();
    }
    stop.cancel();
    let mut sent = Vec::new();
    for sender in senders {
        sent.push(sender.await.unwrap());
    }

    // Everything is read again, by everybody; those who listen must come to the same end by themselves.
    let mut everybody: Vec<(&Person, Vec<String>)> = Vec::new();
    for (at, person) in people.iter().enumerate() {
        everybody
            .push((person, vec![person.room(&people[(at + 1) % PEOPLE]), person.room(&people[(at + 15) % PEOPLE])]));
    }
    everybody.extend(pairs.iter().map(|(blocked, blocker)| (blocker, vec![blocked.room(blocker)])));
    let mut heads = BTreeMap::new();
    let mut readers = Vec::new();
    for (person, rooms) in &everybody {
        let reader = listener::read_all(person, rooms).await;
        heads.extend(reader.heads.clone());
        readers.push(reader);
    }
    goal.send_replace(Some(heads));
    for listener in listeners {
        readers.push(listener.await.unwrap());
    }
    let report = check(&history(sent, readers, &pairs));
    say(&format!("{} kills |\n{report} {kills} |", Report::HEAD));
    assert!(report.is_clean(), "JIM_FAULT_SEED={seed}");
    assert!(report.acked as u64 >= 50 * span.as_secs(), "the server answered too little to show anything");
    assert!(kills >= span.as_secs() / 8, "the server was killed too seldom to show anything");
}

/// People in a ring, each a friend of both neighbours.
async fn ring(server: &Server, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for at in 0..count {
        people.push(server.person(&format!("ring-{at:02}")).await);
    }
    for at in 0..count {
        befriend(&people[at], &people[(at + 1) % count]).await;
    }
    people
}

/// Pairs of friends.
async fn pairs(server: &Server, count: usize) -> Vec<(Person, Person)> {
    let mut pairs = Vec::new();
    for at in 0..count {
        let pair = (server.person(&format!("ann-{at}")).await, server.person(&format!("ben-{at}")).await);
        befriend(&pair.0, &pair.1).await;
        pairs.push(pair);
    }
    pairs
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

fn history(sent: Vec<sender::Sent>, mut readers: Vec<Reader>, pairs: &[(Person, Person)]) -> History {
    let mut history = History::default();
    for sent in sent {
        history.acks.extend(sent.acks);
        for reader in &mut readers {
            if pairs.iter().any(|(blocked, blocker)| reader.heads.contains_key(&blocked.room(blocker))) {
                reader.hidable.extend(sent.hidable.iter().cloned());
                reader.forbidden.extend(sent.forbidden.iter().cloned());
            }
        }
    }
    history.readers = readers;
    history
}
