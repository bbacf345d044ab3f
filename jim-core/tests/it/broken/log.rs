use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use jim_core::id::{RoomId, Seq, UserId};
use jim_core::model::content::ClientRef;
use jim_core::model::entry::{Entry, Guard, Head, NewEntry};
use jim_core::repo::{Appended, Res, RoomLogRepo, Slice, Unread, UnreadCount};
use jim_core::testkit::fixtures::client_ref;
use jim_core::time::Millis;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::Fault;

/// Room logs with one fault.
pub(super) struct BrokenLog {
    log: Arc<dyn RoomLogRepo>,
    fault: Fault,
    calls: AtomicU64,
    /// The time each entry was offered with, where the log forgets that time never goes back.
    offered: Mutex<HashMap<(RoomId, Seq), Millis>>,
}

impl BrokenLog {
    pub(super) fn new(log: Arc<dyn RoomLogRepo>, fault: Fault) -> Self {
        BrokenLog { log, fault, calls: AtomicU64::new(0), offered: Mutex::default() }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// What the broken log makes of what it is offered.
    fn offer(&self, new: &NewEntry) -> NewEntry {
        let mut new = new.clone();
        match self.fault {
            Fault::RefsForgotten => {
                new.client_ref = client_ref(&format!("forgotten-{}", self.calls.fetch_add(1, Ordering::SeqCst)));
            }
            Fault::RefsPerRoom => new.by = UserId(1),
            Fault::DigestIgnored => new.digest = None,
            Fault::FenceIgnored => new.guard = Guard::Decided,
            Fault::DecidedIsFenced if new.guard == Guard::Decided && !new.fences => new.guard = Guard::Fence(Seq::ZERO),
            Fault::AllCounted => new.counted = true,
            Fault::BodiesReencoded => {
                let value: Value = serde_json::from_str(new.body.get()).unwrap();
                new.body = to_raw_value(&value).unwrap().into();
            }
            _ => {}
        }
        new
    }

    /// What the broken log shows of an entry.
    fn show(&self, entry: &Entry) -> Arc<Entry> {
        let mut entry = Entry { json: OnceLock::new(), ..entry.clone() };
        if self.is(Fault::Hole) && entry.seq > Seq(3) {
            entry.seq = entry.seq.next();
        }
        if let Some(at) = self.offered.lock().unwrap().get(&(entry.room, entry.seq)) {
            entry.at = *at;
        }
        Arc::new(entry)
    }
}

#[async_trait]
impl RoomLogRepo for BrokenLog {
    async fn append(&self, batch: &[NewEntry]) -> Res<Vec<Appended>> {
        let mut answers = Vec::new();
        for new in batch {
            let head = self.log.head(&new.room).await?;
            if self.is(Fault::FenceBeforeRefs) && matches!(new.guard, Guard::Fence(fence) if head.fence > fence) {
                answers.push(Appended::Stale(head));
                continue;
            }
            answers.push(match self.log.append(&[self.offer(new)]).await?.remove(0) {
                Appended::New(entry) => {
                    if self.is(Fault::TimeGoesBack) {
                        self.offered.lock().unwrap().insert((entry.room, entry.seq), new.at);
                    }
                    Appended::New(self.show(&entry))
                }
                Appended::Again(entry) => Appended::Again(self.show(&entry)),
                other => other,
            });
        }
        Ok(answers)
    }

    async fn read(&self, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
        let limit = if self.is(Fault::LimitIgnored) { u16::MAX } else { limit };
        let mut entries: Vec<_> =
            self.log.read(room, slice, limit).await?.iter().map(|entry| self.show(entry)).collect();
        if self.is(Fault::BeforeDownwards) && matches!(slice, Slice::Before(_)) {
            entries.reverse();
        }
        // Each second reader is shown the last entry before the one below it.
        if self.is(Fault::EarlyNumber)
            && entries.len() > 1
            && self.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)
        {
            entries.remove(entries.len() - 2);
        }
        Ok(entries)
    }

    async fn heads(&self, rooms: &[RoomId]) -> Res<Vec<Head>> {
        let mut heads = self.log.heads(rooms).await?;
        if self.is(Fault::HeadsOutOfOrder) {
            heads.sort_by_key(|head| head.room);
        }
        Ok(heads)
    }

    async fn find_ref(&self, room: &RoomId, by: UserId, client_ref: &ClientRef) -> Res<Option<Arc<Entry>>> {
        Ok(self.log.find_ref(room, by, client_ref).await?.map(|entry| self.show(&entry)))
    }

    async fn erase(&self, room: &RoomId, seq: Seq, stub: &RawValue) -> Res<()> {
        if self.is(Fault::NothingErased) { Ok(()) } else { self.log.erase(room, seq, stub).await }
    }

    async fn unread(&self, asks: &[Unread]) -> Res<Vec<UnreadCount>> {
        let mut asks = asks.to_vec();
        if self.is(Fault::OwnCountAsUnread) {
            for ask in &mut asks {
                ask.user = UserId(1);
            }
        }
        self.log.unread(&asks).await
    }
}
