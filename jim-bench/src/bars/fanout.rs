//! B11, B12 and B14: one message to many sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Plan;
use crate::controls::{self, Control};
use crate::flow::{Flow, Trigger};
use crate::jim::{self, Counted, Pair, Seed};
use crate::process::Server;
use crate::report::{Bar, Report, Row, Unit, median, median_ratio, per_second};
use crate::sockets::Receivers;
use crate::{Res, float};

/// Messages that may be on their way at once when deliveries are counted; far below what a queue holds.
const BURST: usize = 8;

/// What one round shows.
struct Round {
    /// Messages that arrived, a second.
    rate: f64,
    /// CPU of the server for each, in microseconds.
    cpu: f64,
}

/// A server that tells everybody something, and what it did in each round.
struct Teller {
    server: Server,
    trigger: Trigger,
    token: String,
    rounds: Vec<Round>,
}

impl Teller {
    async fn jim(plan: &Plan, seed: &Seed, pair: &Pair) -> Res<Self> {
        let server = jim::start(&plan.binary, &seed.copy(plan, "fanout")?, &[]).await?;
        let trigger = Trigger::Send { address: server.address.clone(), pair: pair.clone() };
        Ok(Teller { server, trigger, token: pair.receiver.clone(), rounds: Vec::new() })
    }

    /// A control that sends as many bytes as the subject does.
    async fn control(kind: Control, length: u32) -> Res<Self> {
        let server = controls::start(kind, None).await?;
        let stream = TcpStream::connect(&server.address).await?;
        stream.set_nodelay(true)?;
        let trigger = Trigger::Length { stream: Arc::new(stream), length };
        Ok(Teller { server, trigger, token: "nobody".into(), rounds: Vec::new() })
    }

    /// Sends to so many sockets, with at most `ahead` messages on their way, and counts what arrives.
    async fn round(&mut self, plan: &Plan, sockets: usize, ahead: usize) -> Res<()> {
        let mut receivers = Receivers::default();
        receivers.open(&self.server.address, &self.token, sockets).await?;
        let mut flow = Flow::start(&self.trigger, &receivers, sockets, ahead).await?;
        flow.keep_going(plan.warm_up).await?;
        let (began, cpu, before) = (Instant::now(), self.server.cpu()?, receivers.messages());
        flow.keep_going(plan.round).await?;
        let (took, cpu) = (began.elapsed().as_secs_f64(), self.server.cpu()? - cpu);
        let arrived = float(receivers.messages() - before);
        flow.finish().await?;
        self.rounds.push(Round { rate: arrived / took, cpu: cpu / arrived * 1e6 });
        Ok(())
    }

    fn rates(&self) -> Vec<f64> {
        self.rounds.iter().map(|round| round.rate).collect()
    }

    fn cpus(&self) -> Vec<f64> {
        self.rounds.iter().map(|round| round.cpu).collect()
    }
}

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let pair = seed.pairs.first().ok_or("nobody lives here")?;
    let mut jim = Teller::jim(plan, seed, pair).await?;
    let length = probe(&jim).await?;
    let before = Counted::read(&jim.server).await?;

    let mut floor = Teller::control(Control::Floor, length).await?;
    let few = seed.sockets(1_000);
    // One message at a time: frames of two messages in one write would cost less than the floor's.
    turns(plan, few, 1, &mut jim, &mut floor).await?;
    report.row(Row {
        id: "B11",
        what: format!("CPU for each delivery of {length} bytes, {few} sockets, against the kernel's floor"),
        figure: format!("{:.2} µs", median(jim.cpus())),
        control: format!("{:.2} µs", median(floor.cpus())),
        value: median_ratio(&jim.cpus(), &floor.cpus()),
        unit: Unit::Times,
        bar: Bar::AtMost { must: 1.7, goal: 1.3 },
    });
    drop(floor);

    let mut broadcast = Teller::control(Control::Broadcast, length).await?;
    for wanted in [1_000, 10_000] {
        let sockets = seed.sockets(wanted);
        turns(plan, sockets, BURST, &mut jim, &mut broadcast).await?;
        report.row(Row {
            id: "B12",
            what: format!("deliveries, {sockets} sockets, against a bare tokio-tungstenite"),
            figure: per_second(median(jim.rates())),
            control: per_second(median(broadcast.rates())),
            value: median_ratio(&jim.rates(), &broadcast.rates()),
            unit: Unit::Percent,
            bar: Bar::AtLeast { must: 0.8, goal: 1.0 },
        });
        report.detail(format!(
            "{sockets} sockets, {BURST} messages on their way: {:.2} µs of CPU for each delivery, bare {:.2} µs",
            median(jim.cpus()),
            median(broadcast.cpus()),
        ));
    }

    let counted = Counted::read(&jim.server).await?.since(before);
    report.row(Row {
        id: "B14",
        what: format!("encodings of one message for {few} and more receivers"),
        figure: format!("{:.0} of {:.0} messages", counted.encodings, counted.sends),
        control: "–".into(),
        value: counted.encodings / counted.sends,
        unit: Unit::Plain(3),
        bar: Bar::Exactly(1.0),
    });
    report.detail(format!(
        "{:.0} messages became {:.0} deliveries; every receiver got each of them",
        counted.sends, counted.deliveries
    ));
    Ok(())
}

async fn turns(plan: &Plan, sockets: usize, ahead: usize, jim: &mut Teller, control: &mut Teller) -> Res<()> {
    for teller in [&mut *control, &mut *jim] {
        teller.rounds.clear();
    }
    for _ in 0..plan.rounds {
        control.round(plan, sockets, ahead).await?;
        jim.round(plan, sockets, ahead).await?;
    }
    Ok(())
}

/// How long the subject's message is, so that controls send as much.
async fn probe(jim: &Teller) -> Res<u32> {
    let mut receivers = Receivers::default();
    receivers.open(&jim.server.address, &jim.token, 1).await?;
    let mut flow = Flow::start(&jim.trigger, &receivers, 1, 1).await?;
    flow.keep_going(Duration::from_millis(100)).await?;
    flow.finish().await?;
    receivers.length()
}
