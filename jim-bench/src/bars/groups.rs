//! B9: what the members of a group cost who are not there.

use super::Plan;
use crate::Res;
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

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let folder = seed.copy(plan, "groups")?;
    let [great, small] = crowd::plant(&folder, [(MEMBERS, ONLINE), (ONLINE, ONLINE)]).await?;
    let server = jim::start(&plan.binary, &folder, &[]).await?;
    let (mut subject, mut control) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        control.push(round(plan, &server, &small).await?);
        subject.push(round(plan, &server, &great).await?);
    }
    let mut judge = |what: &str, show: fn(f64) -> String, figure: fn(&Round) -> f64| {
        let [subject, control] = [&subject, &control].map(|rounds| rounds.iter().map(figure).collect::<Vec<_>>());
        report.row(Row {
            id: "B9",
            what: format!("{what}, group of {MEMBERS} with {ONLINE} online, against a group of {ONLINE}"),
            figure: show(median(subject.clone())),
            control: show(median(control.clone())),
            value: median_ratio(&subject, &control),
            unit: Unit::Times,
            bar: Bar::AtMost { must: 1.2, goal: 1.05 },
        });
    };
    judge("latency of a send (median)", millis, |round| percentile(&round.times, 0.5));
    judge("CPU of a send and its deliveries", |cpu| format!("{cpu:.1} µs"), |round| round.cpu);
    for (members, rounds) in [(MEMBERS, &subject), (ONLINE, &control)] {
        let middle = |what: fn(&Round) -> f64| median(rounds.iter().map(what));
        report.detail(format!(
            "group of {members}, {ONLINE} who write at once and listen: {:.0} sends a second, latency p99 {}",
            middle(|round| round.rate),
            millis(middle(|round| percentile(&round.times, 0.99))),
        ));
    }
    Ok(())
}

/// All who are online write and listen.
async fn round(plan: &Plan, server: &Server, crowd: &Crowd) -> Res<Round> {
    let mut receivers = Receivers::default();
    receivers.open_each(&server.address, &crowd.tokens).await?;
    let round = load::round(server, &crowd.writers(ONLINE), ONLINE, plan.warm_up, plan.round).await?;
    receivers.all(round.sent).await?;
    Ok(round)
}
