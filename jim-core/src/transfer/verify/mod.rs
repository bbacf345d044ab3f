//! A look over a whole store: is every log whole, is nothing owed, does every reference lead somewhere.
//!
//! A server may go on writing meanwhile: ends of logs are read before what leads to them, and what is missed is looked
//! for twice.

mod groups;
mod logs;
mod outbox;
mod references;
mod rooms;
mod user_logs;

use std::fmt;

use super::{Progress, Whole};
use crate::repo::{Res, Row, Table, Value};

/// Something that is not as it should be. Holds no text of anybody and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: `g:4 entry 17`, `members 4/3`.
    pub place: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rooms with a log.
    pub rooms: u64,
    /// Their entries.
    pub entries: u64,
    /// Rows of the relational side.
    pub rows: u64,
    /// What was found.
    pub findings: u64,
}

/// Looks over a store and tells each finding as it is met.
pub async fn verify(of: Whole<'_>, progress: &dyn Progress, tell: &mut (dyn FnMut(Finding) + Send)) -> Res<Checked> {
    let mut look = Look { of, progress, tell, checked: Checked::default() };
    let owed = outbox::owed(&mut look).await?;
    logs::check(&mut look).await?;
    user_logs::check(&mut look).await?;
    references::check(&mut look).await?;
    rooms::check(&mut look).await?;
    groups::check(&mut look).await?;
    outbox::check(&mut look, owed).await?;
    Ok(look.checked)
}

struct Look<'a> {
    of: Whole<'a>,
    progress: &'a dyn Progress,
    tell: &'a mut (dyn FnMut(Finding) + Send),
    checked: Checked,
}

impl Look<'_> {
    fn found(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.checked.findings += 1;
        (self.tell)(Finding { place: place.into(), what: what.into() });
    }

    /// A page of a table, above a key that is moved to its end.
    async fn page(&mut self, table: &'static Table, above: &mut Row) -> Res<Vec<Row>> {
        let rows = self.of.store.rows(table, above, super::PAGE).await?;
        if let Some(last) = rows.last() {
            *above = last[..table.key].to_vec();
        }
        Ok(rows)
    }

    /// Whether a row still stands.
    async fn stands(&self, table: &'static Table, row: &Row) -> Res<bool> {
        let key = row[..table.key].to_vec();
        Ok(self.of.store.present(table, table.key_columns(), &[key]).await?[0])
    }
}

/// A row by its key; hashes, and what people have written, are left out.
fn place(table: &Table, row: &Row) -> String {
    let key = row[..table.key].iter().map(|value| match value {
        Value::Int(value) => value.to_string(),
        Value::Text(text) if table.columns[0] != "hash" && table.name != "friend_labels" => text.clone(),
        _ => "…".into(),
    });
    format!("{} {}", table.name, key.collect::<Vec<_>>().join("/"))
}
