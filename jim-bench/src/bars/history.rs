//! B20: a page of a long history.

use std::path::Path;
use std::time::Duration;

use jim_core::store::sql::SqliteStore;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::Instant;

use super::Plan;
use crate::Res;
use crate::http::{Connection, render};
use crate::jim::{self, Pair, Seed};
use crate::process::Server;
use crate::report::{Bar, Report, Row, Unit, median, median_ratio, millis, percentile};

/// Entries of the long room and of the short one.
const LONG: u64 = 1_000_000;
const SHORT: u64 = 10_000;
/// Entries of a page.
const PAGE: u64 = 50;
/// Pages that are asked for in turn.
const PLACES: u64 = 4_096;
/// What is asked for.
const ASKED: [&str; 2] = ["the newest page", "a page anywhere"];

/// A server with a history.
struct Library {
    _server: Server,
    connection: Connection,
    /// Requests for each of the `ASKED`.
    requests: [Vec<Vec<u8>>; 2],
}

impl Library {
    async fn open(plan: &Plan, seed: &Seed, name: &str, entries: u64) -> Res<Self> {
        let pair = seed.pairs.first().ok_or("nobody lives here")?;
        let folder = seed.copy(plan, name)?;
        fill(&folder, &pair.room, entries).await?;
        let server = jim::start(&plan.binary, &folder, &[]).await?;
        let ask = |query: String| page(pair, &query);
        // An odd factor scatters the places over the whole history.
        let places = (0..PLACES).map(|place| place.wrapping_mul(0x9E37_79B9_7F4A_7C15) % (entries - PAGE));
        let anywhere = places.map(|after| ask(format!("after={after}&limit={PAGE}"))).collect();
        let newest = ask(format!("limit={PAGE}"));
        let mut connection = Connection::open(&server.address).await?;
        connection.ask(&newest).await?;
        let page: Value = serde_json::from_slice(connection.body())?;
        if page["last"] != entries || page["items"][0]["seq"] != entries - PAGE + 1 {
            return Err(format!("a history of {entries} ends with {}", page["last"]).into());
        }
        Ok(Library { _server: server, connection, requests: [vec![newest], anywhere] })
    }

    /// Asks for a page; says how long it took.
    async fn read(&mut self, what: usize, turn: usize) -> Res<Duration> {
        let requests = &self.requests[what];
        let began = Instant::now();
        self.connection.ask(&requests[turn % requests.len()]).await?;
        Ok(began.elapsed())
    }

    /// Fails unless the last page was a full one.
    fn check(&self) -> Res<()> {
        let page: Value = serde_json::from_slice(self.connection.body())?;
        match page["items"].as_array().map(Vec::len) {
            Some(items) if items as u64 == PAGE => Ok(()),
            items => Err(format!("a page of {items:?} entries").into()),
        }
    }
}

fn page(pair: &Pair, query: &str) -> Vec<u8> {
    render("GET", &format!("/api/v1/rooms/{}/entries?{query}", pair.room), &pair.receiver, "")
}

/// Makes a room that long, by copies of its last message under references of their own.
async fn fill(folder: &Path, room: &str, entries: u64) -> Res<()> {
    let file = SqliteStore::file(&folder.join("data"));
    // Nobody else has the file, and a run that fails begins anew.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-262144");
    let mut connection = options.connect().await?;
    sqlx::query(
        "WITH RECURSIVE
             last AS (SELECT * FROM jim_entries WHERE room = ?1 ORDER BY seq DESC LIMIT 1),
             more (number) AS (SELECT 1 FROM last UNION ALL SELECT number + 1 FROM more, last WHERE seq + number < ?2)
         INSERT INTO jim_entries (room, seq, ord, fence, at, by_user, client_ref, kind, digest, body)
         SELECT room, seq + number, ord + number, fence, at, by_user, 'copy-' || number, kind, digest,
                replace(body, '\"' || client_ref || '\"', '\"copy-' || number || '\"')
         FROM more, last",
    )
    .bind(room)
    .bind(i64::try_from(entries)?)
    .execute(&mut connection)
    .await?;
    sqlx::query(
        "UPDATE jim_rooms SET (seq, ord) = (SELECT seq, ord FROM jim_entries WHERE room = ?1 ORDER BY seq DESC LIMIT 1)
         WHERE room = ?1",
    )
    .bind(room)
    .execute(&mut connection)
    .await?;
    Ok(connection.close().await?)
}

pub(crate) async fn measure(plan: &Plan, seed: &Seed, report: &mut Report) -> Res<()> {
    let began = Instant::now();
    let long = Library::open(plan, seed, "history-long", LONG).await?;
    let short = Library::open(plan, seed, "history-short", SHORT).await?;
    report.detail(format!("{LONG} and {SHORT} entries stored in {:.0} s", began.elapsed().as_secs_f64()));
    let mut both = [long, short];
    for (number, what) in ASKED.into_iter().enumerate() {
        let mut rounds = Vec::new();
        for _ in 0..plan.rounds {
            rounds.push(round(plan, &mut both, number).await?);
        }
        let at = |part| -> (Vec<f64>, Vec<f64>) {
            rounds.iter().map(|[long, short]| (percentile(long, part), percentile(short, part))).unzip()
        };
        let (subject, control) = at(0.5);
        report.row(Row {
            id: "B20",
            what: format!("{what} of {PAGE} (median), {LONG} entries, against {SHORT}"),
            figure: millis(median(subject.clone())),
            control: millis(median(control.clone())),
            value: median_ratio(&subject, &control),
            unit: Unit::Times,
            bar: Bar::AtMost { must: 1.5, goal: 1.1 },
        });
        let (subject, control) = at(0.99);
        report.detail(format!(
            "{what}, p99: {} of {LONG} entries, {} of {SHORT}",
            millis(median(subject)),
            millis(median(control))
        ));
    }
    Ok(())
}

/// Asks both in turn, so that both see the same machine; says how long each page took, in seconds.
async fn round(plan: &Plan, both: &mut [Library; 2], what: usize) -> Res<[Vec<f64>; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    let warm = Instant::now() + plan.warm_up;
    let end = warm + plan.round;
    for turn in 0.. {
        let began = Instant::now();
        for (library, times) in both.iter_mut().zip(&mut times) {
            let took = library.read(what, turn).await?;
            if began >= warm {
                times.push(took.as_secs_f64());
            }
        }
        if began >= end {
            break;
        }
    }
    for library in &*both {
        library.check()?;
    }
    Ok(times)
}
