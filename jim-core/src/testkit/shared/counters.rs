use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::time::Instant;

use super::Shared;
use crate::repo::{Rate, Taken};

fn rate(count: u32, per: Duration) -> Rate {
    Rate { count: NonZeroU32::new(count).unwrap(), per }
}

const HOUR: Duration = Duration::from_hours(1);

async fn wait(shared: &Shared, key: &str, rate: Rate) -> Duration {
    match shared.counters.take(key, rate).await.unwrap() {
        Taken::Wait(wait) => wait,
        Taken::Ok => panic!("{key} was taken"),
    }
}

async fn take(shared: &Shared, key: &str, rate: Rate, times: u32) {
    for n in 0..times {
        assert_eq!(shared.counters.take(key, rate).await.unwrap(), Taken::Ok, "{key}, the {n}th");
    }
}

pub async fn the_whole_count_is_taken_at_once_and_the_next_is_told_when(shared: &Shared) {
    for count in [1, 2, 7, 30] {
        let (key, rate) = (format!("send:{count}"), rate(count, HOUR));
        take(shared, &key, rate, count).await;
        let wait = wait(shared, &key, rate).await;
        let share = HOUR / count;
        assert!(wait <= share && wait + Duration::from_secs(20) > share, "{wait:?} of {share:?}");
    }
}

pub async fn who_waits_as_long_as_told_gets_the_next(shared: &Shared) {
    let rate = rate(3, Duration::from_millis(1500));
    take(shared, "key", rate, 3).await;
    let start = Instant::now();
    for _ in 0..2 {
        tokio::time::sleep(wait(shared, "key", rate).await + Duration::from_millis(1)).await;
        take(shared, "key", rate, 1).await;
    }
    assert!(start.elapsed() >= Duration::from_millis(700), "two shares have passed: {:?}", start.elapsed());
    tokio::time::sleep(Duration::from_millis(1600)).await;
    take(shared, "key", rate, 3).await;
    wait(shared, "key", rate).await;
}

pub async fn a_refusal_costs_nothing(shared: &Shared) {
    let rate = rate(1, HOUR);
    take(shared, "key", rate, 1).await;
    let first = wait(shared, "key", rate).await;
    for _ in 0..20 {
        assert!(wait(shared, "key", rate).await <= first);
    }
}

pub async fn keys_have_budgets_of_their_own(shared: &Shared) {
    let rate = rate(1, HOUR);
    for key in ["login:10.0.0.1", "login:10.0.0.2", "send:1", "login:2001:db8::/64", ""] {
        take(shared, key, rate, 1).await;
        wait(shared, key, rate).await;
    }
}

pub async fn of_60_who_take_at_once_as_many_get_one_as_there_are(shared: &Shared) {
    let start = Arc::new(Barrier::new(60));
    let tasks: Vec<_> = (0..60)
        .map(|_| {
            let (counters, start) = (shared.counters.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                counters.take("key", rate(25, HOUR)).await.unwrap()
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += u32::from(task.await.unwrap() == Taken::Ok);
    }
    assert_eq!(taken, 25);
}

pub async fn another_rate_makes_nobody_wait_longer_than_it_does_itself(shared: &Shared) {
    take(shared, "key", rate(1, HOUR), 1).await;
    let second = Duration::from_secs(1);
    let wait = wait(shared, "key", rate(10, second)).await;
    assert!(wait <= second / 10, "{wait:?}");
}
