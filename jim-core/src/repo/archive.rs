//! Whole stores, as they are carried from one engine to another and looked over: rows without their meaning on the
//! relational side, entries with their numbers on the other.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Res, RoomLogRepo, Table};
use crate::id::Seq;
use crate::model::Entry;

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        if let Value::Int(value) = self { Some(*value) } else { None }
    }

    /// The text; empty if it is none.
    #[must_use]
    pub fn text(&self) -> &str {
        if let Value::Text(value) = self { value } else { "" }
    }
}

/// The values of a row in the order of its table's columns.
pub type Row = Vec<Value>;

/// The relational side as a whole.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Rows above a key, in the order of keys, which is the same in every engine: numbers by value, texts by byte. An
    /// empty key is below all.
    async fn rows(&self, table: &'static Table, above: &[Value], limit: u16) -> Res<Vec<Row>>;
    /// The highest key.
    async fn last_key(&self, table: &'static Table) -> Res<Option<Row>>;
    /// Whether each of these keys stands in these columns of any row, in the order asked; at most 1,000.
    async fn present(&self, table: &'static Table, columns: &[&'static str], keys: &[Row]) -> Res<Vec<bool>>;
    /// Stores rows, all or none; one of the same key is replaced. At most 1,000.
    async fn put(&self, table: &'static Table, rows: &[Row]) -> Res<()>;
    /// Removes the row of a key; without effect if there is none.
    async fn remove(&self, table: &'static Table, key: &[Value]) -> Res<()>;
    /// The last id that a table gave, whether its row still stands or not; 0 if it gave none.
    async fn last_id(&self, table: &'static Table) -> Res<i64>;
    /// Lets the next id be the one after this.
    async fn set_last_id(&self, table: &'static Table, id: i64) -> Res<()>;
}

/// The room logs as a whole.
#[async_trait]
pub trait LogArchive: RoomLogRepo {
    /// About how many entries there are.
    async fn size(&self) -> Res<u64>;
    /// The name of the next room that has a log, by byte; as it is stored, whether it is a room's name or not.
    async fn next_room(&self, after: &str) -> Res<Option<String>>;
    /// Stores entries of one room as they are, all or the first of them; they follow the end of its log. What a store
    /// keeps beside its entries, to find them, it makes from them. At most 1,000.
    async fn restore(&self, entries: &[Arc<Entry>]) -> Res<()>;
    /// Entries of one room, in order, beside which the store keeps what does not fit them, and what that is.
    async fn astray(&self, entries: &[Arc<Entry>]) -> Res<Vec<(Seq, &'static str)>>;
}
