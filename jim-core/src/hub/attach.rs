//! How a listener comes to its logs.
//!
//! Subscribe first, read the heads then: what is published in between is held. One read unit gives the user log's
//! head, the rooms and the blocks of one moment; if the user log has moved on meanwhile, it is read again. Joining and
//! reading `next` is one critical section, so `hello.heads` is exactly what the stream goes on from.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::listener::{Close, Listener, Shared};
use super::{AT_ONCE, Hub, topic_of};
use crate::error::{Error, Result};
use crate::id::{RoomId, Seq, SessionId, UserId};
use crate::log::{cut, cuts, rows};
use crate::model::block::Cut;
use crate::model::conversation::ConversationRow;
use crate::model::entry::{Entry, LogId};
use crate::model::user::UserState;
use crate::repo::{RepoError, Slice};

/// A room that is new to a listener is sent from its beginning if it has at most so many entries; of a longer one the
/// last, by which he sees what he does not know.
const FRESH: u16 = 64;
/// Entries that are held back from somebody at the most; with more he is told to come again.
const MISSED: u16 = 256;
/// How long a listener may take to come to its logs; one that comes later has better begun anew.
const COMING: Duration = Duration::from_secs(10);
/// How often an account may change while a listener attaches.
const TRIES: usize = 8;

#[derive(Serialize)]
struct Hello<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    session: SessionId,
    epoch: &'a str,
    heads: BTreeMap<String, Seq>,
    reads: BTreeMap<String, Seq>,
    heartbeat_seconds: u64,
}

/// What one moment says about a person.
struct Moment {
    head: Seq,
    rooms: Vec<ConversationRow>,
    cuts: HashMap<UserId, Cut>,
}

impl Moment {
    fn cut(&self, user: UserId, room: &RoomId) -> Option<Cut> {
        room.peer(user).and_then(|peer| self.cuts.get(&peer)).copied()
    }
}

/// While it lives, the table notes whether a room is taken from the person.
struct Reading<'a> {
    hub: &'a Hub,
    user: UserId,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.hub.table().reading.remove(&self.user);
    }
}

impl Hub {
    /// Attaches a listener of a session, within ten seconds. `Ok(Err(_))` when the person has too many.
    pub async fn attach(
        self: &Arc<Self>,
        user: UserId,
        session: SessionId,
    ) -> Result<std::result::Result<Listener, Close>> {
        in_time(self.try_attach(user, session)).await
    }

    async fn try_attach(
        self: &Arc<Self>,
        user: UserId,
        session: SessionId,
    ) -> Result<std::result::Result<Listener, Close>> {
        if self.table().users.get(&user).is_some_and(|ids| ids.len() >= self.options.per_user) {
            return Ok(Err(Close::TooMany));
        }
        // A block that is answered meanwhile finds the listener attached, or is seen by it.
        let _turn = self.turn(user).await;
        let _reading = Reading { hub: self, user };
        for _ in 0..TRIES {
            self.hear(&[LogId::User(user)]).await?;
            if self.is_over(user, session).await? {
                return Ok(Err(Close::SessionEnded));
            }
            let Some(moment) = self.settled(user).await? else { continue };
            if let Some(attached) = self.join(user, session, &moment) {
                return Ok(attached);
            }
        }
        Err(Error::Unavailable(RepoError::Busy))
    }

    /// The person's rooms, all of them heard. A room that is taken away before it is heard shows in the person's log,
    /// which is told first; one that is taken away later shows in the table. `None` when the first happened.
    async fn settled(self: &Arc<Self>, user: UserId) -> Result<Option<Moment>> {
        self.table().reading.insert(user, false);
        let moment = self.moment(user).await?;
        let rooms: Vec<LogId> = moment.rooms.iter().map(|row| LogId::Room(row.room)).collect();
        self.hear(&rooms).await?;
        self.start_rooms(&moment).await?;
        let head = self.logs.store.read().await?.user_log().head(user).await?;
        Ok((head == moment.head).then_some(moment))
    }

