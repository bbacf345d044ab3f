//! One server that is killed, frozen or wrong.

use std::time::Duration;

use bytes::Bytes;
use jim_core::bus::Topic;
use jim_core::bus::rabbitmq::{RabbitBus, RabbitOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::server::{Server, free_port};
use crate::bus::{DEADLINE, Node, prefix, room, rooms, url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_again_after_the_bus_was_killed() {
    let mut server = Server::start().await;
    let prefix = prefix();
    let mut listener = Node::connect(&server.url(), &prefix).await;
    listener.bus.subscribe(&rooms(1500)).await.unwrap();
    server.kill();
    listener.until_up(false).await;
    // Long enough for whoever counts his tries to give up.
    tokio::time::sleep(Duration::from_secs(10)).await;
    server.restart().await;
    // The listener sends nothing by itself. Others may come back a little later than it does.
    listener.gap().await;
    assert!(listener.bus.is_up());
    listener.gap().await;
    let speaker = Node::connect(&server.url(), &prefix).await;
    for topic in rooms(1500) {
        speaker.bus.publish(topic, Bytes::new()).await.unwrap();
    }
    for topic in rooms(1500) {
        assert_eq!(listener.frame().await.0, topic);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_bus_is_dead_nobody_waits_and_the_own_node_hears_itself() {
    let mut server = Server::start().await;
    let mut node = Node::connect(&server.url(), &prefix()).await;
    node.bus.subscribe(&[room(1)]).await.unwrap();
    server.kill();
    node.until_mute().await;
    let start = Instant::now();
    for n in 0..100 {
        let frame = Bytes::from(format!("{n}"));
        assert!(node.bus.publish(room(1), frame.clone()).await.is_err());
        assert_eq!(node.frame().await, (room(1), frame));
    }
    assert!(node.bus.subscribe(&[room(2)]).await.is_err());
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    // What was wanted meanwhile is heard when the server is back.
    server.restart().await;
    node.gap().await;
    let bus = node.bus.clone();
    for topic in [room(1), room(2)] {
        node.heard(&*bus, topic).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_holds_nobody_up_for_long_and_is_heard_again_when_it_thaws() {
    let server = Server::start().await;
    let mut node = Node::connect(&server.url(), &prefix()).await;
    node.bus.subscribe(&[Topic::Nodes]).await.unwrap();
    server.signal("STOP");
    let mut slowest = Duration::ZERO;
    let end = Instant::now() + Duration::from_secs(6);
    while Instant::now() < end {
        let start = Instant::now();
        let _ = node.bus.publish(Topic::Nodes, Bytes::from_static(b"x")).await;
        slowest = slowest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(slowest <= Duration::from_secs(1), "{slowest:?}");
    assert!(!node.bus.is_up());
    let start = Instant::now();
    assert!(node.bus.publish(Topic::Nodes, Bytes::new()).await.is_err());
    assert!(start.elapsed() < Duration::from_millis(200));
    // It accepts connections without a word all the while, and tries must not pile up.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(server.connections() <= 4, "{}", server.connections());
    server.signal("CONT");
    node.gap().await;
    node.until_up(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_said_in_one_line_without_the_password() {
    let shared = url("JIM_TEST_RABBITMQ");
    let (login, place) = shared.strip_prefix("amqp://").unwrap().split_once('@').unwrap();
    let (host, vhost) = place.split_once('/').unwrap();
    let web_port = super::server::listener(async |mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    })
    .await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (dead, silent_port) = (free_port(), silent.local_addr().unwrap().port());
    let long = RabbitOptions { prefix: "x".repeat(253), ..RabbitOptions::default() };
    for (url, options, said) in [
        (format!("amqp://jim:geheim@{host}/{vhost}"), None, "refuses the user name or the password"),
        (format!("amqp://geheim:geheim@{host}/{vhost}"), None, "refuses the user name or the password"),
        (format!("amqp://{login}@{host}/nowhere"), None, "has no virtual host \"nowhere\""),
        (format!("amqp://{login}@{host}/{vhost}"), Some(long), "takes no prefix that is this long"),
        (format!("amqp://x:geheim@127.0.0.1:{dead}"), None, "cannot be reached: connection refused"),
        (format!("amqp://x:geheim@no-such-host.invalid:{dead}"), None, "cannot be reached"),
        (format!("amqp://x:geheim@127.0.0.1:{web_port}"), None, "does not speak as RabbitMQ does"),
        (format!("amqp://x:geheim@127.0.0.1:{silent_port}"), None, "cannot be reached: no answer in time"),
        (format!("amqps://x:geheim@{host}/{vhost}"), None, "cannot be reached: TLS fails"),
        ("geheim://127.0.0.1".to_owned(), None, "not the URL of a RabbitMQ"),
    ] {
        let error = RabbitBus::connect(&url, options.unwrap_or_default()).await.err().expect(&url).to_string();
        let shown = url.replace("geheim", "…");
        assert!(error.contains(said) && !error.contains('\n') && !error.contains("geheim"), "{shown}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_is_dropped_leaves_no_connection() {
    let server = Server::start().await;
    let node = Node::connect(&server.url(), &prefix()).await;
    node.bus.subscribe(&rooms(3)).await.unwrap();
    node.bus.publish(room(1), Bytes::new()).await.unwrap();
    assert_eq!(server.connections(), 2, "one to speak and one to listen");
    drop(node);
    let end = Instant::now() + DEADLINE;
    while server.connections() > 0 {
        assert!(Instant::now() < end, "both are gone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
