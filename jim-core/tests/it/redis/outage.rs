//! One server that is killed, frozen or wrong.

use std::time::Duration;

use bytes::Bytes;
use jim_core::bus::Topic;
use jim_core::bus::redis::{RedisBus, RedisOptions};
use tokio::time::Instant;

use super::server::{Server, free_port, until};
use crate::bus::{Node, prefix, room, rooms};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_again_after_the_bus_was_killed() {
    let mut server = Server::start(&[]);
    let prefix = prefix();
    let mut listener = Node::connect(&server.url(), &prefix).await;
    listener.bus.subscribe(&rooms(1500)).await.unwrap();
    server.kill();
    listener.until_up(false).await;
    // Long enough for whoever counts his tries to give up.
    tokio::time::sleep(Duration::from_secs(10)).await;
    server.restart();
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
    let mut server = Server::start(&[]);
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
    server.restart();
    node.gap().await;
    let bus = node.bus.clone();
    for topic in [room(1), room(2)] {
        node.heard(&*bus, topic).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_first_wanted_while_the_bus_was_dead_is_told_as_a_gap() {
    let mut server = Server::start(&[]);
    let mut node = Node::connect(&server.url(), &prefix()).await;
    server.kill();
    node.until_up(false).await;
    assert!(node.bus.subscribe(&[room(1)]).await.is_err());
    server.restart();
    node.gap().await;
    let bus = node.bus.clone();
    node.heard(&*bus, room(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_holds_nobody_up_for_long_and_is_heard_again_when_it_thaws() {
    let server = Server::start(&[]);
    let mut node = Node::connect(&server.url(), &prefix()).await;
    node.bus.subscribe(&[Topic::Nodes]).await.unwrap();
    server.signal("STOP");
    let mut slowest = Duration::ZERO;
    let end = Instant::now() + Duration::from_secs(3);
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
    // Nobody speaks now: the beat alone must find that the listening side is cut off.
    tokio::time::sleep(Duration::from_secs(5)).await;
    server.signal("CONT");
    node.gap().await;
    node.until_up(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_said_in_one_line_without_the_password() {
    let server = Server::start(&["--requirepass", "richtig"]);
    let clustered = Server::start(&["--cluster-enabled", "yes", "--cluster-port", &free_port().to_string()]);
    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let web_port = web.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = web.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, cluster, dead, silent_port) =
        (server.port, clustered.port, free_port(), silent.local_addr().unwrap().port());
    for (url, said) in [
        (format!("redis://:geheim@127.0.0.1:{port}"), "refuses the user name or the password"),
        (format!("redis://geheim:geheim@127.0.0.1:{port}"), "refuses the user name or the password"),
        (format!("redis://127.0.0.1:{port}"), "refuses the user name or the password"),
        (format!("redis://:geheim@127.0.0.1:{dead}"), "cannot be reached: connection refused"),
        (format!("redis://:geheim@no-such-host.invalid:{dead}"), "cannot be reached"),
        (format!("redis://127.0.0.1:{web_port}"), "does not speak as Redis does"),
        (format!("redis://:geheim@127.0.0.1:{silent_port}"), "cannot be reached: no answer in time"),
        (format!("redis+cluster://:richtig@127.0.0.1:{port}"), "is no node of a cluster"),
        (format!("redis://127.0.0.1:{cluster}"), "is a node of a cluster"),
        (format!("redis+sentinel://:geheim@127.0.0.1:{dead}/jim"), "cannot be reached: connection refused"),
        (format!("geheim://127.0.0.1:{port}"), "not the URL of a Redis"),
    ] {
        let error = RedisBus::connect(&url, RedisOptions::default()).await.err().expect(&url).to_string();
        let shown = url.replace("geheim", "…");
        assert!(error.contains(said) && !error.contains('\n') && !error.contains("geheim"), "{shown}: {error}");
    }
    let login = format!("redis://:richtig@127.0.0.1:{port}");
    RedisBus::connect(&login, RedisOptions::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_is_dropped_leaves_no_connection() {
    let server = Server::start(&[]);
    let connections = || server.says(&["client", "list"]).lines().count();
    assert_eq!(connections(), 1, "the one that asks");
    let node = Node::connect(&server.url(), &prefix()).await;
    node.bus.subscribe(&rooms(3)).await.unwrap();
    node.bus.publish(room(1), Bytes::new()).await.unwrap();
    assert_eq!(connections(), 3, "one to speak and one to listen");
    drop(node);
    until("both are gone", || connections() == 1);
}