    /// `None` when the person's log has moved on since the moment.
    fn join(
        self: &Arc<Self>,
        user: UserId,
        session: SessionId,
        moment: &Moment,
    ) -> Option<std::result::Result<Listener, Close>> {
        let me = LogId::User(user);
        let mut table = self.table();
        table.start(me, moment.head);
        let missing =
            moment.rooms.iter().any(|row| table.logs.get(&LogId::Room(row.room)).is_none_or(|log| log.next.is_none()));
        // What another node has stored and this one has not heard yet is read at once.
        if table.logs.get(&me).and_then(|log| log.next).is_some_and(|next| next <= moment.head) {
            table.doubt(me, Instant::now());
            self.doubted.notify_one();
        }
        if missing || table.is_stale(user) || table.logs.get(&me)?.next? > moment.head.next() {
            return None;
        }
        if self.ended.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&session) {
            return Some(Err(Close::SessionEnded));
        }
        let ids = table.of(user);
        if ids.len() >= self.options.per_user {
            return Some(Err(Close::TooMany));
        }
        let same: Vec<u64> = ids.into_iter().filter(|id| table.listeners[id].session == session).collect();
        if same.len() >= self.options.per_session
            && let Some(oldest) = same.first()
        {
            table.close(*oldest, Close::Replaced);
        }
        let (queue, frames) = mpsc::channel(self.options.queue_frames);
        let shared = Arc::<Shared>::default();
        let first = table.of(user).is_empty();
        let id = table.add(user, session, queue.clone(), shared.clone());
        if first {
            self.moved.notify_one();
        }
        table.join(id, me, None, (Seq::ZERO, moment.head));
        let mut heads = BTreeMap::new();
        let mut reads = BTreeMap::new();
        let last = |next: Option<Seq>| Seq(next.map_or(0, |next| next.0 - 1));
        heads.insert(me.name(), last(table.logs[&me].next));
        for row in &moment.rooms {
            let log = LogId::Room(row.room);
            let from = row.from.unwrap_or(Seq::ZERO);
            table.join(id, log, moment.cut(user, &row.room), (from, moment.head));
            heads.insert(log.name(), last(table.logs[&log].next).max(Seq(from.0 - 1)));
            reads.insert(log.name(), row.read);
        }
        let heartbeat_seconds = self.options.heartbeat.as_secs();
        let hello = Hello { kind: "hello", session, epoch: &self.epoch, heads, reads, heartbeat_seconds };
        let hello = Bytes::from(serde_json::to_vec(&hello).unwrap_or_default());
        // The queue is new and empty.
        let _ = queue.try_send(hello);
        Some(Ok(Listener { id, frames, shared, hub: Arc::downgrade(self) }))
    }

    /// Brings a person's listeners up to date after the person's rooms or blocks have changed.
    pub(crate) async fn refresh(self: &Arc<Self>, user: UserId) -> Result<()> {
        // Who is let in already does not suffer for those who come.
        let _turn = self.turn(user).await;
        in_time(self.try_refresh(user)).await
    }

    async fn try_refresh(self: &Arc<Self>, user: UserId) -> Result<()> {
        let _reading = Reading { hub: self, user };
        for _ in 0..TRIES {
            if !self.is_online(user) {
                return Ok(());
            }
            if let Some(moment) = self.settled(user).await?
                && self.apply(user, &moment).await?
            {
                return Ok(());
            }
        }
        Err(Error::Unavailable(RepoError::Busy))
    }

    /// `false` when a room was taken from the person since the moment.
    async fn apply(self: &Arc<Self>, user: UserId, moment: &Moment) -> Result<bool> {
        for row in &moment.rooms {
            if !self.join_late(user, row, moment.head).await? {
                return Ok(false);
            }
            if matches!(row.room, RoomId::Private(..)) {
                self.set_cut(user, row.room, (moment.cut(user, &row.room), moment.head)).await?;
            }
        }
        Ok(true)
    }

    /// Says what is hidden from a person in a room, and sends him what was held back until that was known.
    async fn set_cut(&self, user: UserId, room: RoomId, mut known: (Option<Cut>, Seq)) -> Result<()> {
        let log = LogId::Room(room);
        let mut missed = Vec::new();
        for _ in 0..TRIES {
            {
                let mut table = self.table();
                let end = missed.last().map(|entry: &Arc<Entry>| entry.seq.next());
                match table.paused(user, &log) {
                    Some((from, next)) if end.unwrap_or(from) < next => {}
                    _ => {
                        table.set_cut(user, &log, known, &missed);
                        return Ok(());
                    }
                }
            }
            let Some((from, _)) = self.table().paused(user, &log) else { continue };
            missed = self.logs.rooms.read(&room, Slice::After(Seq(from.0 - 1)), MISSED).await?;
            // Read after the entries that it may hide.
            known.0 = cut(&mut self.logs.store.read().await?, user, &room).await?;
        }
        Err(Error::Unavailable(RepoError::Busy))
    }

    /// Joins the person's listeners that are not in a room, from the room's beginning where it is short, else from its
    /// last entry on.
    /// `false` when a room was taken from the person, or he has blocked somebody, since his rooms were read.
    async fn join_late(self: &Arc<Self>, user: UserId, row: &ConversationRow, known: Seq) -> Result<bool> {
        let Some(from) = row.from else { return Ok(true) };
        let log = LogId::Room(row.room);
        for _ in 0..TRIES {
            let outside = self.table().outside(user, &log);
            if outside.is_empty() {
                return Ok(true);
            }
            self.hear(&[log]).await?;
            let head = self.logs.rooms.head(&row.room).await?.seq;
            let entries = if head < from {
                Vec::new()
            } else if head.0 - from.0 < i64::from(FRESH) {
                self.logs.rooms.read(&row.room, Slice::After(Seq(from.0 - 1)), FRESH).await?
            } else {
                self.logs.rooms.read(&row.room, Slice::Only(&[head]), 1).await?
            };
            // Read after the entries that it may hide. He may have been in the room before.
            let mut unit = self.logs.store.read().await?;
            let cut = cut(&mut unit, user, &row.room).await?;
            let deleted = match (entries.first(), entries.last()) {
                (Some(first), Some(last)) => unit.hidden().list(user, &row.room, first.seq, last.seq).await?,
                _ => Vec::new(),
            };
            drop(unit);
            let mut table = self.table();
            table.start(log, head);
            self.doubted.notify_one();
            let Some(next) = table.logs.get(&log).and_then(|log| log.next) else { continue };
            if table.is_stale(user) {
                return Ok(false);
            }
            if next > head.next() {
                continue;
            }
            for id in outside {
                let seen = entries.iter().filter(|entry| entry.seq < next);
                let json = seen.map(|entry| entry.seen_json(deleted.contains(&entry.seq), cut));
                table.catch_up(id, json);
                table.join(id, log, cut, (from, known));
            }
            return Ok(true);
        }
        Err(Error::Unavailable(RepoError::Busy))
    }

    /// Refreshes those whose log says that something changed.
    pub(super) async fn refresh_stale(self: &Arc<Self>) {
        loop {
            self.stale.1.notified().await;
            let stale = std::mem::take(&mut *self.stale.0.lock().unwrap_or_else(PoisonError::into_inner));
            stream::iter(stale)
                .for_each_concurrent(AT_ONCE, async |user| {
                    if let Err(error) = self.refresh(user).await {
                        tracing::warn!(error.cause = %error, "listeners were not refreshed; they are closed to come back");
                        let mut table = self.table();
                        for id in table.of(user) {
                            table.close(id, Close::Restart);
                        }
                    }
                })
                .await;
        }
    }

    /// Listeners of one person change one after the other.
    async fn turn(&self, user: UserId) -> tokio::sync::MutexGuard<'_, ()> {
        let place = user.0.unsigned_abs() % self.turns.len() as u64;
        self.turns[usize::try_from(place).unwrap_or_default()].lock().await
    }

    /// Begins to hear logs that nobody has heard here; their frames are held until their heads are known. Goes on when
    /// the caller is gone: others may rely on what he began to hear.
    async fn hear(self: &Arc<Self>, logs: &[LogId]) -> Result<()> {
        let unheard = self.unheard(logs);
        if unheard.is_empty() {
            return Ok(());
        }
        let waits = CancellationToken::new();
        let (hub, gone) = (self.clone(), waits.clone());
        let heard = tokio::spawn(async move { hub.subscribe(&unheard, &gone).await });
        let _gone = waits.drop_guard();
        heard.await.map_err(|error| Error::Internal(error.into()))
    }

    fn unheard(&self, logs: &[LogId]) -> Vec<LogId> {
        let table = self.table();
        logs.iter().filter(|log| !table.logs.contains_key(log)).copied().collect()
    }

    async fn subscribe(&self, logs: &[LogId], gone: &CancellationToken) {
        let _topics = self.topics.lock().await;
        let new = self.unheard(logs);
        {
            let mut table = self.table();
            for log in &new {
                table.logs.entry(*log).or_default();
            }
        }
        let topics: Vec<_> = new.iter().map(|log| topic_of(*log)).collect();
        // The audit brings what the bus does not; a connection is not refused for it.
        match timeout(COMING, self.logs.bus.subscribe(&topics)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error.cause = %error, "topics were not subscribed"),
            Err(_) => tracing::warn!("topics were not subscribed in time"),
        }
        if gone.is_cancelled() {
            // The heads that he would have read now are read for those who came meanwhile.
            let mut table = self.table();
            for log in new {
                table.doubt(log, Instant::now());
            }
            self.doubted.notify_one();
        }
    }

    /// Whether a session has ended since it was let in, or its account was switched off.
    async fn is_over(&self, user: UserId, session: SessionId) -> Result<bool> {
        let mut unit = self.logs.store.read().await?;
        let alive = unit.sessions().get(session).await?.is_some_and(|stored| stored.ended_at.is_none());
        let active = unit.users().get(user).await?.is_some_and(|user| user.state == UserState::Active);
        Ok(!alive || !active)
    }

    async fn moment(&self, user: UserId) -> Result<Moment> {
        let mut unit = self.logs.store.read().await?;
        let head = unit.user_log().head(user).await?;
        let rooms = rows(&self.logs, &mut unit, user).await?;
        let cuts = cuts(&mut unit, user).await?;
        Ok(Moment { head, rooms, cuts })
    }

    /// Reads the heads of the rooms that nobody has heard here.
    async fn start_rooms(&self, moment: &Moment) -> Result<()> {
        let new: Vec<RoomId> = {
            let table = self.table();
            let new =
                |row: &&ConversationRow| table.logs.get(&LogId::Room(row.room)).is_some_and(|log| log.next.is_none());
            moment.rooms.iter().filter(new).map(|row| row.room).collect()
        };
        for rooms in new.chunks(1000) {
            let heads = self.logs.rooms.heads(rooms).await?;
            let mut table = self.table();
            for head in heads {
                table.start(LogId::Room(head.room), head.seq);
            }
            drop(table);
            self.doubted.notify_one();
        }
        Ok(())
    }
}

/// Nobody waits for ever for what he is about to listen to.
async fn in_time<T>(coming: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(COMING, coming).await.unwrap_or(Err(Error::Unavailable(RepoError::Busy)))
}
