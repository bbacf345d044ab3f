//! B8 and B10: what a message costs the bus, and whom it reaches in vain.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use jim_core::id::RoomId;
use tokio::time::{Instant, sleep};

use crate::bars::groups::SIZES;
use crate::cluster::Cluster;
use crate::counting::Node;
use crate::crowd::Crowd;
use crate::report::{Bar, Report, Row, Unit};
use crate::sockets::Receivers;
use crate::{Res, float};

/// Messages to each group.
const MESSAGES: u64 = 100;
/// How long frames may be on their way to a node.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long is waited for frames that must not come.
const QUIET: Duration = Duration::from_millis(500);

/// What the messages to one group came to.
struct Round {
    published: f64,
    bytes: f64,
    heard: u64,
}

pub(super) async fn measure(cluster: &Cluster, report: &mut Report) -> Res<()> {
    let node = Node::start(cluster).await?;
    let [(members, _), (few, _)] = SIZES;
    // The small one first: people of both then have numbers of as many digits.
    let [small, great] = cluster.plant("bus", [SIZES[1], SIZES[0]]).await?;
    let (small, great) = (round(cluster, &node, &small).await?, round(cluster, &node, &great).await?);
    let where_ = cluster.logs.name();
    let mut row = |id, what: String, [figure, control]: [String; 2], value, unit, wanted| {
        let bar = Bar::Exactly(wanted);
        report.row(Row { id, what: format!("{what}, {where_}"), figure, control, value, unit, bar });
    };
    let publishes = [great.published, small.published].map(|count| format!("{count:.2}"));
    let what = format!("publishes of a message, group of {members}, against a group of {few}");
    row("B8", what, publishes, great.published, Unit::Plain(2), 1.0);
    let bytes = [great.bytes, small.bytes].map(|bytes| format!("{bytes:.1} B"));
    let what = format!("bytes of a message on the bus, group of {members}, against a group of {few}");
    row("B8", what, bytes, great.bytes / small.bytes, Unit::Times, 1.0);

    let there = attached(cluster, &node).await?;
    let what = format!("frames of {} messages at a node with nobody of the room, against one listener", 2 * MESSAGES);
    let heard = great.heard + small.heard;
    row("B10", what, [heard.to_string(), format!("{there} of {MESSAGES}")], float(heard), Unit::Plain(0), 0.0);
    Ok(())
}

/// Sends from a node where nobody listens to a group whose members listen at the others.
async fn round(cluster: &Cluster, node: &Node, crowd: &Crowd) -> Res<Round> {
    let mut receivers = Receivers::default();
    receivers.open_at(&cluster.nodes, &crowd.tokens).await?;
    let read = || [&node.counts.published, &node.counts.bytes, &node.counts.heard].map(|count| count.load(Relaxed));
    let before = read();
    send(node, crowd).await?;
    receivers.all(MESSAGES).await?;
    sleep(QUIET).await;
    let [published, bytes, heard] = std::array::from_fn(|place| read()[place] - before[place]);
    Ok(Round { published: float(published) / float(MESSAGES), bytes: float(bytes) / float(MESSAGES), heard })
}

/// Frames that reach the node once it has a listener, which shows that they are counted.
async fn attached(cluster: &Cluster, node: &Node) -> Res<u64> {
    let [crowd] = cluster.plant("attached", [(10, 1)]).await?;
    let caller = node.jim.sessions().authenticate(&crowd.tokens[0]).await?;
    let listener = node.jim.hub().attach(caller.user, caller.session).await?;
    let _listener = listener.map_err(|_| "a listener is refused")?;
    let before = node.counts.heard.load(Relaxed);
    send(node, &crowd).await?;
    let began = Instant::now();
    loop {
        let heard = node.counts.heard.load(Relaxed) - before;
        if heard >= MESSAGES {
            return Ok(heard);
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("a node with a listener hears {heard} of {MESSAGES} messages").into());
        }
        sleep(QUIET).await;
    }
}

async fn send(node: &Node, crowd: &Crowd) -> Res<()> {
    let room: RoomId = crowd.room.parse().map_err(|_| "not a room")?;
    for _ in 0..MESSAGES {
        node.send(&crowd.tokens[0], room).await?;
    }
    Ok(())
}
