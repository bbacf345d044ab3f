//! The collections' keys, and the level of a database.

use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use serde::Deserialize;

use super::entry::EntryDoc;

pub(super) const ENTRIES: &str = "jim_entries";
const META: &str = "jim_meta";

/// A number stands once in a room; read backwards it leads to the end of the log.
pub(super) const NUMBER: &str = "jim_number";
/// A reference stands once.
pub(super) const REF: &str = "jim_ref";
/// Who is mentioned where.
pub(super) const MENTIONS: &str = "jim_mentions";
/// What was taken back.
pub(super) const ERASED: &str = "jim_erased";

/// What this release can work with; what it makes of a database needs no other.
pub(super) const LEVEL: i64 = 1;

#[derive(Deserialize)]
struct Meta {
    level: i64,
}

/// The level that a database needs, if it says so.
pub(super) async fn level(database: &Database) -> mongodb::error::Result<Option<i64>> {
    let meta = database.collection::<Meta>(META).find_one(doc! { "_id": ENTRIES }).await?;
    Ok(meta.map(|meta| meta.level))
}

/// Makes what is missing. Nodes that start at once make the same, once.
pub(super) async fn make(database: &Database) -> mongodb::error::Result<()> {
    let number = doc! { "room": 1, "seq": -1 };
    let by_ref = doc! { "room": 1, "by": 1, "ref": 1 };
    let mentions = doc! { "mentions": 1, "room": 1, "seq": 1 };
    let erased = doc! { "erased": 1, "room": 1, "seq": 1 };
    let partial = |filter: Document| IndexOptions::builder().partial_filter_expression(filter).build();
    let unique = || IndexOptions::builder().unique(true).build();
    let indexes = [
        (NUMBER, number, unique()),
        (REF, by_ref, unique()),
        (MENTIONS, mentions, partial(doc! { "mentions": { "$exists": true } })),
        (ERASED, erased, partial(doc! { "erased": true })),
    ];
    let indexes = indexes.map(|(name, keys, mut options)| {
        options.name = Some(name.into());
        IndexModel::builder().keys(keys).options(options).build()
    });
    database.collection::<EntryDoc>(ENTRIES).create_indexes(indexes).await?;
    let meta = database.collection::<Document>(META);
    let raised = meta.update_one(doc! { "_id": ENTRIES }, doc! { "$max": { "level": LEVEL } }).upsert(true).await;
    match raised {
        // Another node has made it in this moment.
        Err(error) if super::error::code(&error) == Some(super::error::DUPLICATE_KEY) => Ok(()),
        raised => raised.map(|_| ()),
    }
}
