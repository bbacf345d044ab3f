//! B13: what an idle socket keeps in memory.

use std::time::Duration;

use tokio::time::sleep;

use super::Plan;
use crate::controls::{self, Control};
use crate::jim::{self, Seed};
use crate::process::Server;
use crate::report::{Bar, Report, Row, Unit, bytes};
use crate::sockets::Receivers;
use crate::{Res, float};

/// How many there are before the counting begins: what the first one allocates belongs to no socket.
const FIRST: usize = 10;
/// How long the server may tidy up.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let pair = seed.pairs.first().ok_or("nobody lives here")?;
    let counts = [1_000, 10_000].map(|wanted| seed.sockets(wanted));
    let poem = controls::start(Control::PoemSocket, None).await?;
    let control = grow(poem, "nobody", counts).await?;
    let server = jim::start(&plan.binary, &seed.copy(plan, "memory")?, &[]).await?;
    let subject = grow(server, &pair.receiver, counts).await?;
    let [few, many] = counts;
    report.detail(format!("memory for each of {few} idle sockets: {}, poem {}", bytes(subject[0]), bytes(control[0])));
    report.row(Row {
        id: "B13",
        what: format!("resident memory for each of {many} idle sockets"),
        figure: bytes(subject[1]),
        control: bytes(control[1]),
        value: subject[1] / 1e3,
        unit: Unit::Of("kB"),
        bar: Bar::AtMost { must: 12.0, goal: 7.0 },
    });
    report.row(Row {
        id: "B13",
        what: "the same, against poem with its defaults".into(),
        figure: bytes(subject[1]),
        control: bytes(control[1]),
        value: subject[1] / control[1],
        unit: Unit::Percent,
        bar: Bar::AtMost { must: 0.1, goal: 0.1 },
    });
    Ok(())
}

/// Memory for each socket, once there are so many.
async fn grow(server: Server, token: &str, counts: [usize; 2]) -> Res<[f64; 2]> {
    let mut receivers = Receivers::default();
    receivers.open(&server.address, token, FIRST).await?;
    sleep(SETTLE).await;
    let empty = server.resident()?;
    let mut open = 0;
    let mut sizes = [0.0; 2];
    for (size, count) in sizes.iter_mut().zip(counts) {
        receivers.open(&server.address, token, count - open).await?;
        open = count;
        sleep(SETTLE).await;
        if receivers.closed() > 0 {
            return Err(format!("the server closed {} idle sockets", receivers.closed()).into());
        }
        *size = (server.resident()? - empty) / float(open as u64);
    }
    Ok(sizes)
}
