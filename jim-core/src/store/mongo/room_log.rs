//! Room logs: one document an entry, numbered by a unique key.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use serde_json::value::RawValue;

use super::calls::Calls;
use super::entry::{EntryDoc, HeadDoc};
use super::error::{has_stored, in_time, repo_error, within};
use super::indexes::REF;
use super::{Entries, MongoRoomLog, unread};
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::ClientRef;
use crate::model::entry::{Entry, Head, NewEntry};
use crate::repo::{Appended, RepoError, Res, RoomLogRepo, Slice, Unread, UnreadCount};
use crate::store::numbering::{Named, Plan, Rows};

/// References that are looked up in one command.
const TOGETHER: usize = 64;

/// Appends at once; rooms share them evenly, and each appends batches.
const LANES: usize = 16;

/// The collection, for one append.
struct Append<'a> {
    entries: &'a Entries,
    calls: &'a Calls,
}

impl Rows for Append<'_> {
    async fn heads(&mut self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        heads(self.entries, self.calls, rooms).await
    }

    async fn find(&mut self, batch: &[NewEntry]) -> Res<Vec<Option<Arc<Entry>>>> {
        let mut found = HashMap::new();
        for batch in batch.chunks(TOGETHER) {
            let refs: Vec<_> = batch.iter().map(|new| by_ref(&new.room, new.by, &new.client_ref)).collect();
            let entries = self.entries.clone();
            let entries = self.calls.make(async move {
                entries.find(doc! { "$or": refs }).hint(Hint::Name(REF.into())).await?.try_collect().await
            });
            let entries = all(entries.await)?;
            found.extend(entries.into_iter().map(|entry| ((entry.room, entry.by, entry.client_ref.clone()), entry)));
        }
        Ok(batch.iter().map(|new| found.get(&(new.room, new.by, new.client_ref.clone())).cloned()).collect())
    }

    /// An ordered insert for each room, which stops at the first document that a key refuses. Rooms of one entry, which
    /// are most of a wide batch, share an insert that stops nowhere.
    async fn store(&mut self, plan: &Plan<'_>, named: &mut Named) -> Res<()> {
        let mut rooms: HashMap<RoomId, Vec<(&NewEntry, &Arc<Entry>)>> = HashMap::new();
        for (new, entry) in plan.new_entries() {
            rooms.entry(entry.room).or_default().push((new, entry));
        }
        let (single, long): (Vec<_>, Vec<_>) = rooms.into_values().partition(|entries| entries.len() == 1);
        let shared = Some((single.concat(), false)).filter(|(entries, _)| !entries.is_empty());
        let inserts = long.into_iter().map(|entries| (entries, true)).chain(shared);
        let inserts = inserts.map(async |(entries, ordered)| {
            let docs: Vec<_> = entries.iter().map(|(new, entry)| EntryDoc::of(new, entry)).collect();
            let collection = self.entries.clone();
            let insert = async move { collection.insert_many(docs).ordered(ordered).await };
            let done = self.calls.make(insert).await;
            let stored = |n: &usize| done.as_ref().err().is_none_or(|error| has_stored(error, *n, ordered));
            let stored = (0..entries.len()).filter(stored).map(|n| (entries[n].1.room, entries[n].1.seq));
            (stored.collect::<Vec<_>>(), done.map(|_| ()).map_err(repo_error))
        });
        let (stored, done): (Vec<_>, Vec<_>) = join_all(inserts).await.into_iter().unzip();
        named.extend(stored.into_iter().flatten());
        // An insert of which nothing is known outweighs one that was refused.
        let (refused, others): (Vec<_>, Vec<_>) =
            done.into_iter().partition(|done| matches!(done, Err(RepoError::Conflict)));
        others.into_iter().collect::<Res<()>>()?;
        refused.into_iter().collect()
    }
}

