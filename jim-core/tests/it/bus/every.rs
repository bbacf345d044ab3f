//! What holds for every bus over a server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jim_core::bus::{Delivery, Topic};
use jim_core::id::UserId;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::{DEADLINE, Node, open_bounded, prefix, room, rooms};

macro_rules! for_every_kind {
    ($($name:ident $variable:literal)+) => {
        $(
            mod $name {
                crate::bus::every::cases! { $variable }
            }
        )+
    };
}

macro_rules! cases {
    ($variable:literal) => { crate::bus::every::cases! { $variable:
        two_buses_hear_each_other_in_order
        only_what_was_subscribed_is_heard
        what_was_unsubscribed_is_heard_no_more
        of_two_who_change_their_mind_the_last_word_counts
        a_thousand_topics_are_subscribed_at_once
        systems_with_other_prefixes_do_not_hear_each_other
        a_flood_comes_whole_and_in_order
        a_hub_that_is_slow_is_told_of_a_gap
    } };
    ($variable:literal: $($case:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::bus::every::$case(&crate::bus::url($variable)).await;
            }
        )+
    };
}
use cases;

for_every_kind! {
    redis "JIM_TEST_REDIS"
    sentinel "JIM_TEST_REDIS_SENTINEL"
    cluster "JIM_TEST_REDIS_CLUSTER"
    rabbitmq "JIM_TEST_RABBITMQ"
}

fn bytes(n: usize) -> Bytes {
    Bytes::from(n.to_string())
}

async fn two_buses_hear_each_other_in_order(url: &str) {
    let prefix = prefix();
    let (mut a, mut b) = (Node::connect(url, &prefix).await, Node::connect(url, &prefix).await);
    let topics = [Topic::Nodes, Topic::User(UserId(7)), room(1)];
    for node in [&a, &b] {
        node.bus.subscribe(&topics).await.unwrap();
        assert!(node.bus.is_up());
    }
    for n in 0..100 {
        for topic in topics {
            a.bus.publish(topic, bytes(n)).await.unwrap();
        }
    }
    for node in [&mut a, &mut b] {
        let mut heard = Vec::new();
        while heard.len() < 300 {
            heard.push(node.frame().await);
        }
        for topic in topics {
            let of: Vec<_> = heard.iter().filter(|(of, _)| *of == topic).map(|(_, frame)| frame.clone()).collect();
            assert_eq!(of, (0..100).map(bytes).collect::<Vec<_>>(), "{topic}");
        }
    }
}

async fn only_what_was_subscribed_is_heard(url: &str) {
    let mut node = Node::connect(url, &prefix()).await;
    node.bus.subscribe(&[room(1)]).await.unwrap();
    for topic in [room(2), room(1), room(3), room(1)] {
        node.bus.publish(topic, bytes(0)).await.unwrap();
    }
    assert_eq!([node.frame().await.0, node.frame().await.0], [room(1), room(1)]);
    assert!(timeout(Duration::from_millis(200), node.deliveries.recv()).await.is_err());
}

async fn what_was_unsubscribed_is_heard_no_more(url: &str) {
    let mut node = Node::connect(url, &prefix()).await;
    node.bus.subscribe(&[room(1), room(2)]).await.unwrap();
    node.bus.unsubscribe(&[room(1)]).await.unwrap();
    let end = Instant::now() + DEADLINE;
    loop {
        // A frame may still be on its way when the word is given.
        for topic in [room(1), room(2)] {
            node.bus.publish(topic, bytes(0)).await.unwrap();
        }
        let mut heard = HashSet::from([node.frame().await.0]);
        while let Ok(Some(Delivery::Frame(topic, _))) =
            timeout(Duration::from_millis(200), node.deliveries.recv()).await
        {
            heard.insert(topic);
        }
        if heard == HashSet::from([room(2)]) {
            return;
        }
        assert!(Instant::now() < end, "{heard:?}");
    }
}

