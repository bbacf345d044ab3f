//! B1 to B4 and B6: sends.

use std::slice::from_ref;

use super::Plan;
use crate::Res;
use crate::controls::{self, Control};
use crate::jim::{self, Counted, Seed};
use crate::load::{self, Round};
use crate::process::Server;
use crate::report::{Bar, Report, Row, Unit, median, median_ratio, per_second};

/// One server and what it did in each round.
struct Contestant {
    name: &'static str,
    server: Server,
    rounds: Vec<Round>,
}

impl Contestant {
    fn new(name: &'static str, server: Server) -> Self {
        Contestant { name, server, rounds: Vec::new() }
    }

    fn rates(&self) -> Vec<f64> {
        self.rounds.iter().map(|round| round.rate).collect()
    }

    fn shown_rate(&self) -> String {
        per_second(median(self.rates()))
    }

    fn detail(&self, connections: usize) -> String {
        let middle = |what: fn(&Round) -> f64| median(self.rounds.iter().map(what));
        format!(
            "{connections} connections, {}: {} sends, {:.1} µs of CPU each (and {:.1} µs in the driver)",
            self.name,
            self.shown_rate(),
            middle(|round| round.cpu),
            middle(|round| round.driver_cpu),
        )
    }
}

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let (full, normal) = (seed.copy(plan, "full")?, seed.copy(plan, "normal")?);
    let naive = seed.copy(plan, "naive")?;
    let start =
        async |folder, durability| jim::start(&plan.binary, folder, &[("JIM__STORE__DURABILITY", durability)]).await;
    let mut hello = Contestant::new("poem-openapi that stores nothing", controls::start(Control::Hello, None).await?);
    let mut full = Contestant::new("jim", start(&full, "full").await?);
    let mut normal = Contestant::new("jim with synchronous=NORMAL", start(&normal, "normal").await?);
    let naive_server = controls::start(Control::Naive, Some(&naive.join("data"))).await?;
    let mut naive = Contestant::new("a transaction for each request", naive_server);

    let commits = compare(plan, seed, report, 300, &mut [&mut hello, &mut full, &mut normal, &mut naive]).await?;
    let mut against = |id, what: &str, control: &Contestant, unit, must, goal| {
        report.row(Row {
            id,
            what: format!("durable sends, 300 connections, against {what}"),
            figure: full.shown_rate(),
            control: control.shown_rate(),
            value: median_ratio(&full.rates(), &control.rates()),
            unit,
            bar: Bar::AtLeast { must, goal },
        });
    };
    against("B1", "a trivial POST", &hello, Unit::Percent, 0.20, 0.30);
    against("B3", "`synchronous=NORMAL`", &normal, Unit::Percent, 0.60, 0.90);
    against("B4", "a transaction for each request", &naive, Unit::Times, 5.0, 10.0);
    commits_row(report, 300, commits, 0.02);

    let commits = compare(plan, seed, report, 64, &mut [&mut hello, &mut full]).await?;
    report.row(Row {
        id: "B2",
        what: "durable sends, 64 connections, against a trivial POST".into(),
        figure: full.shown_rate(),
        control: hello.shown_rate(),
        value: median_ratio(&full.rates(), &hello.rates()),
        unit: Unit::Percent,
        bar: Bar::AtLeast { must: 0.15, goal: 0.22 },
    });
    commits_row(report, 64, commits, 0.05);

    compare(plan, seed, report, 1, &mut [&mut hello, &mut full, &mut naive]).await?;
    Ok(())
}

fn commits_row(report: &mut Report, connections: usize, value: f64, goal: f64) {
    report.row(Row {
        id: "B6",
        what: format!("commits for each send, {connections} connections"),
        figure: format!("{value:.4}"),
        control: "–".into(),
        value,
        unit: Unit::Plain(3),
        bar: Bar::AtMost { must: 0.2, goal },
    });
}

/// Lets the contestants take turns. Returns the subject's commits for each send; it stands second.
async fn compare(
    plan: &Plan,
    seed: &Seed,
    report: &mut Report,
    connections: usize,
    contestants: &mut [&mut Contestant],
) -> Res<f64> {
    for contestant in contestants.iter_mut() {
        contestant.rounds.clear();
    }
    let before = Counted::read(&contestants[1].server).await?;
    for _ in 0..plan.rounds {
        for contestant in contestants.iter_mut() {
            let servers = from_ref(&contestant.server);
            let round = load::round(servers, &seed.pairs, connections, plan.warm_up, plan.round).await?;
            contestant.rounds.push(round);
        }
    }
    let counted = Counted::read(&contestants[1].server).await?.since(before);
    for contestant in contestants {
        report.detail(contestant.detail(connections));
    }
    Ok(counted.commits / counted.sends)
}
