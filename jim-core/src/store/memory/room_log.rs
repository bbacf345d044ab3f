use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;

use super::slice;
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::ClientRef;
use crate::model::entry::{Entry, Guard, Head, NewEntry};
use crate::repo::{Appended, Res, RoomLogRepo, Slice};

/// The room logs in memory.
#[derive(Default)]
pub struct MemoryRoomLog(RwLock<HashMap<RoomId, Log>>);

struct Log {
    head: Head,
    entries: BTreeMap<Seq, Arc<Entry>>,
    refs: HashMap<(UserId, ClientRef), Arc<Entry>>,
}

impl Log {
    fn new(room: RoomId) -> Self {
        Log { head: Head::empty(room), entries: BTreeMap::new(), refs: HashMap::new() }
    }

    /// References first, then the fence: a repeat of what was accepted gets its entry whatever happened since.
    fn append(&mut self, new: &NewEntry) -> Appended {
        let triple = (new.by, new.client_ref.clone());
        if let Some(entry) = self.refs.get(&triple) {
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
        self.refs.insert(triple, entry.clone());
        Appended::New(entry)
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
        Ok(self.logs().get(room).and_then(|log| log.refs.get(&triple)).cloned())
    }
}
