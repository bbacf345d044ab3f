//! What the tests have in common: a server under test, people who talk to it, and their sockets.

mod authenticator;
mod client;
mod database;
mod databases;
mod engine;
mod person;
mod proxy;
mod raw;
mod server;
mod sink;
mod socket;

use std::time::Duration;

use tokio::time::{Instant, sleep};

pub(crate) use authenticator::Authenticator;
pub(crate) use client::{Answer, Base, Client, Tries};
pub(crate) use database::contains;
use database::everything_in;
pub(crate) use databases::{Databases, Profile};
pub(crate) use engine::Engine;
pub(crate) use person::{Person, befriend, couple, friends_at, message, password_of, seq};
pub(crate) use proxy::{Proxy, Way};
pub(crate) use raw::{exchange, rest, told};
pub(crate) use server::{Server, Settings, jim, serve, signal};
pub(crate) use sink::{Cover, Mood, Received, Sink};
pub(crate) use socket::{Event, Refused, Socket};

/// The room of the world channel.
pub(crate) const WORLD: &str = "w:1";

/// How long anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until there is something to see; fails when it takes too long.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look).await
}

/// As [`eventually`], with a deadline of its own.
pub(crate) async fn within<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
