//! Sends over two nodes against bare inserts of the same rows.

use std::fmt::Write as _;

use super::bare::{self, Inserted};
use crate::Res;
use crate::bars::Plan;
use crate::cluster::Cluster;
use crate::jim::Pair;
use crate::load::{self, Round};
use crate::report::{Bar, Report, Row, Unit, median, median_ratio, millis, per_second, percentile};

/// Connections of clients.
const LOADS: [usize; 2] = [64, 300];
/// Groups that the load is spread over, members of each, and those who write.
const GROUPS: usize = 100;
const SIZE: (usize, usize) = (10, 3);

/// A round, and what the databases' processes used for each of its sends, in microseconds.
struct Sent {
    round: Round,
    cpu: [f64; 2],
}

pub(super) async fn measure(plan: &Plan, cluster: &Cluster, report: &mut Report) -> Res<()> {
    let groups = cluster.plant("sends", [SIZE; GROUPS]).await?;
    // Who comes for the second time to a group is another member of it.
    let members = (0..SIZE.1).flat_map(|member| groups.iter().map(move |group| group.writer(member)));
    let members: Vec<Pair> = members.collect::<Option<_>>().ok_or("a group without writers")?;
    for (kind, writers) in [("private", &cluster.pairs), ("group", &members)] {
        for connections in LOADS {
            compare(plan, cluster, report, kind, writers, connections).await?;
        }
    }
    Ok(())
}

async fn compare(
    plan: &Plan,
    cluster: &Cluster,
    report: &mut Report,
    kind: &str,
    writers: &[Pair],
    connections: usize,
) -> Res<()> {
    let (mut sent, mut alone, mut inserted) = (Vec::new(), Vec::new(), Vec::new());
    let engine = cluster.log_engine();
    let mut links = 0;
    for _ in 0..plan.rounds {
        sent.push(round(plan, cluster, cluster.nodes.len(), writers, connections).await?);
        links = engine.connections()?.min(connections);
        inserted.push(bare::round(plan, cluster, links).await?);
        alone.push(round(plan, cluster, 1, writers, connections).await?);
    }
    let rates = |sent: &[Sent]| sent.iter().map(|sent| sent.round.rate).collect::<Vec<_>>();
    let bare: Vec<f64> = inserted.iter().map(|inserted| inserted.rate).collect();
    let where_ = cluster.logs.name();
    report.row(Row {
        id: "B21",
        what: format!(
            "{kind} sends, {connections} connections, {} nodes, {where_}, against bare inserts on the {links} connections to {}",
            cluster.nodes.len(),
            engine.name()
        ),
        figure: per_second(median(rates(&sent))),
        control: per_second(median(bare.clone())),
        value: median_ratio(&rates(&sent), &bare),
        unit: Unit::Percent,
        bar: Bar::AtLeast { must: 0.60, goal: 0.85 },
    });
    for (nodes, sent) in [(cluster.nodes.len(), &sent), (1, &alone)] {
        report.detail(detail(cluster, &format!("{kind} sends, {connections} connections, nodes: {nodes}"), sent));
    }
    let middle = |what: fn(&Inserted) -> f64| median(inserted.iter().map(what));
    let (rate, cpu) = (middle(|it| it.rate), middle(|it| it.cpu));
    report.detail(format!("bare inserts, {where_}: {}, CPU of the database {cpu:.0} µs each", per_second(rate)));
    Ok(())
}

fn detail(cluster: &Cluster, what: &str, sent: &[Sent]) -> String {
    let middle = |what: &dyn Fn(&Sent) -> f64| median(sent.iter().map(what));
    let mut text = format!(
        "{what}, {}: {}, latency {} (p99 {}), CPU of a send: nodes {:.0} µs, driver {:.0} µs, MariaDB {:.0} µs",
        cluster.logs.name(),
        per_second(middle(&|it| it.round.rate)),
        millis(middle(&|it| percentile(&it.round.times, 0.5))),
        millis(middle(&|it| percentile(&it.round.times, 0.99))),
        middle(&|it| it.round.cpu),
        middle(&|it| it.round.driver_cpu),
        middle(&|it| it.cpu[0]),
    );
    if cluster.rooms_url().is_some() {
        let _ = write!(text, ", {} {:.0} µs", cluster.log_engine().name(), middle(&|it| it.cpu[1]));
    }
    text
}

/// Sends to the first nodes, so many of them.
async fn round(plan: &Plan, cluster: &Cluster, nodes: usize, writers: &[Pair], connections: usize) -> Res<Sent> {
    let cpu = || Res::Ok([cluster.mariadb.cpu()?, cluster.log_engine().cpu()?]);
    let before = cpu()?;
    let round = load::round(&cluster.nodes[..nodes], writers, connections, plan.warm_up, plan.round).await?;
    let after = cpu()?;
    let sends = crate::float(round.sent);
    Ok(Sent { round, cpu: std::array::from_fn(|at| (after[at] - before[at]) / sends * 1e6) })
}
