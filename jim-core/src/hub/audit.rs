//! How what the bus lost is found: holes are read from the store, and each log with listeners is compared with its
//! head once in a heartbeat. Before somebody is told that he is out of a room, what the room is owed is appended.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::{AT_ONCE, Hub, topic_of};
use crate::error::{Error, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::log::{Frame, Header, Stats};
use crate::model::entry::LogId;
use crate::repo::{RepoError, Slice};

/// Entries read at once to close a hole.
const PAGE: u16 = 256;
/// Logs compared in one call.
const MOST: usize = 1000;
/// How long who is out of a room waits to be told, for what came before.
const FINISH: Duration = Duration::from_secs(1);

impl Hub {
    /// Reads each hole from the store when it is due, beside what the bus brings meanwhile.
    pub(super) async fn heal_holes(&self) {
        loop {
            let wake = self.table().earliest_hole().unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                () = tokio::time::sleep_until(wake) => {}
                () = self.doubted.notified() => continue,
            }
            let due = self.table().due_holes(Instant::now());
            stream::iter(due)
                .for_each_concurrent(AT_ONCE, async |(log, next)| {
                    if let Err(error) = self.heal(log, next).await {
                        tracing::warn!(error.cause = %error, "a hole was not read; it will be tried again");
                        self.table().doubt(log, Instant::now() + Duration::from_secs(1));
                    }
                })
                .await;
        }
    }

    /// Sends what the store has from a number on. Which of the two in a private room has blocked the other is known
    /// before anything of the room is sent: it is read after the entries that it may hide.
    async fn heal(&self, log: LogId, mut next: Seq) -> Result<()> {
        loop {
            let after = Slice::After(Seq(next.0 - 1));
            let frames: Vec<Frame> = match log {
                LogId::Room(room) => {
                    self.logs.rooms.read(&room, after, PAGE).await?.iter().map(|entry| Frame::room(entry)).collect()
                }
                LogId::User(user) => {
                    let mut unit = self.logs.store.read().await?;
                    unit.user_log().read(user, after, PAGE).await?.iter().map(Frame::user).collect()
                }
            };
            if let LogId::Room(RoomId::Private(a, b)) = log {
                for user in [a, b].map(LogId::User) {
                    let next = self.table().logs.get(&user).and_then(|log| log.next);
                    if let Some(next) = next {
                        Box::pin(self.heal(user, next)).await?;
                    }
                }
            }
            let first = frames.first().and_then(|frame| frame.header.as_ref()).map(|header| header.seq);
            if let Some(first) = first.filter(|first| *first > next) {
                // A reader never sees n + 1 before n: what is not there will never come, and nobody waits for it.
                tracing::error!(log = %log, missing = next.0, "a log has a hole; it is passed over");
                self.table().pass_over(log, first);
            }
            let more = frames.len() == usize::from(PAGE);
            for frame in frames {
                if let Some(header) = &frame.header {
                    next = header.seq.next();
                    self.finish_left(header).await;
                }
                let mut table = self.table();
                super::pause(&mut table, &frame);
                let delivered = table.offer(frame.clone(), Instant::now() + super::PATIENCE);
                self.note_parted(&mut table);
                drop(table);
                Stats::add(&self.logs.stats.delivered, delivered);
                // When nothing is sent already: whoever looks ends that.
                self.note_stale(&frame);
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Who is told that he is out of a room has heard before what came before in it, unless that cannot be read in time,
    /// and hears nothing of it after.
    async fn finish_left(&self, header: &Header) {
        let (LogId::User(user), Some(room)) = (header.log, header.left) else { return };
        let log = LogId::Room(room);
        let next = self.table().unfinished(user, &log, header.seq);
        let Some(next) = next else { return };
        let finish = async {
            // His log is committed before the room has the entry that takes him out, and may be told before.
            let drained = self.logs.drain(&room).await;
            Box::pin(self.heal(log, next)).await?;
            drained
        };
        let finished = tokio::time::timeout(FINISH, finish).await;
        if let Err(error) = finished.unwrap_or(Err(Error::Unavailable(RepoError::Busy))) {
            tracing::warn!(%room, error.cause = ?error, "a room was not read to its end for one who is out of it");
        }
        let mut table = self.table();
        let delivered = table.let_go(user, log, header.seq);
        self.note_parted(&mut table);
        drop(table);
        Stats::add(&self.logs.stats.delivered, delivered);
    }

    /// Compares every log that has listeners with its head, spread over one heartbeat; forgets those that nobody
    /// listens to.
    pub(super) async fn audit(self: &Arc<Self>) {
        let mut round: Vec<LogId> = Vec::new();
        let mut share = 0;
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.suspected.notified() => {
                    let all: Vec<LogId> = self.table().logs.keys().copied().collect();
                    self.compare_all(&all).await;
                    continue;
                }
            }
            if round.is_empty() {
                self.forget().await;
                round = self.table().logs.keys().copied().collect();
                // Two rounds in a heartbeat: a log may be first in one and last in the next.
                let ticks = usize::try_from(self.options.heartbeat.as_secs() / 2).unwrap_or(1).max(1);
                share = round.len().div_ceil(ticks);
            }
            let part = round.split_off(round.len().saturating_sub(share));
            self.compare_all(&part).await;
        }
    }

    /// Something may be missing anywhere: all logs are compared at once.
    pub(super) fn suspect_all(&self) {
        self.suspected.notify_one();
    }

    async fn compare_all(&self, logs: &[LogId]) {
        for logs in logs.chunks(MOST) {
            if let Err(error) = self.compare(logs).await {
                tracing::warn!(error.cause = %error, "logs were not compared with their heads; the next round will be");
            }
        }
    }

    async fn compare(&self, logs: &[LogId]) -> Result<()> {
        let mut rooms: Vec<RoomId> = Vec::new();
        let mut users: Vec<UserId> = Vec::new();
        for log in logs {
            match log {
                LogId::Room(room) => rooms.push(*room),
                LogId::User(user) => users.push(*user),
            }
        }
        let mut heads: Vec<(LogId, Seq)> = Vec::with_capacity(logs.len());
        if !rooms.is_empty() {
            let found = self.logs.rooms.heads(&rooms).await?;
            heads.extend(found.into_iter().map(|head| (LogId::Room(head.room), head.seq)));
        }
        if !users.is_empty() {
            let found = self.logs.store.read().await?.user_log().heads(&users).await?;
            heads.extend(users.into_iter().map(LogId::User).zip(found));
        }
        let now = Instant::now();
        let mut table = self.table();
        for (log, head) in heads {
            if table.logs.get(&log).and_then(|log| log.next).is_some_and(|next| next <= head) {
                table.doubt(log, now);
                self.doubted.notify_one();
            }
        }
        Ok(())
    }

    /// Forgets logs that nobody listens to.
    async fn forget(&self) {
        let _topics = self.topics.lock().await;
        let mut gone = Vec::new();
        {
            let mut table = self.table();
            let silent: Vec<LogId> = table.logs.keys().filter(|log| !table.is_heard(log)).copied().collect();
            for log in silent {
                table.logs.remove(&log);
                gone.push(topic_of(log));
            }
            if !gone.is_empty() {
                table.doubt_reading();
            }
        }
        if !gone.is_empty()
            && let Err(error) = self.logs.bus.unsubscribe(&gone).await
        {
            tracing::warn!(error.cause = %error, "topics were not unsubscribed");
        }
    }
}
