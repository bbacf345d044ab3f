//! Who listens to what, and where each log stands. Everything here happens under one lock and waits for nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::listener::{Close, Shared};
use crate::id::{Seq, SessionId, UserId};
use crate::log::{Frame, Header};
use crate::model::block::Cut;
use crate::model::entry::{Entry as RoomEntry, LogId, hidden_json};

/// How much longer what is late may wait than a hole: who blocks whom is asked for many at once.
const LATE: Duration = Duration::from_secs(1);

/// Since when nothing is sent, and the number of the person's log that made it so.
#[derive(Clone, Copy)]
struct Paused {
    from: Seq,
    told: Seq,
}

struct Member {
    id: u64,
    queue: mpsc::Sender<Bytes>,
    cut: Option<Cut>,
    /// Nothing is sent while what is hidden from the person is read anew.
    paused: Option<Paused>,
    /// What is below was before the person came; a hub that is behind still has to send it to others.
    from: Seq,
    /// How far the person's own log had come when he was found in this one.
    known: Seq,
}

/// One log with listeners.
#[derive(Default)]
pub(super) struct Log {
    /// The number that is sent next; `None` until the log's head is known, and everything is held.
    pub(super) next: Option<Seq>,
    held: BTreeMap<Seq, Frame>,
    members: Vec<Member>,
}

pub(super) struct Entry {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) queue: mpsc::Sender<Bytes>,
    pub(super) shared: Arc<Shared>,
    pub(super) logs: Vec<LogId>,
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) logs: HashMap<LogId, Log>,
    pub(super) listeners: HashMap<u64, Entry>,
    pub(super) users: HashMap<UserId, Vec<u64>>,
    /// People whose first listener came or whose last one went.
    pub(super) moved: BTreeSet<UserId>,
    /// People whose rooms are being read for their listeners, and whether one was, or may have been, taken from them, or
    /// they have blocked somebody, meanwhile.
    pub(super) reading: HashMap<UserId, bool>,
    /// People whose listeners were taken out of a room: those who came again since have to be let in again.
    pub(super) parted: Vec<UserId>,
    /// What came late and is held: its log and number, and who wrote it.
    pub(super) late: Vec<(LogId, Seq, UserId)>,
    /// Logs with a hole, and when it is to be read from the store.
    holes: HashMap<LogId, Instant>,
    last_id: u64,
}

