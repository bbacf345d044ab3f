//! The end of a server that was asked to stop.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Answer, Server, befriend, message};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_says_resume_ends_in_time_and_loses_nothing() {
    let mut server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let room = befriend(&ann, &ben).await;
    for round in 0..3 {
        let mut sockets = JoinSet::new();
        for person in [&ann, &ann, &ben, &ben] {
            let mut socket = person.socket().await;
            sockets.spawn(async move { socket.closed().await });
        }
        let mut senders = JoinSet::new();
        for at in 0..8 {
            let (person, path) = (ann.clone(), format!("/rooms/{room}/messages"));
            senders.spawn(async move {
                let mut acked: Vec<Value> = Vec::new();
                for number in 0.. {
                    let body = message(&format!("r{round}-{at}-{number}"), "before the end");
                    // A request that is not taken any more is cut; one that is taken is answered well.
                    let Ok(answer) = Answer::tried(person.request(reqwest::Method::POST, &path).json(&body)).await
                    else {
                        break;
                    };
                    acked.push(answer.is(201));
                }
                acked
            });
        }
        let before = ben.history(&room, "limit=1").await["last"].as_i64().unwrap();
        while ben.history(&room, "limit=1").await["last"].as_i64().unwrap() < before + 200 {
            tokio::task::yield_now().await;
        }
        let begun = Instant::now();
        server.terminate();
        let status = server.ended(Duration::from_secs(10)).await;
        assert_eq!(status.code(), Some(0), "after {:?}", begun.elapsed());
        for code in sockets.join_all().await {
            assert_eq!(code, Some(1012));
        }
        let acked: Vec<Value> = senders.join_all().await.into_iter().flatten().collect();
        server.restart().await;
        let stored = ben.whole_history(&room).await;
        assert!(acked.len() >= 200);
        for entry in acked {
            let at = usize::try_from(entry["seq"].as_i64().unwrap()).unwrap() - 1;
            assert_eq!(stored.get(at), Some(&entry), "accepted and gone");
        }
    }
}

#[tokio::test]
async fn a_stop_with_nothing_to_do_ends_at_once() {
    let mut server = Server::start().await;
    let ann = server.person("ann").await;
    let mut socket = ann.socket().await;
    server.terminate();
    assert_eq!(socket.closed().await, Some(1012));
    drop(socket);
    let status = server.ended(Duration::from_secs(5)).await;
    assert_eq!(status.code(), Some(0));
}
