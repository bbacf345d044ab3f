//! Every adapter of what nodes share under its contract.

use std::sync::Arc;

use jim_core::store::local::LocalCounters;
use jim_core::store::memory::MemoryPresence;
use jim_core::store::redis::RedisShared;
use jim_core::testkit::shared::{SHARED_CASES, Shared};

use crate::bus::{prefix, url};

async fn in_memory() -> Shared {
    Shared { presence: Arc::new(MemoryPresence::default()), counters: Arc::new(LocalCounters::default()) }
}

async fn on_redis(variable: &str) -> Shared {
    let shared = RedisShared::connect(&url(variable), &prefix()).await.unwrap();
    assert!(shared.is_up());
    Shared { presence: shared.clone(), counters: shared }
}

async fn on_one() -> Shared {
    on_redis("JIM_TEST_REDIS").await
}

async fn on_sentinel() -> Shared {
    on_redis("JIM_TEST_REDIS_SENTINEL").await
}

async fn on_cluster() -> Shared {
    on_redis("JIM_TEST_REDIS_CLUSTER").await
}

jim_core::shared_contract!(memory, in_memory);
jim_core::shared_contract!(redis, on_one);
jim_core::shared_contract!(redis_sentinel, on_sentinel);
jim_core::shared_contract!(redis_cluster, on_cluster);

#[test]
fn every_case_that_is_written_is_in_the_list() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testkit/shared");
    let mut written = Vec::new();
    for noun in ["presence", "counters"] {
        let text = std::fs::read_to_string(format!("{folder}/{noun}.rs")).unwrap();
        let cases = text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next());
        written.extend(cases.map(|case| format!("{noun}::{case}")));
    }
    assert_eq!(SHARED_CASES, written);
}