#[async_trait]
impl RoomLogRepo for MongoRoomLog {
    async fn ping(&self) -> Res<()> {
        let database = self.database.clone();
        let ping = self.calls.make(async move { database.run_command(doc! { "ping": 1 }).await });
        within(ping).await.map(|_| ())
    }

    fn lanes(&self) -> usize {
        LANES
    }

    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        let mut append = Append { entries: &self.entries, calls: &self.calls };
        in_time(self.ends.append(&mut append, batch)).await
    }

    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        // To MongoDB a limit of 0 is none.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (filter, sort) = sliced(room, slice);
        let entries = self.entries.clone();
        let found = self.calls.make(async move {
            let found = entries.find(filter).sort(doc! { "seq": sort }).limit(limit.into()).batch_size(limit.into());
            found.await?.try_collect().await
        });
        let mut entries = in_time(async { all(found.await) }).await?;
        if sort < 0 {
            entries.reverse();
        }
        Ok(entries)
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        in_time(heads(&self.entries, &self.calls, rooms)).await
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        let (entries, filter) = (self.entries.clone(), by_ref(room, by, client_ref));
        let found = self.calls.make(async move { entries.find_one(filter).await });
        within(found).await?.map(TryInto::try_into).transpose()
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        let entry = doc! { "room": room.to_string(), "seq": seq.0 };
        let stub = doc! { "$set": { "body": stub.get(), "erased": true }, "$unset": { "digest": "" } };
        let entries = self.entries.clone();
        within(self.calls.make(async move { entries.update_one(entry, stub).await })).await.map(|_| ())
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        in_time(unread::count(&self.entries, &self.calls, asks)).await
    }
}

/// The filter of a part of a log, and which way it is read.
pub(super) fn sliced(room: &RoomId, slice: Slice<'_>) -> (Document, i32) {
    let (seq, sort) = match slice {
        Slice::After(seq) => (doc! { "$gt": seq.0 }, 1),
        Slice::Before(seq) => (doc! { "$lt": seq.0 }, -1),
        Slice::Only(seqs) => (doc! { "$in": seqs.iter().map(|seq| seq.0).collect::<Vec<_>>() }, 1),
    };
    (doc! { "room": room.to_string(), "seq": seq }, sort)
}

pub(super) fn by_ref(room: &RoomId, by: UserId, client_ref: &ClientRef) -> Document {
    doc! { "room": room.to_string(), "by": by.0, "ref": client_ref.as_str() }
}

fn all(found: mongodb::error::Result<Vec<EntryDoc>>) -> Res<Vec<Arc<Entry>>> {
    found.map_err(repo_error)?.into_iter().map(TryInto::try_into).collect()
}

/// The first of each room in the order of the key of numbers, so MongoDB steps from room to room.
pub(super) async fn heads(entries: &Entries, calls: &Calls, rooms: &[RoomId]) -> Res<Vec<Head>> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let (entries, last) = (entries.clone(), last_of(rooms));
    let found = calls.make(async move {
        entries.aggregate(last).batch_size(1_000).with_type::<HeadDoc>().await?.try_collect::<Vec<_>>().await
    });
    let found = found.await.map_err(repo_error)?;
    let mut known = HashMap::with_capacity(found.len());
    for head in found {
        let head = Head::try_from(head)?;
        known.insert(head.room, head);
    }
    Ok(rooms.iter().map(|room| known.get(room).copied().unwrap_or(Head::empty(*room))).collect())
}

pub(super) fn last_of(rooms: &[RoomId]) -> [Document; 3] {
    let rooms: Vec<String> = rooms.iter().map(ToString::to_string).collect();
    let first = |field: &str| doc! { "$first": format!("${field}") };
    [
        doc! { "$match": { "room": { "$in": rooms } } },
        doc! { "$sort": { "room": 1, "seq": -1 } },
        doc! { "$group": {
            "_id": "$room", "seq": first("seq"), "ord": first("ord"), "fence": first("fence"), "at": first("at"),
        } },
    ]
}