impl Table {
    pub(super) fn add(
        &mut self,
        user: UserId,
        session: SessionId,
        queue: mpsc::Sender<Bytes>,
        shared: Arc<Shared>,
    ) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.listeners.insert(id, Entry { user, session, queue, shared, logs: Vec::new() });
        let ids = self.users.entry(user).or_default();
        ids.push(id);
        if ids.len() == 1 {
            self.moved.insert(user);
        }
        id
    }

    /// The listeners of a person, oldest first.
    pub(super) fn of(&self, user: UserId) -> Vec<u64> {
        self.users.get(&user).cloned().unwrap_or_default()
    }

    /// The listeners of a person that do not hear a log.
    pub(super) fn outside(&self, user: UserId, log: &LogId) -> Vec<u64> {
        self.of(user).into_iter().filter(|id| !self.listeners[id].logs.contains(log)).collect()
    }

    /// Joins a listener to a log in which its person was when his own log stood at `known`; the next frame it gets is
    /// the log's `next`, or `from` if that is later.
    pub(super) fn join(&mut self, id: u64, log: LogId, cut: Option<Cut>, (from, known): (Seq, Seq)) {
        let (Some(entry), Some(place)) = (self.listeners.get_mut(&id), self.logs.get_mut(&log)) else { return };
        entry.logs.push(log);
        place.members.push(Member { id, queue: entry.queue.clone(), cut, paused: None, from, known });
    }

    /// A person has blocked somebody, as his log says at this number: until it is known what is hidden from him,
    /// nothing of their room is sent to him.
    pub(super) fn pause(&mut self, user: UserId, log: &LogId, told: Seq) {
        if let Some(taken) = self.reading.get_mut(&user) {
            *taken = true;
        }
        let ids = self.of(user);
        let Some(place) = self.logs.get_mut(log) else { return };
        let Some(next) = place.next else { return };
        for member in place.members.iter_mut().filter(|member| ids.contains(&member.id)) {
            let from = member.paused.map_or(next, |paused| paused.from);
            member.paused = Some(Paused { from, told });
        }
    }

    /// The lowest number from which a listener of a person was sent nothing of a log, and the number that is next.
    pub(super) fn paused(&self, user: UserId, log: &LogId) -> Option<(Seq, Seq)> {
        let ids = self.of(user);
        let place = self.logs.get(log)?;
        let from = place.members.iter().filter(|member| ids.contains(&member.id)).filter_map(|member| member.paused);
        Some((from.map(|paused| paused.from).min()?, place.next?))
    }

    /// Says what is hidden from a person, as his log stood at a number, and sends what he was not sent meanwhile.
    pub(super) fn set_cut(
        &mut self,
        user: UserId,
        log: &LogId,
        (cut, known): (Option<Cut>, Seq),
        missed: &[Arc<RoomEntry>],
    ) {
        let ids = self.of(user);
        let Some(place) = self.logs.get_mut(log) else { return };
        let Some(next) = place.next else { return };
        let mut resumed = Vec::new();
        for member in place.members.iter_mut().filter(|member| ids.contains(&member.id)) {
            member.cut = cut;
            // A later block is read by a later round.
            if let Some(paused) = member.paused.take_if(|paused| paused.told <= known) {
                resumed.push((member.id, paused.from));
            }
        }
        for (id, from) in resumed {
            let missed = missed.iter().filter(|entry| (from..next).contains(&entry.seq));
            self.catch_up(id, missed.map(|entry| entry.seen_json(false, cut)));
        }
    }

    /// Ends a listener for a reason.
    pub(super) fn close(&mut self, id: u64, why: Close) {
        if let Some(entry) = self.listeners.get(&id) {
            entry.shared.close(why);
        }
        self.detach(id);
    }

    pub(super) fn detach(&mut self, id: u64) {
        let Some(entry) = self.listeners.remove(&id) else { return };
        for log in entry.logs {
            if let Some(log) = self.logs.get_mut(&log)
                && let Some(place) = log.members.iter().position(|member| member.id == id)
            {
                log.members.swap_remove(place);
            }
        }
        if let Some(ids) = self.users.get_mut(&entry.user) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.users.remove(&entry.user);
                self.moved.insert(entry.user);
            }
        }
    }

    /// The log's head is known: what was held above it is sent.
    pub(super) fn start(&mut self, log: LogId, head: Seq) -> usize {
        let Some(place) = self.logs.get_mut(&log) else { return 0 };
        if place.next.is_some() {
            return 0;
        }
        place.next = Some(head.next());
        let delivered = self.flush(log);
        if self.logs.get(&log).is_some_and(|log| !log.held.is_empty()) {
            self.doubt(log, Instant::now());
        }
        delivered
    }

    /// Takes a frame; says how many listeners were given something.
    pub(super) fn offer(&mut self, frame: Frame, mut hole: Instant) -> usize {
        let Some(header) = &frame.header else { return 0 };
        let (log, seq) = (header.log, header.seq);
        let waits = self.waits(header);
        let Some(place) = self.logs.get_mut(&log) else { return 0 };
        match place.next {
            Some(next) if seq < next => 0,
            Some(next) if seq == next && place.held.is_empty() && !waits => {
                place.next = Some(next.next());
                self.send(log, &frame)
            }
            _ => {
                if header.late {
                    self.late.push((log, seq, header.by));
                    hole += LATE;
                    place.held.entry(seq).or_insert(frame);
                } else {
                    place.held.insert(seq, frame);
                }
                let delivered = self.flush(log);
                if let Some(place) = self.logs.get_mut(&log)
                    && !place.held.is_empty()
                    && place.next.is_some()
                {
                    self.holes.entry(log).or_insert(hole);
                }
                delivered
            }
        }
    }

    /// What is late is sent in its turn: no block hides it.
    pub(super) fn trust(&mut self, log: LogId, seq: Seq) -> usize {
        let frame = self.logs.get_mut(&log).and_then(|place| place.held.get_mut(&seq));
        if let Some(header) = frame.and_then(|frame| frame.header.as_mut()) {
            header.late = false;
        }
        self.flush(log)
    }

    /// Sends what is held and has its turn.
    fn flush(&mut self, log: LogId) -> usize {
        let (mut delivered, mut taken) = (0, false);
        while let Some(place) = self.logs.get(&log)
            && let Some(next) = place.next
            && let Some((&seq, frame)) = place.held.first_key_value()
            && (seq < next || seq == next && !frame.header.as_ref().is_some_and(|header| self.waits(header)))
            && let Some(place) = self.logs.get_mut(&log)
            && let Some(frame) = place.held.remove(&seq)
        {
            taken = true;
            if seq == next {
                place.next = Some(next.next());
                delivered += self.send(log, &frame);
            }
        }
        // A log that is doubted with nothing held stays so.
        if taken && self.logs.get(&log).is_some_and(|log| log.held.is_empty()) {
            self.holes.remove(&log);
        }
        delivered
    }

    /// Whether a frame waits for more than its turn. What is late waits until it is trusted, or read from the store;
    /// what says that somebody is out of a room waits until his listeners are.
    fn waits(&self, header: &Header) -> bool {
        match (header.log, header.left) {
            (LogId::User(user), Some(room)) => self.unfinished(user, &LogId::Room(room), header.seq).is_some(),
            _ => header.late,
        }
    }

    /// The number that comes next in a room, if a person's listeners still hear it as what he was in before his own log
    /// told this number.
    pub(super) fn unfinished(&self, user: UserId, room: &LogId, told: Seq) -> Option<Seq> {
        let ids = self.users.get(&user)?;
        let place = self.logs.get(room)?;
        place.members.iter().find(|member| member.known < told && ids.contains(&member.id))?;
        place.next
    }

    /// Logs were forgotten: one of them may have said meanwhile that a room is taken from somebody whose rooms are being
    /// read. All of them read again.
    pub(super) fn doubt_reading(&mut self) {
        self.reading.values_mut().for_each(|taken| *taken = true);
    }

    /// Whether a room was, or may have been, taken from a person since his rooms were read.
    pub(super) fn is_stale(&self, user: UserId) -> bool {
        self.reading.get(&user).copied().unwrap_or_default()
    }

    /// A person's own log tells at this number that he is out of a room, and nothing of it is to follow: his listeners
    /// hear it no more, unless he has come again since.
    pub(super) fn let_go(&mut self, user: UserId, room: LogId, told: Seq) -> usize {
        match self.unfinished(user, &room, told) {
            Some(_) => self.part(user, room, |member| member.known < told),
            None => 0,
        }
    }

    /// Takes those of a person's listeners out of a room that were let in before he went. His own log may have waited
    /// for it.
    fn part(&mut self, user: UserId, log: LogId, before: impl Fn(&Member) -> bool) -> usize {
        if let Some(taken) = self.reading.get_mut(&user) {
            *taken = true;
        }
        let ids = self.of(user);
        if !ids.is_empty() {
            self.parted.push(user);
        }
        let Some(place) = self.logs.get_mut(&log) else { return 0 };
        for gone in place.members.extract_if(.., |member| ids.contains(&member.id) && before(member)) {
            if let Some(entry) = self.listeners.get_mut(&gone.id) {
                entry.logs.retain(|other| *other != log);
            }
        }
        self.flush(LogId::User(user))
    }

    fn send(&mut self, log: LogId, frame: &Frame) -> usize {
        let mut delivered = 0;
        if let Some(header) = &frame.header
            && let Some(user) = header.leaver
        {
            // From this number on nothing is for him.
            delivered += self.part(user, log, |member| member.from <= header.seq);
        }
        if let Some(Header { log: LogId::User(user), left: Some(_), .. }) = &frame.header
            && let Some(taken) = self.reading.get_mut(user)
        {
            // Who is being let into the room is not let in after this.
            *taken = true;
        }
        let Some(place) = self.logs.get(&log) else { return delivered };
        let mut stub = None;
        let mut ended = Vec::new();
        let seq = frame.header.as_ref().map_or(Seq::ZERO, |header| header.seq);
        for member in place.members.iter().filter(|member| member.from <= seq && member.paused.is_none()) {
            let json = match (&frame.header, member.cut) {
                (Some(header), Some(cut)) if cut.hides(header.by, header.seq, &header.kind) => stub
                    .get_or_insert_with(|| hidden_json(&header.log, header.seq, &header.kind, header.at, header.by))
                    .clone(),
                _ => frame.json.clone(),
            };
            match member.queue.try_send(json) {
                Ok(()) => delivered += 1,
                Err(error) => ended.push((member.id, matches!(error, TrySendError::Full(_)))),
            }
        }
        self.end(ended);
        delivered
    }

    /// Sends an event without a number to all who listen to a log.
    pub(super) fn whisper(&mut self, log: &LogId, json: &Bytes) -> usize {
        let Some(place) = self.logs.get(log) else { return 0 };
        let sent = |member: &&Member| member.queue.try_send(json.clone()).is_ok();
        place.members.iter().filter(sent).count()
    }

    /// Hands an event that is of no log to people. Whose queue is half full goes without it: what comes by number is
    /// worth more.
    pub(super) fn hand(&self, users: &[UserId], json: &Bytes) -> usize {
        let ids = users.iter().filter_map(|user| self.users.get(user)).flatten();
        let queues = ids.filter_map(|id| self.listeners.get(id)).map(|entry| &entry.queue);
        let roomy = queues.filter(|queue| queue.capacity() * 2 > queue.max_capacity());
        roomy.filter(|queue| queue.try_send(json.clone()).is_ok()).count()
    }

    /// Sends frames of a log to one listener only, before it joins.
    pub(super) fn catch_up(&mut self, id: u64, frames: impl Iterator<Item = Bytes>) {
        let Some(entry) = self.listeners.get(&id) else { return };
        let queue = entry.queue.clone();
        for json in frames {
            if let Err(error) = queue.try_send(json) {
                return self.end(vec![(id, matches!(error, TrySendError::Full(_)))]);
            }
        }
    }

    fn end(&mut self, ended: Vec<(u64, bool)>) {
        for (id, slow) in ended {
            if slow {
                self.close(id, Close::TooSlow);
            } else {
                self.detach(id);
            }
        }
    }

    /// Goes on from a number: what is missing before it does not exist.
    pub(super) fn pass_over(&mut self, log: LogId, seq: Seq) {
        if let Some(place) = self.logs.get_mut(&log)
            && place.next.is_some_and(|next| next < seq)
        {
            place.next = Some(seq);
        }
    }

    /// When the next hole is to be read from the store.
    pub(super) fn earliest_hole(&self) -> Option<Instant> {
        self.holes.values().min().copied()
    }

    /// Logs whose hole is due, and the number each waits for.
    pub(super) fn due_holes(&mut self, now: Instant) -> Vec<(LogId, Seq)> {
        let due: Vec<LogId> = self.holes.extract_if(|_, hole| *hole <= now).map(|(log, _)| log).collect();
        due.into_iter().filter_map(|log| Some((log, self.logs.get(&log)?.next?))).collect()
    }

    /// Something may be missing in a log.
    pub(super) fn doubt(&mut self, log: LogId, now: Instant) {
        self.holes.insert(log, now);
    }

    /// Whether somebody listens to a log.
    pub(super) fn is_heard(&self, log: &LogId) -> bool {
        self.logs.get(log).is_some_and(|log| !log.members.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GroupId, RoomId};

    #[test]
    fn a_log_that_is_doubted_stays_so_when_its_owner_is_taken_out_of_a_room() {
        let (user, room) = (UserId(3), LogId::Room(RoomId::Group(GroupId(4))));
        let mut table = Table::default();
        for log in [LogId::User(user), room] {
            table.logs.entry(log).or_default();
            table.start(log, Seq(7));
        }
        table.doubt(LogId::User(user), Instant::now());
        table.part(user, room, |_| true);
        assert!(table.earliest_hole().is_some());
    }
}
