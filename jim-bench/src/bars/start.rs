//! B19: from nothing to the first accepted send.

use tokio::time::Instant;

use super::Plan;
use crate::Res;
use crate::http::Connection;
use crate::jim;
use crate::report::{Bar, Report, Row, Unit, bytes, median};

/// A start takes a fraction of a second: more of them cost little.
const TIMES: usize = 5;

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Res<()> {
    let (mut times, mut listens, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..TIMES {
        let folder = plan.folder.join(format!("start-{number}"));
        std::fs::create_dir(&folder)?;
        let began = Instant::now();
        let server = jim::start_plain(&plan.binary, &folder, &[]).await?;
        listens.push(began.elapsed().as_secs_f64());
        jim::make_pair(&mut Connection::open(&server.address).await?, number).await?;
        times.push(began.elapsed().as_secs_f64());
        sizes.push(server.resident()?);
    }
    let (time, size) = (median(times), median(sizes));
    report.detail(format!("{:.0} ms from the start to the first connection", median(listens) * 1e3));
    report.row(Row {
        id: "B19",
        what: "start in an empty folder to the first accepted send, with two registrations".into(),
        figure: format!("{:.0} ms", time * 1e3),
        control: "–".into(),
        value: time * 1e3,
        unit: Unit::Of("ms"),
        bar: Bar::AtMost { must: 500.0, goal: 150.0 },
    });
    report.row(Row {
        id: "B19",
        what: "resident memory then".into(),
        figure: bytes(size),
        control: "–".into(),
        value: size / 1e6,
        unit: Unit::Of("MB"),
        bar: Bar::AtMost { must: 20.0, goal: 20.0 },
    });
    Ok(())
}
