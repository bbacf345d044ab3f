//! What is still owed to rooms. A running server does it soon: what stands at the beginning and at the end of the look,
//! and a little longer, is a finding.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::{Look, Row};
use crate::repo::Res;
use crate::repo::tables::OUTBOX;

/// A running server looks for what is owed each second.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn owed(look: &mut Look<'_>) -> Res<Vec<Row>> {
    let (mut owed, mut above) = (Vec::new(), Row::new());
    loop {
        let rows = look.page(&OUTBOX, &mut above).await?;
        if rows.is_empty() {
            return Ok(owed);
        }
        owed.extend(rows);
    }
}

pub(super) async fn check(look: &mut Look<'_>, owed: Vec<Row>) -> Res<()> {
    let deadline = Instant::now() + PATIENCE;
    for row in owed {
        while look.stands(&OUTBOX, &row).await? {
            if Instant::now() > deadline {
                let what = format!("a task for {} is not done{}", row[1].text(), kind(row[2].text()));
                look.found(format!("outbox {}", row[0].int().unwrap_or_default()), what);
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// What a task is about, in brackets.
fn kind(task: &str) -> String {
    #[derive(Deserialize)]
    struct Event {
        kind: String,
    }
    #[derive(Deserialize)]
    struct Task {
        #[serde(rename = "task")]
        name: String,
        kind: Option<String>,
        event: Option<Event>,
    }
    match serde_json::from_str::<Task>(task) {
        Ok(task) => {
            let kind = task.kind.or(task.event.map(|event| event.kind)).unwrap_or_default();
            format!(" ({} {kind})", task.name)
        }
        Err(_) => ", and it cannot be read".into(),
    }
}