async fn of_two_who_change_their_mind_the_last_word_counts(url: &str) {
    let mut node = Node::connect(url, &prefix()).await;
    let all = rooms(50);
    for _ in 0..50 {
        node.bus.subscribe(&all).await.unwrap();
        node.bus.unsubscribe(&all).await.unwrap();
    }
    node.bus.subscribe(&all).await.unwrap();
    for topic in &all {
        node.bus.publish(*topic, bytes(0)).await.unwrap();
    }
    let mut heard = HashSet::new();
    while heard.len() < all.len() {
        heard.insert(node.frame().await.0);
    }
}

async fn a_thousand_topics_are_subscribed_at_once(url: &str) {
    let mut node = Node::connect(url, &prefix()).await;
    let all = rooms(1000);
    let start = Instant::now();
    node.bus.subscribe(&all).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    for topic in &all {
        node.bus.publish(*topic, bytes(0)).await.unwrap();
    }
    let mut heard = HashSet::new();
    while heard.len() < all.len() {
        heard.insert(node.frame().await.0);
    }
}

async fn systems_with_other_prefixes_do_not_hear_each_other(url: &str) {
    let (mut a, b) = (Node::connect(url, &prefix()).await, Node::connect(url, &prefix()).await);
    for node in [&a, &b] {
        node.bus.subscribe(&[room(1)]).await.unwrap();
    }
    b.bus.publish(room(1), bytes(0)).await.unwrap();
    assert!(timeout(Duration::from_millis(200), a.deliveries.recv()).await.is_err());
}

async fn a_flood_comes_whole_and_in_order(url: &str) {
    const MANY: usize = 100_000;
    let mut node = Node::connect(url, &prefix()).await;
    let topics = rooms(10);
    node.bus.subscribe(&topics).await.unwrap();
    let bus = node.bus.clone();
    // A server that is given no end of frames holds up who gives them.
    let ahead = Arc::new(Semaphore::new(20_000));
    let room_for_more = ahead.clone();
    let writer = tokio::spawn(async move {
        for n in 0..MANY {
            ahead.acquire().await.unwrap().forget();
            bus.publish(topics[n % 10], Bytes::from(format!("{n:0300}"))).await.unwrap();
        }
    });
    let mut next: Vec<usize> = (0..10).collect();
    for _ in 0..MANY {
        let Delivery::Frame(topic, frame) = node.next().await else { panic!("a gap") };
        let n: usize = std::str::from_utf8(&frame).unwrap().parse().unwrap();
        assert_eq!((n, topic), (next[n % 10], room(i64::try_from(n % 10).unwrap() + 1)));
        next[n % 10] += 10;
        room_for_more.add_permits(1);
    }
    writer.await.unwrap();
}

async fn a_hub_that_is_slow_is_told_of_a_gap(url: &str) {
    const MANY: usize = 5000;
    let prefix = prefix();
    let mut slow = Node::on(open_bounded(url, &prefix, 100_000).await);
    let mut quick = Node::connect(url, &prefix).await;
    for node in [&slow, &quick] {
        node.bus.subscribe(&[room(1)]).await.unwrap();
    }
    let end = Instant::now() + DEADLINE;
    let (mut sent, mut frames, mut gaps) = (0, 0, 0);
    while gaps == 0 {
        assert!(Instant::now() < end, "{frames} frames of {sent}, and no gap");
        for n in 0..MANY {
            quick.bus.publish(room(1), Bytes::from(format!("{n:0300}"))).await.unwrap();
        }
        sent += MANY;
        for _ in 0..MANY {
            quick.frame().await;
        }
        while let Ok(delivery) = timeout(Duration::from_millis(200), slow.deliveries.recv()).await {
            match delivery.unwrap() {
                Delivery::Frame(..) => frames += 1,
                Delivery::Gap => gaps += 1,
            }
        }
    }
    assert!(frames < sent, "what did not fit was dropped");
    slow.heard(&*quick.bus, room(1)).await;
}
