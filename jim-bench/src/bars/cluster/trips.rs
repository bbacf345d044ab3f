//! B7: what a send waits for.

use std::time::Duration;

use jim_core::id::RoomId;
use sqlx::mysql::MySqlConnection;
use tokio::time::sleep;

use crate::cluster::{Cluster, connect};
use crate::counting::Node;
use crate::report::{Bar, Report, Row, Unit};
use crate::{Res, float};

/// Sends in a row, each of which waits for the answer to the one before.
const SENDS: u64 = 200;
/// Sends after a silence.
const SILENT: usize = 9;
/// Longer than a session is taken for alive without asking.
const SILENCE: Duration = Duration::from_millis(1_300);

pub(super) async fn measure(cluster: &Cluster, report: &mut Report) -> Res<()> {
    let node = Node::start(cluster).await?;
    let [group] = cluster.plant("trips", [(10, 1)]).await?;
    let pair = cluster.pairs.first().ok_or("nobody lives here")?;
    let mut beside = connect(&cluster.store_url()).await?;
    let rooms = [("private", &pair.room, &pair.sender), ("group", &group.room, &group.tokens[0])];
    for (kind, room, token) in rooms {
        let room: RoomId = room.parse().map_err(|_| "not a room")?;
        let first = counted(&node, token, room).await?;
        let [units, rights, appends, others] = in_a_row(&node, token, room).await?;
        let row = |value: f64, figure: String, when: &str| Row {
            id: "B7",
            what: format!("round trips that a {kind} send waits for, {when}, {}", cluster.logs.name()),
            figure,
            control: "–".into(),
            value,
            unit: Unit::Plain(2),
            bar: Bar::AtMost { must: 3.0, goal: 2.0 },
        };
        if units > 0 {
            return Err("a send in a row opens a unit, in which nothing is counted".into());
        }
        let each = |count: u64| float(count) / float(SENDS);
        let value = each(rights + appends + others);
        let figure = format!("rights {}, appends {}, others {}", each(rights), each(appends), each(others));
        report.row(row(value, figure, "session asked for within a second"));

        let (trips, calls) = after_a_silence(cluster, &node, &mut beside, token, room).await?;
        report.row(row(trips, shown(calls), "after a longer silence"));
        let (logs, first) = (cluster.logs.name(), shown(first));
        report.detail(format!("calls of the first {kind} send of somebody on a node, {logs}: {first}"));
    }
    Ok(())
}

fn shown([units, rights, appends, others]: [u64; 4]) -> String {
    format!("units {units}, rights {rights}, appends {appends}, others {others}")
}

/// The calls of one send.
async fn counted(node: &Node, token: &str, room: RoomId) -> Res<[u64; 4]> {
    let before = node.counts.calls();
    node.send(token, room).await?;
    Ok(since(before, node.counts.calls()))
}

fn since(before: [u64; 4], now: [u64; 4]) -> [u64; 4] {
    std::array::from_fn(|place| now[place] - before[place])
}

/// The calls of many sends by one whose session is known. It is asked for again each second, which is no part of them.
async fn in_a_row(node: &Node, token: &str, room: RoomId) -> Res<[u64; 4]> {
    let mut all = [0; 4];
    for _ in 0..SENDS {
        node.jim.sessions().authenticate(token).await?;
        let calls = counted(node, token, room).await?;
        all = std::array::from_fn(|place| all[place] + calls[place]);
    }
    Ok(all)
}

/// Round trips of one send, and its calls. Inside units the statements count, as MariaDB does it. The least of some:
/// what upkeep asks meanwhile only adds to it.
async fn after_a_silence(
    cluster: &Cluster,
    node: &Node,
    beside: &mut MySqlConnection,
    token: &str,
    room: RoomId,
) -> Res<(f64, [u64; 4])> {
    let (mut trips, mut calls) = (u64::MAX, [0; 4]);
    for _ in 0..SILENT {
        sleep(SILENCE).await;
        let before = statements(beside).await?;
        calls = counted(node, token, room).await?;
        // That of counting itself is not one of them.
        let asked = statements(beside).await? - before - 1;
        let elsewhere = if cluster.rooms_url().is_some() { calls[2] + calls[3] } else { 0 };
        trips = trips.min(asked + elsewhere);
    }
    Ok((float(trips), calls))
}

/// Statements so far, without those that end a unit that has only read: nobody waits for them.
async fn statements(conn: &mut MySqlConnection) -> Res<u64> {
    let text = "SELECT CAST(SUM(IF(variable_name = 'QUESTIONS', 1, -1) * variable_value) AS SIGNED)
                  FROM information_schema.global_status WHERE variable_name IN ('QUESTIONS', 'COM_ROLLBACK')";
    let count: i64 = sqlx::query_scalar(text).fetch_one(conn).await?;
    Ok(u64::try_from(count)?)
}
