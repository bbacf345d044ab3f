//! What holds for any sequence of calls.

mod friends;
mod groups;
mod paging;
mod unread;

use proptest::test_runner::Config;

/// So many cases, or as many times more as `JIM_PROPERTY_FACTOR` says.
fn cases(count: u32) -> Config {
    let factor = std::env::var("JIM_PROPERTY_FACTOR").map_or(1, |factor| factor.parse().expect("a number"));
    Config { cases: count * factor, max_shrink_iters: 400, failure_persistence: None, ..Config::default() }
}

/// One thread for one case.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
