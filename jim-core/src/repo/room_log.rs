use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::RawValue;

use super::Res;
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::ClientRef;
use crate::model::conversation::Mark;
use crate::model::entry::{Entry, Head, NewEntry};

/// What became of an append.
#[derive(Debug, Clone)]
pub enum Appended {
    /// It stands in the log.
    New(Arc<Entry>),
    /// It stood in the log already, with the same content.
    Again(Arc<Entry>),
    /// Its reference stands in the log with other content, at this number.
    Differs(Seq),
    /// A right was taken away since it was decided; decide again.
    Stale(Head),
}

/// Which entries of a log.
#[derive(Debug, Clone, Copy)]
pub enum Slice<'a> {
    /// The first ones above a number.
    After(Seq),
    /// The last ones below a number.
    Before(Seq),
    /// Exactly these.
    Only(&'a [Seq]),
}

/// What a person has not read yet of a room: everything above a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// The room.
    pub room: RoomId,
    /// The person.
    pub user: UserId,
    /// What is read.
    pub mark: Mark,
}

/// How much that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnreadCount {
    /// Messages of others that still stand.
    pub messages: u64,
    /// Those among them that mention the person, or everybody.
    pub mentions: u64,
}

/// Entries above a mark that are looked at one by one to count what is unread.
pub const COUNTED_EXACTLY: i64 = 1000;

/// The numbered logs of rooms.
#[async_trait]
pub trait RoomLogRepo: Send + Sync {
    /// How many batches at once are worth it. All entries of a room come in the batches of one lane, so that a node's
    /// own appends never meet.
    fn lanes(&self) -> usize {
        1
    }

    /// Appends a batch of at most 512 entries: one answer each, in order; numbers of a room follow its order in
    /// the batch. Idempotent by (room, by, `client_ref`) for ever; no such triple stands twice in a batch. A
    /// reader never sees a number before the one below it. On an error, any of the batch may have been stored:
    /// the same batch can be offered again.
    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>>;
    /// Entries in ascending order.
    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>>;
    /// The end of each log, in the order asked; at most 1,000.
    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>>;
    /// The entry of a reference.
    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>>;

    /// Takes the body of an entry away and puts a stub in its place; its digest goes too, its number and its reference
    /// stay. Answered, no reader sees the body again. Idempotent; without effect where there is no such entry.
    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()>;
    /// Counts what is unread, in the order asked. Exact while at most [`COUNTED_EXACTLY`] entries are above the mark;
    /// beyond that the person's own messages, of which a mark is usually above, count too.
    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>>;

    /// Whether storage answers.
    async fn ping(&self) -> Res<()> {
        self.heads(&[]).await.map(|_| ())
    }

    /// The end of one log.
    async fn head(&self, room: &RoomId) -> Res<Head> {
        Ok(self.heads(std::slice::from_ref(room)).await?.pop().unwrap_or(Head::empty(*room)))
    }
}
