//! How much of a room somebody has not read: counted, never written.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use serde::Deserialize;

use super::calls::Calls;
use super::error::repo_error;
use super::indexes::NUMBER;
use super::{Entries, room_log};
use crate::id::{RoomId, UserId};
use crate::model::entry::Kind;
use crate::repo::{COUNTED_EXACTLY, Res, Unread, UnreadCount};

/// Rooms in one command.
const TOGETHER: usize = 100;

pub(super) async fn count(entries: &Entries, calls: &Calls, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
    let rooms: Vec<RoomId> = asks.iter().map(|ask| ask.room).collect();
    let heads = room_log::heads(entries, calls, &rooms).await?;
    let mut counts = vec![UnreadCount::default(); asks.len()];
    let exact = |n: &usize| heads[*n].seq.0 - asks[*n].mark.seq.0 <= COUNTED_EXACTLY;
    let mut left: Vec<usize> = (0..asks.len()).filter(|n| heads[*n].seq > asks[*n].mark.seq).collect();
    while !left.is_empty() {
        // Counts come back by room, so a room that is asked for twice waits for the next command.
        let mut taken = HashSet::new();
        let (now, later): (Vec<_>, _) =
            left.into_iter().partition(|n| taken.len() < TOGETHER && taken.insert(asks[*n].room));
        left = later;
        let (few, many): (Vec<usize>, Vec<usize>) = now.iter().copied().partition(exact);
        let any_of =
            |these: &[usize], filter: fn(&Unread) -> Document| these.iter().map(|n| filter(&asks[*n])).collect();
        let (few, many, mentions) = tokio::try_join!(
            by_room(entries, calls, Some(NUMBER), any_of(&few, messages)),
            by_room(entries, calls, None, any_of(&many, erased)),
            by_room(entries, calls, None, any_of(&now, mentions)),
        )?;
        for n in now {
            let of_room =
                |counts: &HashMap<String, i64>| counts.get(&asks[n].room.to_string()).copied().unwrap_or_default();
            let messages = if exact(&n) { of_room(&few) } else { heads[n].ord - asks[n].mark.ord - of_room(&many) };
            let [messages, mentions] =
                [messages, of_room(&mentions)].map(|count| u64::try_from(count).unwrap_or_default());
            counts[n] = UnreadCount { messages, mentions };
        }
    }
    Ok(counts)
}

/// Messages that others wrote above a mark and that still stand.
pub(super) fn messages(ask: &Unread) -> Document {
    doc! {
        "room": ask.room.to_string(), "seq": { "$gt": ask.mark.seq.0 }, "kind": Kind::MESSAGE_SENT.as_str(),
        "digest": { "$exists": true }, "by": { "$nin": [UserId::SYSTEM.0, ask.user.0] },
    }
}

/// What was taken back above a mark.
pub(super) fn erased(ask: &Unread) -> Document {
    doc! { "erased": true, "room": ask.room.to_string(), "seq": { "$gt": ask.mark.seq.0 } }
}

/// Those that mention somebody, or everybody.
pub(super) fn mentions(ask: &Unread) -> Document {
    doc! {
        "mentions": { "$in": [UserId::SYSTEM.0, ask.user.0] }, "room": ask.room.to_string(),
        "seq": { "$gt": ask.mark.seq.0 }, "digest": { "$exists": true }, "by": { "$ne": ask.user.0 },
    }
}

#[derive(Deserialize)]
struct Count {
    #[serde(rename = "_id")]
    room: String,
    count: i64,
}

/// Counts what any of the filters finds, by room; by a key where MongoDB could choose another.
async fn by_room(
    entries: &Entries,
    calls: &Calls,
    index: Option<&'static str>,
    any_of: Vec<Document>,
) -> Res<HashMap<String, i64>> {
    if any_of.is_empty() {
        return Ok(HashMap::new());
    }
    let entries = entries.clone();
    let found = calls.make(async move {
        let mut found = entries.aggregate(counted(any_of));
        if let Some(index) = index {
            found = found.hint(Hint::Name(index.into()));
        }
        found.with_type::<Count>().await?.try_collect::<Vec<_>>().await
    });
    let found = found.await.map_err(repo_error)?;
    Ok(found.into_iter().map(|found| (found.room, found.count)).collect())
}

pub(super) fn counted(any_of: Vec<Document>) -> [Document; 2] {
    [doc! { "$match": { "$or": any_of } }, doc! { "$group": { "_id": "$room", "count": { "$sum": 1 } } }]
}
