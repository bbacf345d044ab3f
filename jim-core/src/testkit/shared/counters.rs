use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use crate::repo::{Noted, Rate, Taken};
use crate::testkit::fixtures::at_once;

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
    let taken = at_once((0..60).map(|_| {
        let counters = shared.counters.clone();
        async move { counters.take("key", rate(25, HOUR)).await.unwrap() }
    }));
    assert_eq!(taken.await.into_iter().filter(|taken| *taken == Taken::Ok).count(), 25);
}

pub async fn another_rate_makes_nobody_wait_longer_than_it_does_itself(shared: &Shared) {
    take(shared, "key", rate(1, HOUR), 1).await;
    let second = Duration::from_secs(1);
    let wait = wait(shared, "key", rate(10, second)).await;
    assert!(wait <= second / 10, "{wait:?}");
}

pub async fn of_60_who_note_at_once_each_is_told_another_count(shared: &Shared) {
    let noted = at_once((0..60).map(|_| {
        let counters = shared.counters.clone();
        async move { counters.note("key", HOUR).await.unwrap().count }
    }));
    let mut counts = noted.await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=60).collect::<Vec<_>>());
}

async fn count(shared: &Shared, key: &str) -> u32 {
    shared.counters.noted(key).await.unwrap().count
}

pub async fn notes_of_a_key_are_its_own_and_can_be_taken_back_and_forgotten(shared: &Shared) {
    take(shared, "one", rate(1, HOUR), 1).await;
    assert_eq!(shared.counters.noted("one").await.unwrap(), Noted::default());
    shared.counters.take_back("one", Noted::default()).await.unwrap();
    shared.counters.forget("one").await.unwrap();
    for n in 1..=3 {
        assert_eq!(shared.counters.note("one", HOUR).await.unwrap().count, n);
    }
    assert_eq!(shared.counters.note("two", HOUR).await.unwrap().count, 1);
    shared.counters.take_back("one", Noted::default()).await.unwrap();
    assert_eq!((count(shared, "one").await, count(shared, "two").await), (2, 1));
    shared.counters.take_back("two", Noted::default()).await.unwrap();
    shared.counters.take_back("two", Noted::default()).await.unwrap();
    shared.counters.forget("one").await.unwrap();
    assert_eq!((count(shared, "one").await, count(shared, "two").await), (0, 0));
    wait(shared, "one", rate(1, HOUR)).await;
}

pub async fn notes_last_as_long_as_the_last_one_says(shared: &Shared) {
    let second = Duration::from_secs(1);
    shared.counters.note("key", HOUR).await.unwrap();
    let noted = shared.counters.note("key", second).await.unwrap();
    assert_eq!((noted.count, noted.left), (2, second));
    shared.counters.note("taken", second).await.unwrap();
    shared.counters.note("taken", second).await.unwrap();
    let before = shared.counters.noted("taken").await.unwrap();
    shared.counters.note("taken", HOUR).await.unwrap();
    shared.counters.take_back("taken", before).await.unwrap();
    let noted = shared.counters.noted("taken").await.unwrap();
    assert!(noted.count <= 2 && noted.left <= second, "{noted:?}");
    shared.counters.note("beside", HOUR).await.unwrap();
    shared.counters.note("beside", HOUR).await.unwrap();
    shared.counters.take_back("beside", Noted::default()).await.unwrap();
    let noted = shared.counters.noted("beside").await.unwrap();
    assert!(noted.count == 1 && noted.left > second, "what came meanwhile keeps its own end: {noted:?}");
    super::eventually("they are forgotten", || async {
        count(shared, "key").await == 0 && count(shared, "taken").await == 0
    })
    .await;
}
