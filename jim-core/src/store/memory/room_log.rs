use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;
use serde_json::value::RawValue;

use super::slice;
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::ClientRef;
use crate::model::entry::{Entry, Guard, Head, NewEntry};
use crate::repo::{Appended, Res, RoomLogRepo, Slice, Unread, UnreadCount};

/// The room logs in memory.
#[derive(Default)]
pub struct MemoryRoomLog(RwLock<HashMap<RoomId, Log>>);

struct Log {
    head: Head,
    entries: BTreeMap<Seq, Arc<Entry>>,
    refs: HashMap<(UserId, ClientRef), Seq>,
    mentions: BTreeSet<(UserId, Seq)>,
}

impl Log {
    fn new(room: RoomId) -> Self {
        Log { head: Head::empty(room), entries: BTreeMap::new(), refs: HashMap::new(), mentions: BTreeSet::new() }
    }

    /// References first, then the fence: a repeat of what was accepted gets its entry whatever happened since.
    fn append(&mut self, new: &NewEntry) -> Appended {
        let triple = (new.by, new.client_ref.clone());
        if let Some(entry) = self.find(&triple) {
            return if entry.repeats(new.digest.as_ref()) {
                Appended::Again(entry.clone())
            } else {
                Appended::Differs(entry.seq)
            };
        }
        if let Guard::Fence(fence) = new.guard
            && self.head.fence > fence
        {
            return Appended::Stale(self.head);
        }
        let entry = Arc::new(self.head.number(new));
        self.entries.insert(entry.seq, entry.clone());
        self.refs.insert(triple, entry.seq);
        self.mentions.extend(new.mentions.iter().map(|user| (*user, entry.seq)));
        Appended::New(entry)
    }
}

impl Log {
    fn find(&self, triple: &(UserId, ClientRef)) -> Option<&Arc<Entry>> {
        self.entries.get(self.refs.get(triple)?)
    }

    fn unread(&self, ask: &Unread) -> UnreadCount {
        let above = self.entries.range((Bound::Excluded(ask.mark.seq), Bound::Unbounded));
        let unread = above.filter(|(_, entry)| entry.is_message() && entry.by != ask.user);
        let mut count = UnreadCount::default();
        for (seq, _) in unread {
            count.messages += 1;
            let mentioned = [ask.user, UserId::SYSTEM].iter().any(|user| self.mentions.contains(&(*user, *seq)));
            count.mentions += u64::from(mentioned);
        }
        count
    }
}

impl MemoryRoomLog {
    fn logs(&self) -> RwLockReadGuard<'_, HashMap<RoomId, Log>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RoomLogRepo for MemoryRoomLog {
    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        let mut logs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let log = |new: &NewEntry| logs.entry(new.room).or_insert_with(|| Log::new(new.room)).append(new);
        Ok(batch.iter().map(log).collect())
    }

    async fn read(&self, room: &RoomId, part: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        Ok(self.logs().get(room).map(|log| slice(&log.entries, part, limit)).unwrap_or_default())
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        let logs = self.logs();
        Ok(rooms.iter().map(|room| logs.get(room).map_or(Head::empty(*room), |log| log.head)).collect())
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        let triple = (by, client_ref.clone());
        Ok(self.logs().get(room).and_then(|log| log.find(&triple)).cloned())
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        let mut logs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = logs.get_mut(room).and_then(|log| log.entries.get_mut(&seq)) {
            let body = Some(Arc::from(stub.to_owned()));
            *entry = Arc::new(Entry { body, digest: None, json: OnceLock::new(), ..(**entry).clone() });
        }
        Ok(())
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        let logs = self.logs();
        Ok(asks.iter().map(|ask| logs.get(&ask.room).map(|log| log.unread(ask)).unwrap_or_default()).collect())
    }
}
