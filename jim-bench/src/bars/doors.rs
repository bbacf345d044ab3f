//! Log-ins that fail: nobody learns from the time they take what is wrong with them.

use jim_core::id::UserId;
use jim_core::model::user::UserState;
use jim_core::repo::Store as _;
use jim_core::store::sql::{Durability, SqliteStore};
use serde_json::json;
use tokio::time::Instant;

use super::Plan;
use crate::Res;
use crate::http::{Connection, render};
use crate::jim;
use crate::report::{Bar, Report, Row, Unit, median, millis};

/// Who fails: nobody, somebody, and somebody whose account is disabled.
const KINDS: [&str; 3] = ["unknown", "known", "disabled"];
/// How often each of them does, in one round.
const TIMES: usize = 40;

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Res<()> {
    let folder = plan.folder.join("doors");
    std::fs::create_dir(&folder)?;
    let server = jim::start(&plan.binary, &folder, &jim::OPEN_DOORS).await?;
    let mut connection = Connection::open(&server.address).await?;
    let mut disabled = 0;
    for name in &KINDS[1..] {
        let person = json!({ "username": name, "password": "plum tart at noon" });
        let made = connection.post("/api/v1/auth/register", "", &person).await?;
        disabled = made["user"]["id"].as_i64().ok_or("not a registration")?;
    }
    server.kill().await?;
    let store = SqliteStore::open(&SqliteStore::file(&folder.join("data")), Durability::Full).await?;
    let mut unit = store.write(&[]).await?;
    unit.users().set_state(UserId(disabled), UserState::Disabled).await?;
    let _ = unit.commit().await?;
    drop(store);

    let server = jim::start(&plan.binary, &folder, &jim::OPEN_DOORS).await?;
    let mut connection = Connection::open(&server.address).await?;
    let mut times: [Vec<f64>; 3] = Default::default();
    // In turns, so that all meet the machine in the same mood.
    for _ in 0..TIMES * plan.rounds {
        for (kind, times) in KINDS.iter().zip(&mut times) {
            let wish = json!({ "username": kind, "password": "not the right one" }).to_string();
            let began = Instant::now();
            let status = connection.exchange(&render("POST", "/api/v1/auth/login", "", &wish)).await?;
            times.push(began.elapsed().as_secs_f64());
            if status != 401 {
                return Err(format!("a wrong password is answered {status}").into());
            }
        }
    }
    let [unknown, known, disabled] = times.map(median);
    for (kind, time) in [("is unknown", unknown), ("is disabled", disabled)] {
        report.row(Row {
            id: "A5",
            what: format!("median time of a failed log-in to an account that {kind}, to one with a wrong password"),
            figure: millis(time),
            control: millis(known),
            value: (time / known - 1.0).abs(),
            unit: Unit::Percent,
            bar: Bar::AtMost { must: 0.10, goal: 0.03 },
        });
    }
    Ok(())
}
