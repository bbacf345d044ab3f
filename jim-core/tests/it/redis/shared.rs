//! What nodes share, on servers that fail.

use std::num::NonZeroU32;
use std::time::Duration;

use jim_core::id::UserId;
use jim_core::repo::{CounterRepo, PresenceRepo, Rate, RepoError, Taken};
use jim_core::store::redis::RedisShared;
use tokio::time::Instant;

use super::server::Server;
use crate::bus::DEADLINE;

const RATE: Rate = Rate { count: NonZeroU32::MIN, per: Duration::from_hours(1) };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_one_budget_and_leave_nothing_behind() {
    let server = Server::start(&[]);
    let (a, b) = (
        RedisShared::connect(&server.url(), "jim:").await.unwrap(),
        RedisShared::connect(&server.url(), "jim:").await.unwrap(),
    );
    let rate = Rate { count: NonZeroU32::new(2).unwrap(), per: Duration::from_millis(600) };
    assert_eq!(a.take("key", rate).await.unwrap(), Taken::Ok);
    assert_eq!(b.take("key", rate).await.unwrap(), Taken::Ok);
    for node in [&a, &b] {
        assert!(matches!(node.take("key", rate).await.unwrap(), Taken::Wait(_)));
    }
    a.beat("a", &[UserId(1)], Duration::from_millis(600)).await.unwrap();
    assert_eq!(b.online(&[UserId(1)]).await.unwrap(), [true]);
    assert_eq!(server.says(&["dbsize"]).trim(), "2");
    let end = Instant::now() + DEADLINE;
    while server.says(&["dbsize"]).trim() != "0" {
        assert!(Instant::now() < end, "every key ends");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_dead_calls_fail_at_once_and_then_work_again() {
    let mut server = Server::start(&[]);
    let shared = RedisShared::connect(&server.url(), "jim:").await.unwrap();
    assert_eq!(shared.take("key", RATE).await.unwrap(), Taken::Ok);
    server.kill();
    let end = Instant::now() + DEADLINE;
    while shared.is_up() {
        assert!(Instant::now() < end, "it is noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let start = Instant::now();
    assert!(matches!(shared.take("key", RATE).await, Err(RepoError::Unavailable(_))));
    assert!(matches!(shared.online(&[UserId(1)]).await, Err(RepoError::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    // The new process knows neither the keys nor the scripts.
    server.restart();
    while !shared.is_up() {
        assert!(Instant::now() < end, "it is back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shared.take("key", RATE).await.unwrap(), Taken::Ok);
    assert_eq!(shared.beat("a", &[UserId(1)], DEADLINE).await.unwrap(), [UserId(1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_memory_says_that_it_is_full() {
    let server = Server::start(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    let shared = RedisShared::connect(&server.url(), "jim:").await.unwrap();
    assert!(matches!(shared.take("key", RATE).await, Err(RepoError::Full)));
}
