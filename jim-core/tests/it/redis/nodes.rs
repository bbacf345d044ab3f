//! Two nodes over one Redis.

use std::time::Duration;

use tokio::time::Instant;

use super::server::Server;
use crate::bus::{open, prefix};
use crate::node::{Ear, Node, Town, options, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_of_two_nodes_miss_nothing_though_the_bus_is_killed_between() {
    let mut server = Server::start(&[]);
    let prefix = prefix();
    let (a, b) = (open(&server.url(), &prefix).await, open(&server.url(), &prefix).await);
    let town = Town::with(a, options()).await;
    let other = Node::run(town.store.clone(), town.log.clone(), b, options()).await;
    let (x, y, room) = town.friends().await;
    let log = room.to_string();
    let mut here = town.attach(x).await;
    let mut there = Ear::open(&other.jim, y.id, y.session).await.unwrap();
    for n in 1..=50 {
        assert_eq!(send(town.jim(), x.id, room, &format!("a-{n}")).await, n);
    }
    for ear in [&mut here, &mut there] {
        ear.until(&log, 50).await;
    }
    server.kill();
    let mut slowest = Duration::ZERO;
    for n in 51..=150 {
        let start = Instant::now();
        assert_eq!(send(town.jim(), x.id, room, &format!("b-{n}")).await, n);
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // Who listens where it is said needs no bus.
    here.until(&log, 150).await;
    server.restart();
    there.until(&log, 150).await;
    assert_eq!(send(&other.jim, y.id, room, "c").await, 151);
    for ear in [&mut here, &mut there] {
        ear.until(&log, 151).await;
    }
}
