//! A cluster whose slots move and whose nodes fail.

use std::collections::HashSet;
use std::process::Command;

use bytes::Bytes;

use super::server::{Server, says, until};
use crate::bus::{Node, prefix, rooms};

const TOPICS: i64 = 3000;

struct Cluster(Vec<Server>);

impl Cluster {
    fn start() -> Cluster {
        let cluster = Cluster((0..3).map(|_| Server::node()).collect());
        let mut create = vec!["create".to_owned()];
        create.extend(cluster.0.iter().map(Cluster::at));
        create.extend(["--cluster-replicas".into(), "0".into()]);
        manage(&create);
        cluster.until_ok();
        cluster
    }

    fn at(server: &Server) -> String {
        format!("127.0.0.1:{}", server.port)
    }

    fn until_ok(&self) {
        for server in &self.0 {
            until("the cluster stands", || server.says(&["cluster", "info"]).contains("cluster_state:ok"));
        }
    }

    fn id(server: &Server) -> String {
        server.says(&["cluster", "myid"]).trim().into()
    }

    fn url(&self) -> String {
        format!("redis+cluster://{}", self.0.iter().map(Cluster::at).collect::<Vec<_>>().join(","))
    }
}

fn manage(command: &[String]) {
    let output = Command::new("redis-cli").arg("--cluster").args(command).arg("--cluster-yes").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Two nodes, of which one hears topics of all slots.
async fn two(cluster: &Cluster) -> (Node, Node) {
    let prefix = prefix();
    let (a, b) = (Node::connect(&cluster.url(), &prefix).await, Node::connect(&cluster.url(), &prefix).await);
    a.bus.subscribe(&rooms(TOPICS)).await.unwrap();
    (a, b)
}

/// Every topic is heard, each at its first frame.
async fn all_are_heard(listener: &mut Node, speaker: &Node) {
    speaker.until_up(true).await;
    let frame = Bytes::from(prefix());
    for topic in rooms(TOPICS) {
        speaker.bus.publish(topic, frame.clone()).await.unwrap();
    }
    let mut heard = HashSet::new();
    while heard.len() < rooms(TOPICS).len() {
        let (topic, bytes) = listener.frame().await;
        if bytes == frame {
            heard.insert(topic);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_server_kills_are_made_again() {
    let cluster = Cluster::start();
    let (mut a, b) = two(&cluster).await;
    all_are_heard(&mut a, &b).await;
    for server in &cluster.0 {
        assert_eq!(server.says(&["client", "kill", "type", "pubsub"]).trim(), "1");
    }
    for _ in &cluster.0 {
        a.gap().await;
    }
    all_are_heard(&mut a, &b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_while_all_are_speaking_are_followed() {
    let cluster = Cluster::start();
    let (mut a, b) = two(&cluster).await;
    let [from, to, _] = cluster.0.as_slice() else { unreachable!() };
    let reshard = ["reshard", &Cluster::at(from), "--cluster-from", &Cluster::id(from), "--cluster-to"];
    let mut reshard: Vec<String> = reshard.map(str::to_owned).into();
    reshard.extend([Cluster::id(to), "--cluster-slots".into(), "200".into()]);
    let moving = tokio::task::spawn_blocking(move || manage(&reshard));
    while !moving.is_finished() {
        for topic in rooms(TOPICS) {
            let _ = b.bus.publish(topic, Bytes::new()).await;
        }
        while a.deliveries.try_recv().is_ok() {}
    }
    moving.await.unwrap();
    // One more, by hand, and alone.
    all_are_heard_soon(&mut a, &b).await;
    while a.deliveries.try_recv().is_ok() {}
    move_one(&cluster);
    a.gap().await;
    all_are_heard(&mut a, &b).await;
}

/// Moves one slot that holds a topic, as `redis-cli` does it.
fn move_one(cluster: &Cluster) {
    let [from, to, _] = cluster.0.as_slice() else { unreachable!() };
    let channels = from.says(&["pubsub", "shardchannels"]);
    let channel = channels.lines().next().expect("the first node has topics");
    let slot = from.says(&["cluster", "keyslot", channel]);
    for server in [to, from, &cluster.0[2]] {
        let said = says(server.port, &["cluster", "setslot", slot.trim(), "node", &Cluster::id(to)]);
        assert_eq!(said.trim(), "OK");
    }
}

/// As [`all_are_heard`], once what is still on its way has come.
async fn all_are_heard_soon(listener: &mut Node, speaker: &Node) {
    for topic in rooms(TOPICS) {
        listener.heard(&*speaker.bus, topic).await;
    }
    all_are_heard(listener, speaker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_killed_is_heard_when_it_is_back() {
    let mut cluster = Cluster::start();
    let (mut a, b) = two(&cluster).await;
    cluster.0[1].kill();
    a.until_up(false).await;
    b.until_up(false).await;
    cluster.0[1].restart();
    cluster.until_ok();
    a.gap().await;
    a.until_up(true).await;
    all_are_heard(&mut a, &b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_is_heard() {
    let mut cluster = Cluster::start();
    let replica = Server::node();
    let add =
        ["add-node", &Cluster::at(&replica), &Cluster::at(&cluster.0[0]), "--cluster-slave", "--cluster-master-id"];
    let mut add: Vec<String> = add.map(str::to_owned).into();
    add.push(Cluster::id(&cluster.0[0]));
    manage(&add);
    until("the replica follows", || replica.says(&["info", "replication"]).contains("master_link_status:up"));
    for server in &cluster.0 {
        until("the replica is known", || server.says(&["cluster", "slots"]).contains(&Cluster::id(&replica)));
    }
    let (mut a, b) = two(&cluster).await;
    cluster.0[0].kill();
    a.until_up(false).await;
    a.gap().await;
    a.until_up(true).await;
    all_are_heard(&mut a, &b).await;
    assert!(replica.says(&["role"]).contains("master"));
}
