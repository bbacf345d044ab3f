//! A master that sentinels choose.

use jim_core::bus::redis::{RedisBus, RedisOptions};

use super::server::{Server, until};
use crate::bus::{Node, prefix, room, rooms};

struct Watched {
    /// The first is the master in the beginning.
    servers: [Server; 2],
    sentinels: [Server; 3],
}

impl Watched {
    fn start() -> Watched {
        let master = Server::start(&[]);
        let port = master.port.to_string();
        let replica = Server::start(&["--replicaof", "127.0.0.1", &port]);
        until("the replica follows", || master.says(&["info", "replication"]).contains("state=online"));
        let sentinels = std::array::from_fn(|_| Server::sentinel(master.port));
        for sentinel in &sentinels {
            until("the sentinels know each other", || {
                let words = sentinel.says(&["sentinel", "master", "jim"]);
                let words: Vec<_> = words.lines().collect();
                let is = |name, count| words.windows(2).any(|pair| pair == [name, count]);
                is("num-other-sentinels", "2") && is("num-slaves", "1")
            });
        }
        Watched { servers: [master, replica], sentinels }
    }

    fn url(&self) -> String {
        let hosts = self.sentinels.each_ref().map(|sentinel| format!("127.0.0.1:{}", sentinel.port));
        format!("redis+sentinel://{}/jim", hosts.join(","))
    }

    fn until_master(&self, port: u16) {
        for sentinel in &self.sentinels {
            until("the master is another", || {
                sentinel.says(&["sentinel", "get-master-addr-by-name", "jim"]).contains(&port.to_string())
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_change_of_the_master_is_followed() {
    let watched = Watched::start();
    let prefix = prefix();
    let (mut a, mut b) = (Node::connect(&watched.url(), &prefix).await, Node::connect(&watched.url(), &prefix).await);
    for node in [&a, &b] {
        node.bus.subscribe(&rooms(20)).await.unwrap();
    }
    until("a failover begins", || watched.sentinels[0].says(&["sentinel", "failover", "jim"]).contains("OK"));
    watched.until_master(watched.servers[1].port);
    for node in [&mut a, &mut b] {
        node.gap().await;
        node.until_up(true).await;
    }
    // Both are at the new master, where the old one's end is no loss.
    let mut watched = watched;
    watched.servers[0].kill();
    for topic in rooms(20) {
        b.heard(&*a.bus, topic).await;
        a.heard(&*b.bus, topic).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced() {
    let mut watched = Watched::start();
    let prefix = prefix();
    let (mut a, b) = (Node::connect(&watched.url(), &prefix).await, Node::connect(&watched.url(), &prefix).await);
    a.bus.subscribe(&[room(1)]).await.unwrap();
    watched.servers[0].kill();
    a.until_up(false).await;
    a.gap().await;
    a.until_up(true).await;
    a.heard(&*b.bus, room(1)).await;
    assert!(watched.servers[1].says(&["role"]).contains("master"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_no_sentinel_knows_is_said() {
    let watched = Watched::start();
    let url = watched.url().replace("/jim", "/other");
    let error = RedisBus::connect(&url, RedisOptions::default()).await.err().unwrap().to_string();
    assert!(error.contains("under the name other"), "{error}");
    // One sentinel that answers is enough.
    let mut watched = watched;
    watched.sentinels[0].kill();
    watched.sentinels[1].kill();
    RedisBus::connect(&watched.url(), RedisOptions::default()).await.unwrap();
}
