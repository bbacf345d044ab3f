//! B9: what the members of a group cost who are not there.

use std::slice::from_ref;

use super::Plan;
use crate::Res;
use crate::cluster::Cluster;
use crate::crowd::{self, Crowd};
use crate::jim::{self, Seed};
use crate::load::{self, Round};
use crate::process::Server;
use crate::report::{Bar, Report, Row, Unit, median, median_ratio, millis, percentile};
use crate::sockets::Receivers;

/// Members of the great group; the small one has those who are online.
const MEMBERS: usize = 10_000;
/// Members who listen, each of whom writes too.
const ONLINE: usize = 10;

/// The great group and the small one.
pub(crate) const SIZES: [(usize, usize); 2] = [(MEMBERS, ONLINE), (ONLINE, ONLINE)];

/// What is judged: in words, how it is shown, and where it stands in a round.
type Figure = (&'static str, fn(f64) -> String, fn(&Round) -> f64);

const MEDIAN: Figure = ("latency of a send (median)", millis, |round| percentile(&round.times, 0.5));
const P99: Figure = ("latency of a send (p99)", millis, |round| percentile(&round.times, 0.99));
const CPU: Figure = ("CPU of a send and its deliveries", |cpu| format!("{cpu:.1} µs"), |round| round.cpu);

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let folder = seed.copy(plan, "groups")?;
    let crowds = crowd::plant(&folder, SIZES).await?;
    let server = jim::start(&plan.binary, &folder, &[]).await?;
    compare(plan, from_ref(&server), &crowds, "", &[MEDIAN, CPU], report).await
}

/// The same over the nodes of a cluster, to which writers and listeners come in turn.
pub(crate) async fn measure_cluster(plan: &Plan, cluster: &Cluster, report: &mut Report) -> Res<()> {
    let crowds = cluster.plant("online", SIZES).await?;
    let where_ = format!(", {} nodes, {}", cluster.nodes.len(), cluster.logs.name());
    compare(plan, &cluster.nodes, &crowds, &where_, &[MEDIAN, P99, CPU], report).await
}

async fn compare(
    plan: &Plan,
    servers: &[Server],
    [great, small]: &[Crowd; 2],
    where_: &str,
    figures: &[Figure],
    report: &mut Report,
) -> Res<()> {
    let (mut subject, mut control) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        control.push(round(plan, servers, small).await?);
        subject.push(round(plan, servers, great).await?);
    }
    for (what, show, figure) in figures {
        let [subject, control] = [&subject, &control].map(|rounds| rounds.iter().map(figure).collect::<Vec<_>>());
        report.row(Row {
            id: "B9",
            what: format!("{what}, group of {MEMBERS} with {ONLINE} online, against a group of {ONLINE}{where_}"),
            figure: show(median(subject.clone())),
            control: show(median(control.clone())),
            value: median_ratio(&subject, &control),
            unit: Unit::Times,
            bar: Bar::AtMost { must: 1.2, goal: 1.05 },
        });
    }
    for (members, rounds) in [(MEMBERS, &subject), (ONLINE, &control)] {
        let middle = |what: fn(&Round) -> f64| median(rounds.iter().map(what));
        report.detail(format!(
            "group of {members}, {ONLINE} who write at once and listen{where_}: {:.0} sends a second, latency p99 {}",
            middle(|round| round.rate),
            millis(middle(P99.2)),
        ));
    }
    Ok(())
}

/// All who are online write and listen.
async fn round(plan: &Plan, servers: &[Server], crowd: &Crowd) -> Res<Round> {
    let mut receivers = Receivers::default();
    receivers.open_at(servers, &crowd.tokens).await?;
    let round = load::round(servers, &crowd.writers(ONLINE), ONLINE, plan.warm_up, plan.round).await?;
    receivers.all(round.sent).await?;
    Ok(round)
}
