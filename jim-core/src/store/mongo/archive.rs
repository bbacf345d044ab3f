//! All of the logs, room by room.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use mongodb::bson::doc;
use serde::Deserialize;

use super::MongoRoomLog;
use super::entry::EntryDoc;
use super::error::within;
use super::indexes::ENTRIES;
use super::room_log::sliced;
use crate::id::Seq;
use crate::model::Entry;
use crate::repo::{LogArchive, Res, Slice};

/// Documents of one insert, which has to be answered in time.
const TOGETHER: usize = 64;

#[derive(Deserialize)]
struct Room {
    room: String,
}

#[async_trait]
impl LogArchive for MongoRoomLog {
    async fn size(&self) -> Res<u64> {
        let entries = self.entries.clone();
        within(self.calls.make(async move { entries.estimated_document_count().await })).await
    }

    async fn next_room(&self, after: &str) -> Res<Option<String>> {
        let rooms = self.database.collection::<Room>(ENTRIES);
        let after = doc! { "room": { "$gt": after } };
        let next = self.calls.make(async move {
            rooms.find_one(after).sort(doc! { "room": 1, "seq": -1 }).projection(doc! { "_id": 0, "room": 1 }).await
        });
        Ok(within(next).await?.map(|next| next.room))
    }

    async fn restore(&self, entries: &[Arc<Entry>]) -> Res<()> {
        for part in entries.chunks(TOGETHER) {
            let docs: Vec<EntryDoc> = part.iter().map(|entry| EntryDoc::restored(entry)).collect();
            let entries = self.entries.clone();
            within(self.calls.make(async move { entries.insert_many(docs).ordered(true).await })).await?;
        }
        Ok(())
    }

    async fn astray(&self, entries: &[Arc<Entry>]) -> Res<Vec<(Seq, &'static str)>> {
        let Some(first) = entries.first() else { return Ok(Vec::new()) };
        let seqs: Vec<Seq> = entries.iter().map(|entry| entry.seq).collect();
        let (filter, _) = sliced(&first.room, Slice::Only(&seqs));
        let collection = self.entries.clone();
        let found = async move { collection.find(filter).sort(doc! { "seq": 1 }).await?.try_collect().await };
        let docs: Vec<EntryDoc> = within(self.calls.make(found)).await?;
        let pairs = docs.iter().filter_map(|doc| Some((doc, entries.iter().find(|entry| entry.seq == doc.seq())?)));
        Ok(pairs.filter_map(|(doc, entry)| Some((doc.seq(), doc.astray(entry)?))).collect())
    }
}
