//! Whether two stores hold the same.

use super::copy::{MoveError, named};
use super::{Move, PAGE, Progress, is_mark};
use crate::id::{RoomId, Seq};
use crate::model::RoomDigest;
use crate::repo::tables::TABLES;
use crate::repo::{Archive, LogArchive, Res, Slice, Table, Value};

/// A table on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCount {
    /// Its name.
    pub table: &'static str,
    /// Its rows in the source.
    pub source: u64,
    /// Its rows in the target.
    pub target: u64,
    /// Whether all of them are equal, and the next id too.
    pub equal: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Each table; none where both sides have the same.
    pub tables: Vec<TableCount>,
    /// Rooms with equal logs.
    pub rooms: u64,
    /// Their entries.
    pub entries: u64,
    /// Rooms whose logs differ, with both digests.
    pub differing: Vec<(RoomId, RoomDigest, RoomDigest)>,
}

impl Comparison {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differing.is_empty() && self.tables.iter().all(|table| table.equal)
    }
}

pub(super) async fn compare(of: &Move<'_>, progress: &dyn Progress) -> Result<Comparison, MoveError> {
    let mut compared = Comparison::default();
    for table in TABLES.into_iter().filter(|_| !of.only_logs) {
        progress.begin(&format!("comparing {}", table.name), 0);
        let source = content(of.from.store, table, progress).await.map_err(MoveError::Source)?;
        let target = content(of.to.store, table, progress).await.map_err(MoveError::Target)?;
        compared.tables.push(TableCount {
            table: table.name,
            source: source.0,
            target: target.0,
            equal: source == target,
        });
    }
    progress.begin("comparing room logs", of.from.logs.size().await.map_err(MoveError::Source)?);
    let mut name = String::new();
    loop {
        let source = of.from.logs.next_room(&name).await.map_err(MoveError::Source)?;
        let target = of.to.logs.next_room(&name).await.map_err(MoveError::Target)?;
        // A room that one of them lacks has an empty log there.
        let Some(next) = [source, target].into_iter().flatten().min() else { break };
        name = next;
        let room = named(&name)?;
        let (source, _) = log(of.from.logs, &room, progress).await.map_err(MoveError::Source)?;
        let (target, astray) = log(of.to.logs, &room, &()).await.map_err(MoveError::Target)?;
        if source == target && !astray {
            compared.rooms += 1;
            compared.entries += source.entries;
        } else {
            compared.differing.push((room, source.digest, target.digest));
        }
    }
    Ok(compared)
}

/// How many rows a table has, the hash of them all, and the last id that it gave.
async fn content(store: &dyn Archive, table: &'static Table, progress: &dyn Progress) -> Res<(u64, RoomDigest, i64)> {
    let (mut count, mut hash) = (0, RoomDigest::EMPTY);
    let mut above = Vec::new();
    loop {
        let rows = store.rows(table, &above, PAGE).await?;
        let Some(last) = rows.last() else { break };
        above = last[..table.key].to_vec();
        progress.step(rows.len() as u64);
        for row in rows.iter().filter(|row| !is_mark(table, row)) {
            count += 1;
            hash.chain(&bytes(row));
        }
    }
    let last = if table.gives_ids { store.last_id(table).await? } else { 0 };
    Ok((count, hash, last))
}

/// A row in bytes that no other row has.
fn bytes(row: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in row {
        match value {
            Value::Null => bytes.push(0),
            Value::Int(value) => {
                bytes.push(1);
                bytes.extend(value.to_be_bytes());
            }
            Value::Text(text) => {
                bytes.push(2);
                bytes.extend((text.len() as u64).to_be_bytes());
                bytes.extend(text.as_bytes());
            }
        }
    }
    bytes
}

/// A log as a whole.
#[derive(PartialEq, Eq)]
struct Log {
    entries: u64,
    /// What clients are told.
    digest: RoomDigest,
    /// What they are not.
    inner: RoomDigest,
}

/// A log, and whether the store keeps anything beside it that does not fit.
async fn log(logs: &dyn LogArchive, room: &RoomId, progress: &dyn Progress) -> Res<(Log, bool)> {
    let mut log = Log { entries: 0, digest: RoomDigest::EMPTY, inner: RoomDigest::EMPTY };
    let mut astray = false;
    let mut at = Seq::ZERO;
    loop {
        let entries = logs.read(room, Slice::After(at), PAGE).await?;
        let Some(last) = entries.last() else { return Ok((log, astray)) };
        at = last.seq;
        for entry in &entries {
            log.entries += 1;
            log.digest.add(entry);
            let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::Text(text.to_owned()));
            log.inner.chain(&bytes(&[
                Value::Int(entry.ord),
                Value::Int(entry.fence.0),
                Value::Int(entry.at.0),
                Value::Int(entry.by.0),
                text(Some(entry.client_ref.as_str())),
                text(entry.digest.as_ref().map(|digest| digest.0.as_str())),
                text(entry.body.as_ref().map(|body| body.get())),
            ]));
        }
        astray |= !logs.astray(&entries).await?.is_empty();
        progress.step(entries.len() as u64);
    }
}
