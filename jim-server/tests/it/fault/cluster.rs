//! Two nodes, the databases and the bus that they share, and a way from each node to each of them: any of these is
//! killed, frozen, cut off or slowed down, one after the other, while everybody talks.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use super::{Outcome, SETTINGS, dice, run, say, span};
use crate::checker::Report;
use crate::support::{Engine, Proxy, Server, Settings, Way, signal};

const NODES: usize = 2;

/// A round that takes longer to heal says where the time went.
const LONG: Duration = Duration::from_secs(12);

/// A database or a bus, and the way of each node to it.
struct Shared {
    engine: Engine,
    ways: Vec<Proxy>,
}

impl Shared {
    async fn start(kind: &'static str) -> Shared {
        let engine = Engine::start(kind).await;
        let mut ways = Vec::new();
        for _ in 0..NODES {
            ways.push(Proxy::to(engine.port()).await);
        }
        Shared { engine, ways }
    }
}

/// Everything that can be disturbed.
struct World {
    shared: Vec<Shared>,
    rounds: u32,
}

impl World {
    /// MariaDB and Redis, and room logs on MongoDB's protocol or on MariaDB too.
    async fn start(mongo: bool) -> World {
        let mut shared = vec![Shared::start("mariadb").await, Shared::start("redis").await];
        if mongo {
            shared.push(Shared::start("mongo").await);
        }
        World { shared, rounds: 0 }
    }

    /// Two nodes on empty databases.
    async fn server(&mut self) -> Server {
        self.rounds += 1;
        let name = format!("jim_{}", self.rounds);
        self.shared[0].engine.make_database(&name).await;
        let settings: Vec<_> = SETTINGS.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let settings = [settings, vec![("socket.heartbeat_seconds", "4".to_owned())]].concat();
        let own = (0..NODES).map(|node| self.settings(node, &name)).collect();
        Server::each_with(&settings, own).await
    }

    fn settings(&self, node: usize, name: &str) -> Settings {
        let port = |shared: &Shared| shared.ways[node].port();
        let mut settings = vec![
            ("store.url", format!("mysql://root@127.0.0.1:{}/{name}", port(&self.shared[0]))),
            ("bus.url", format!("redis://127.0.0.1:{}", port(&self.shared[1]))),
        ];
        if let Some(mongo) = self.shared.get(2) {
            let port = port(mongo);
            settings.push(("rooms.url", format!("mongodb://127.0.0.1:{port}/{name}?directConnection=true")));
        }
        settings
    }

    /// Disturbs one thing after the other for so long; in the end all is well. Says how often something was killed.
    async fn disturb(&mut self, span: Duration, server: &mut Server, rng: &mut StdRng) -> u64 {
        let end = Instant::now() + span;
        let mut kills = 0;
        while Instant::now() < end {
            sleep(Duration::from_millis(rng.random_range(300..1500))).await;
            let pause = Duration::from_millis(rng.random_range(200..3500));
            let node = rng.random_range(0..NODES);
            let which = rng.random_range(0..self.shared.len());
            let shared = &mut self.shared[which];
            match rng.random_range(0..8) {
                0 | 1 => {
                    server.kill_node(node);
                    sleep(pause).await;
                    server.restart_node(node).await;
                    kills += 1;
                }
                2 | 3 => {
                    shared.engine.kill();
                    sleep(pause / 2).await;
                    shared.engine.restart().await;
                    kills += 1;
                }
                4 => {
                    signal("STOP", server.pid_of(node));
                    sleep(pause).await;
                    signal("CONT", server.pid_of(node));
                }
                5 => {
                    shared.engine.freeze();
                    sleep(pause).await;
                    shared.engine.thaw();
                }
                6 => {
                    shared.ways[node].set(if rng.random_bool(0.5) { Way::Cut } else { Way::Stalled });
                    sleep(pause).await;
                    shared.ways[node].set(Way::Open);
                }
                _ => {
                    shared.ways[node].set(Way::Slow(Duration::from_millis(rng.random_range(5..80))));
                    sleep(pause).await;
                    shared.ways[node].set(Way::Open);
                }
            }
        }
        kills
    }
}

fn told(outcome: &Outcome) {
    let Outcome { report, kills, changes, refused, healed, stages } = outcome;
    say(&format!("{} kills | healed in |\n{report} {kills} | {:.1} s |", Report::HEAD, healed.as_secs_f64()));
    if *healed > LONG {
        say(&format!("that was long; done were {stages:?}"));
    }
    say(&format!("{changes} mutes, removals and returns; {refused} sends of the muted and removed were refused"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_nodes_mariadb_and_redis_are_disturbed_under_load() {
    let (mut rng, seed) = dice("fault run on MariaDB and Redis");
    let span = span();
    let mut world = World::start(false).await;
    let mut server = world.server().await;
    let disturb = async |server: &mut Server, rng: &mut StdRng| world.disturb(span, server, rng).await;
    let outcome = run(&mut server, span, &mut rng, disturb).await;
    told(&outcome);
    assert!(outcome.report.is_clean(), "JIM_FAULT_SEED={seed}");
    assert!(outcome.report.acked as u64 >= 20 * span.as_secs(), "too little was answered to show anything");
    assert!(outcome.kills >= span.as_secs() / 20, "too little was killed to show anything");
}

/// Entries that the server of MongoDB's protocol without indexes finds quickly enough.
const ROUND: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_nodes_mongodb_mariadb_and_redis_are_disturbed_under_load() {
    let (mut rng, seed) = dice("fault run on MongoDB's protocol, MariaDB and Redis");
    let span = span();
    let mut world = World::start(true).await;
    let (mut acked, mut kills) = (0, 0);
    for _ in 0..span.as_secs().div_ceil(ROUND.as_secs()) {
        let mut server = world.server().await;
        let disturb = async |server: &mut Server, rng: &mut StdRng| world.disturb(ROUND, server, rng).await;
        let outcome = run(&mut server, ROUND, &mut rng, disturb).await;
        told(&outcome);
        assert!(outcome.report.is_clean(), "JIM_FAULT_SEED={seed}");
        acked += outcome.report.acked;
        kills += outcome.kills;
    }
    say(&format!("in all {acked} acknowledged, {kills} kills"));
    assert!(acked as u64 >= 20 * span.as_secs(), "too little was answered to show anything");
    assert!(kills >= span.as_secs() / 20, "too little was killed to show anything");
}
