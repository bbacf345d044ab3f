use std::time::Duration;

use tokio::time::Instant;

use super::{Shared, eventually};
use crate::id::UserId;
use crate::testkit::fixtures::at_once;

const LONG: Duration = Duration::from_mins(1);

fn people(count: i64) -> Vec<UserId> {
    (1..=count).map(UserId).collect()
}

pub async fn who_was_said_to_be_connected_is_online(shared: &Shared) {
    let presence = &shared.presence;
    let all = people(3);
    assert_eq!(presence.online(&all).await.unwrap(), [false; 3]);
    assert_eq!(presence.beat("a", &all[..2], LONG).await.unwrap(), all[..2], "both are new");
    assert_eq!(presence.online(&all).await.unwrap(), [true, true, false]);
    assert_eq!(presence.online(&[all[2], all[0]]).await.unwrap(), [false, true], "in the order asked");
    assert_eq!(presence.beat("a", &all, LONG).await.unwrap(), all[2..], "one is new");
    assert_eq!(presence.leave("a", &all[..1]).await.unwrap(), all[..1]);
    assert_eq!(presence.online(&all).await.unwrap(), [false, true, true]);
    assert!(presence.online(&[]).await.unwrap().is_empty() && presence.beat("a", &[], LONG).await.unwrap().is_empty());
}

pub async fn who_is_connected_to_two_nodes_is_online_until_both_are_gone(shared: &Shared) {
    let (presence, all) = (&shared.presence, people(1));
    assert_eq!(presence.beat("a", &all, LONG).await.unwrap(), all);
    assert!(presence.beat("b", &all, LONG).await.unwrap().is_empty());
    assert!(presence.leave("a", &all).await.unwrap().is_empty());
    assert_eq!(presence.online(&all).await.unwrap(), [true]);
    assert_eq!(presence.leave("b", &all).await.unwrap(), all);
    assert_eq!(presence.online(&all).await.unwrap(), [false]);
}

pub async fn who_leaves_twice_or_was_never_there_is_gone_once(shared: &Shared) {
    let (presence, all) = (&shared.presence, people(1));
    assert!(presence.leave("a", &all).await.unwrap().is_empty());
    presence.beat("a", &all, LONG).await.unwrap();
    assert!(presence.leave("b", &all).await.unwrap().is_empty(), "another node knows nothing of it");
    assert_eq!(presence.leave("a", &all).await.unwrap(), all);
    assert!(presence.leave("a", &all).await.unwrap().is_empty());
    assert_eq!(presence.beat("b", &all, LONG).await.unwrap(), all, "nobody is owed a departure");
    assert_eq!(presence.online(&all).await.unwrap(), [true]);
}

pub async fn what_a_silent_node_said_ends_by_itself(shared: &Shared) {
    let (presence, all) = (&shared.presence, people(2));
    let start = Instant::now();
    presence.beat("silent", &all, Duration::from_millis(600)).await.unwrap();
    presence.beat("b", &all[1..], LONG).await.unwrap();
    eventually("the silent node's people are gone", async || presence.online(&all).await.unwrap() == [false, true])
        .await;
    assert!(start.elapsed() >= Duration::from_millis(590), "{:?}", start.elapsed());
    assert!(presence.leave("silent", &all[..1]).await.unwrap().is_empty(), "it has ended already");
    assert_eq!(presence.leave("b", &all[1..]).await.unwrap(), all[1..], "the silent node holds nobody");
    assert_eq!(presence.online(&all).await.unwrap(), [false, false]);
}

pub async fn a_beat_is_worth_its_own_time_whatever_was_said_before(shared: &Shared) {
    let (presence, all) = (&shared.presence, people(2));
    let short = Duration::from_millis(400);
    presence.beat("a", &all[..1], LONG).await.unwrap();
    presence.beat("a", &all[..1], short).await.unwrap();
    presence.beat("a", &all[1..], short).await.unwrap();
    presence.beat("a", &all[1..], LONG).await.unwrap();
    eventually("the shorter word counts", async || presence.online(&all).await.unwrap() == [false, true]).await;
    tokio::time::sleep(short).await;
    assert_eq!(presence.online(&all).await.unwrap(), [false, true]);
}

pub async fn a_thousand_people_are_one_call(shared: &Shared) {
    let (presence, all) = (&shared.presence, people(1000));
    assert_eq!(presence.beat("a", &all, LONG).await.unwrap(), all);
    assert_eq!(presence.online(&all).await.unwrap(), [true; 1000]);
    assert_eq!(presence.leave("a", &all).await.unwrap(), all);
    assert_eq!(presence.online(&all).await.unwrap(), [false; 1000]);
}

pub async fn of_20_nodes_that_say_it_at_once_one_is_first_and_one_is_last(shared: &Shared) {
    let all = people(1);
    for leaving in [false, true] {
        let turned = at_once((0..20).map(|n| {
            let (presence, all) = (shared.presence.clone(), all.clone());
            async move {
                let node = format!("node-{n}");
                if leaving { presence.leave(&node, &all).await } else { presence.beat(&node, &all, LONG).await }
            }
        }));
        let turned: usize = turned.await.into_iter().map(|turned| turned.unwrap().len()).sum();
        assert_eq!(turned, 1);
        assert_eq!(shared.presence.online(&all).await.unwrap(), [!leaving]);
    }
}
