//! The logs of rooms: 1 to n without a hole, numbered by the rules of [`Head::number`](crate::model::entry::Head::number).

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Look;
use super::rooms::exists;
use crate::id::{RoomId, Seq, UserId};
use crate::model::Entry;
use crate::model::entry::Head;
use crate::repo::tables::USERS;
use crate::repo::{RepoError, Res, Slice, Value};

/// Findings of one log, beyond which it is only said that there are more.
const MOST: u64 = 20;

pub(super) async fn check(look: &mut Look<'_>) -> Res<()> {
    look.progress.begin("room logs", look.of.logs.size().await?);
    let mut name = String::new();
    while let Some(next) = look.of.logs.next_room(&name).await? {
        name = next;
        look.checked.rooms += 1;
        match name.parse::<RoomId>() {
            Err(_) => look.found("room logs", "a log has a name that is no room's"),
            Ok(room) => match log(look, room).await {
                Err(RepoError::Broken(_)) => look.found(room.to_string(), "an entry cannot be read"),
                done => done?,
            },
        }
    }
    Ok(())
}

async fn log(look: &mut Look<'_>, room: RoomId) -> Res<()> {
    let logs = look.of.logs;
    if !exists(look, &room).await? {
        look.found(room.to_string(), "there is a log of this room, and no such room");
    }
    let end = logs.head(&room).await?;
    let mut walk = Walk { head: Head::empty(room), refs: HashSet::new(), found: 0 };
    while walk.head.seq < end.seq {
        let mut entries = logs.read(&room, Slice::After(walk.head.seq), super::super::PAGE).await?;
        entries.retain(|entry| entry.seq <= end.seq);
        if entries.is_empty() {
            let (last, head) = (walk.head.seq, end.seq);
            walk.tell(
                look,
                format!("{room} entry {}", last.next()),
                format!("the log ends at {last}, its head says {head}"),
            );
            return Ok(());
        }
        for entry in &entries {
            walk.step(look, entry);
        }
        writers(look, &mut walk, &entries).await?;
        for (seq, what) in logs.astray(&entries).await? {
            walk.tell(look, format!("{room} entry {seq}"), what);
        }
        look.checked.entries += entries.len() as u64;
        look.progress.step(entries.len() as u64);
    }
    if walk.head != end {
        look.found(room.to_string(), "its head says another place, fence or time than its last entry");
    }
    // An entry that came meanwhile has moved the head when it can be read.
    let above = logs.read(&room, Slice::After(end.seq), 1).await?;
    if let Some(above) = above.first()
        && logs.head(&room).await?.seq < above.seq
    {
        look.found(format!("{room} entry {}", above.seq), "it stands above the head of its log");
    }
    Ok(())
}

/// What is known of a log up to a place.
struct Walk {
    head: Head,
    refs: HashSet<[u8; 16]>,
    found: u64,
}

impl Walk {
    fn tell(&mut self, look: &mut Look<'_>, place: String, what: impl Into<String>) {
        self.found += 1;
        match self.found {
            1..=MOST => look.found(place, what),
            found if found == MOST + 1 => look.found(self.head.room.to_string(), "there is more of this log"),
            _ => {}
        }
    }

    fn step(&mut self, look: &mut Look<'_>, entry: &Entry) {
        let place = format!("{} entry {}", entry.room, entry.seq);
        let before = self.head;
        let wanted = before.seq.next();
        if entry.seq == wanted {
            // What a person wrote counts, and an entry that takes a right away is the fence.
            if entry.ord != before.ord + i64::from(entry.was_message()) {
                self.tell(look, place.clone(), format!("its place is {} after {}", entry.ord, before.ord));
            }
            let fence = if entry.kind.fences() { entry.seq } else { before.fence };
            if entry.fence != fence {
                self.tell(look, place.clone(), format!("its fence is {} and not {fence}", entry.fence));
            }
        } else {
            let last = Seq(entry.seq.0 - 1);
            let what =
                if last == wanted { "it is missing".into() } else { format!("entries up to {last} are missing") };
            self.tell(look, format!("{} entry {wanted}", entry.room), what);
        }
        if entry.at < before.at {
            self.tell(look, place.clone(), "it is older than the entry before");
        }
        let hash = Sha256::digest(format!("{}/{}", entry.by, entry.client_ref));
        let mut name = [0; 16];
        name.copy_from_slice(&hash[..16]);
        if !self.refs.insert(name) {
            self.tell(look, place.clone(), "its writer used its reference before");
        }
        if entry.body.is_none() {
            self.tell(look, place, "it has no body");
        }
        self.head = Head { room: entry.room, seq: entry.seq, ord: entry.ord, fence: entry.fence, at: entry.at };
    }
}

async fn writers(look: &mut Look<'_>, walk: &mut Walk, entries: &[Arc<Entry>]) -> Res<()> {
    let mut writers: Vec<UserId> = entries.iter().map(|entry| entry.by).filter(|by| *by != UserId::SYSTEM).collect();
    writers.sort_unstable();
    writers.dedup();
    let keys: Vec<_> = writers.iter().map(|by| vec![Value::Int(by.0)]).collect();
    let known = look.of.store.present(&USERS, &["id"], &keys).await?;
    for (writer, _) in writers.iter().zip(known).filter(|(_, known)| !known) {
        if let Some(entry) = entries.iter().find(|entry| entry.by == *writer) {
            let place = format!("{} entry {}", entry.room, entry.seq);
            walk.tell(look, place, format!("there is no account {writer}, which wrote it"));
        }
    }
    Ok(())
}
