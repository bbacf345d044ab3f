//! B15: when a message has reached the last of those who listen.

use super::Plan;
use crate::Res;
use crate::crowd::{self, Crowd};
use crate::jim::{self, Seed};
use crate::pace::{Pace, Paced};
use crate::process::Server;
use crate::report::{Bar, Report, Row, Unit, median, median_ratio, millis, percentile};

/// Members online, messages a second, what must be reached, and what we want.
const CASES: [(usize, u32, f64, f64); 2] = [(100, 200, 3.0, 1.5), (1_000, 50, 10.0, 4.0)];

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let folder = seed.copy(plan, "reach")?;
    let crowds = crowd::plant(&folder, CASES.map(|(online, ..)| (online, online))).await?;
    let server = jim::start(&plan.binary, &folder, &[]).await?;
    for ((online, each_second, must, goal), crowd) in CASES.into_iter().zip(crowds) {
        let mut rounds = Vec::new();
        for _ in 0..plan.rounds {
            rounds.push(round(plan, &server, &crowd, each_second).await?);
        }
        let at = |part| -> (Vec<f64>, Vec<f64>) {
            rounds.iter().map(|round| (percentile(&round.reached, part), percentile(&round.answered, part))).unzip()
        };
        let (reached, answered) = at(0.99);
        report.row(Row {
            id: "B15",
            what: format!(
                "a POST to the last of {online} online members (p99), {each_second} a second, against POST to answer"
            ),
            figure: millis(median(reached.clone())),
            control: millis(median(answered.clone())),
            value: median_ratio(&reached, &answered),
            unit: Unit::Times,
            bar: Bar::AtMost { must, goal },
        });
        let (reached, answered) = at(0.5);
        report.detail(format!(
            "{online} online members, medians: answer {}, last member {}",
            millis(median(answered)),
            millis(median(reached))
        ));
    }
    Ok(())
}

async fn round(plan: &Plan, server: &Server, crowd: &Crowd, each_second: u32) -> Res<Paced> {
    let mut pace = Pace::begin(plan, server, crowd, each_second, plan.round).await?;
    pace.go_on(plan.round).await?;
    pace.end().await
}
