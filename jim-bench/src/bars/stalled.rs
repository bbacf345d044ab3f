//! B17: one receiver that stops reading among many who go on.

use std::time::Duration;

use tokio::time::Instant;

use super::Plan;
use crate::Res;
use crate::crowd::{self, Crowd};
use crate::jim::{self, Seed};
use crate::pace::{Pace, Paced};
use crate::process::Server;
use crate::report::{Bar, Report, Row, Unit, bytes, millis, percentile};
use crate::sockets::Stalled;

/// Members, all online; the last one stalls, or is not there.
const MEMBERS: usize = 1_000;
/// Messages a second.
const PACE: u32 = 50;
/// How long it is waited until the server gives up the socket that nobody reads; more than it may need.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(200);

/// One round.
struct Round {
    /// What the messages took that were sent while the stalled receiver was open, or for as long without it.
    paced: Paced,
    /// What the server's memory grew meanwhile, in bytes.
    grown: f64,
    /// How long it was.
    lasted: Duration,
}

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let folder = seed.copy(plan, "stalled")?;
    let [mut crowd] = crowd::plant(&folder, [(MEMBERS, MEMBERS)]).await?;
    let stalls = crowd.tokens.pop().ok_or("nobody is logged in")?;
    let server = jim::start(&plan.binary, &folder, &[]).await?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    // What a server allocates once belongs to no round.
    free(plan, &server, &crowd, plan.round).await?;
    for _ in 0..plan.rounds {
        let held = held(plan, &server, &crowd, &stalls).await?;
        without.push(free(plan, &server, &crowd, held.lasted).await?);
        with.push(held);
    }
    let others = MEMBERS - 1;
    // The tail of one round is a handful of messages: all rounds together say more.
    let at = |rounds: &[Round], part| {
        let all: Vec<f64> = rounds.iter().flat_map(|round| round.paced.reached.iter().copied()).collect();
        percentile(&all, part)
    };
    let [subject, control] = [&with, &without].map(|rounds| at(rounds, 0.99));
    report.row(Row {
        id: "B17",
        what: format!("a POST to the last of {others} (p99) while one more reads nothing, against a run without it"),
        figure: millis(subject),
        control: millis(control),
        value: subject / control,
        unit: Unit::Times,
        bar: Bar::AtMost { must: 1.2, goal: 1.2 },
    });
    let kept = with.iter().map(|round| round.lasted.as_secs_f64()).fold(0.0, f64::max);
    report.row(Row {
        id: "B17",
        what: format!("until the one that reads nothing is closed, {PACE} messages a second, at the longest"),
        figure: format!("{kept:.1} s"),
        control: "–".into(),
        value: kept,
        unit: Unit::Of("s"),
        bar: Bar::AtMost { must: 30.0, goal: 30.0 },
    });
    let [subject, control] = [&with, &without].map(|rounds| rounds.iter().map(|round| round.grown).fold(0.0, f64::max));
    report.row(Row {
        id: "B17",
        what: "growth of the server's memory meanwhile, at the most, beyond a run without it".into(),
        figure: bytes(subject),
        control: bytes(control),
        value: (subject - control).max(0.0) / 1e6,
        unit: Unit::Of("MB"),
        bar: Bar::AtMost { must: 4.0, goal: 4.0 },
    });
    report.detail(format!(
        "{others} who read, medians: {} while one more reads nothing, {} without it",
        millis(at(&with, 0.5)),
        millis(at(&without, 0.5))
    ));
    Ok(())
}

/// A round in which one more receiver stalls, until the server holds its socket no more.
async fn held(plan: &Plan, server: &Server, crowd: &Crowd, stalls: &str) -> Res<Round> {
    let mut watch = Watch::begin(plan, server, crowd, PATIENCE).await?;
    let others = server.sockets()?;
    let stalled = Stalled::open(&server.address, stalls).await?;
    if server.sockets()? != others + 1 {
        return Err("the sockets of the server cannot be told apart".into());
    }
    while watch.go_on().await? > others && watch.began.elapsed() < PATIENCE {}
    let round = watch.end().await?;
    drop(stalled);
    Ok(round)
}

/// A round without it, for so long.
async fn free(plan: &Plan, server: &Server, crowd: &Crowd, time: Duration) -> Res<Round> {
    let mut watch = Watch::begin(plan, server, crowd, time).await?;
    while watch.began.elapsed() < time {
        watch.go_on().await?;
    }
    watch.end().await
}

/// Messages to all who read, and a server that is looked at meanwhile: with a stalled receiver as often as without.
struct Watch<'a> {
    server: &'a Server,
    pace: Pace,
    began: Instant,
    before: f64,
    grown: f64,
}

impl<'a> Watch<'a> {
    /// Begins after the warm-up; it lasts so long at the most.
    async fn begin(plan: &Plan, server: &'a Server, crowd: &Crowd, most: Duration) -> Res<Self> {
        let pace = Pace::begin(plan, server, crowd, PACE, most + LOOK).await?;
        Ok(Watch { server, pace, began: Instant::now(), before: server.resident()?, grown: 0.0 })
    }

    /// Goes on for a moment; says how many sockets the server has then.
    async fn go_on(&mut self) -> Res<usize> {
        self.pace.go_on(LOOK).await?;
        self.grown = self.grown.max(self.server.resident()? - self.before);
        self.server.sockets()
    }

    async fn end(self) -> Res<Round> {
        let lasted = self.began.elapsed();
        Ok(Round { paced: self.pace.end().await?, grown: self.grown, lasted })
    }
}
