//! Whole stores: carried from one engine to another, and looked over. Works on ports alone.

mod compare;
mod copy;
mod verify;

pub use compare::{Comparison, TableCount};
pub use copy::{Move, MoveError};
pub use verify::{Checked, Finding, verify};

use crate::repo::tables::SETTINGS;
use crate::repo::{Archive, LogArchive, Res, Row, Store, Value};

/// Rows and entries in memory at once.
const PAGE: u16 = 200;

/// The setting that says that a move is going on; it is carried nowhere.
const MARK: &str = "moving";
/// Its value in a store that is being emptied into another.
const AWAY: &str = "away";
/// Its value in a store whose logs are being carried to another place.
const LOGS: &str = "logs";

/// A whole store: the relational side and the room logs, which may be one.
#[derive(Clone, Copy)]
pub struct Whole<'a> {
    /// The relational side.
    pub store: &'a dyn Archive,
    /// The room logs.
    pub logs: &'a dyn LogArchive,
}

/// Is told how far the work is.
pub trait Progress: Send + Sync {
    /// A part begins, which has about so many steps.
    fn begin(&self, part: &str, steps: u64);
    /// So many steps of it are done.
    fn step(&self, steps: u64);
}

/// Tells nobody.
impl Progress for () {
    fn begin(&self, _: &str, _: u64) {}
    fn step(&self, _: u64) {}
}

/// Why a store must not be served: a move that has not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Moving {
    /// It holds a part of another.
    #[error("a move into this store has not come to its end: run `jim move` again until it says that all is equal")]
    Here,
    /// It is carried elsewhere.
    #[error(
        "this store is being moved: run `jim move` again until it says that all is equal, or `jim move --give-up` to \
         serve it as it is"
    )]
    Away,
}

/// Whether a move of this store has not come to its end.
pub async fn moving(store: &dyn Store) -> Res<Option<Moving>> {
    let mark = store.read().await?.settings().get(MARK).await?;
    Ok(mark.map(|mark| if [AWAY, LOGS].contains(&mark.as_str()) { Moving::Away } else { Moving::Here }))
}

/// Forgets that a store is being moved elsewhere; says whether it was. What the other has is not touched.
pub async fn give_up(store: &dyn Archive) -> Res<bool> {
    let is_away = mark(store).await?.is_some_and(|mark| [AWAY, LOGS].contains(&mark.as_str()));
    if is_away {
        unmark(store).await?;
    }
    Ok(is_away)
}

async fn setting(store: &dyn Archive, name: &str) -> Res<Option<String>> {
    // There are a few settings.
    let rows = store.rows(&SETTINGS, &[], PAGE).await?;
    Ok(rows.iter().find(|row| row[0].text() == name).map(|row| row[1].text().to_owned()))
}

async fn mark(store: &dyn Archive) -> Res<Option<String>> {
    setting(store, MARK).await
}

async fn set_mark(store: &dyn Archive, value: &str) -> Res<()> {
    store.put(&SETTINGS, &[vec![Value::Text(MARK.into()), Value::Text(value.into())]]).await
}

async fn unmark(store: &dyn Archive) -> Res<()> {
    store.remove(&SETTINGS, &[Value::Text(MARK.into())]).await
}

/// Whether a row of the settings is no part of what a store holds.
fn is_mark(table: &'static crate::repo::Table, row: &Row) -> bool {
    table == &SETTINGS && row[0].text() == MARK
}
