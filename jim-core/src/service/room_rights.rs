//! The rights of sends to groups and world channels. They may be remembered, because the log refuses what was decided
//! on an older fence; they are never refused from memory.

use std::time::Duration;

use moka::sync::Cache;

use super::permission::{self, GroupRights};
use super::{Context, groups};
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::world::WorldRights;
use crate::repo::{RepoError, Unit};
use crate::time::Millis;

/// How often a room may be owed something while it is read.
const TRIES: usize = 16;
/// Members whose rights are remembered.
const REMEMBERED: u64 = 100_000;
/// For how long; what gives a right does not move the fence, and is only waited for by a fresh read.
const FRESH: Duration = Duration::from_mins(10);

/// What somebody may do in a room whose log takes rights away.
#[derive(Debug, Clone, Copy)]
pub(super) enum RoomRights {
    Group(GroupRights),
    World(WorldRights),
}

impl RoomRights {
    fn may_send(&self, now: Millis) -> Result<()> {
        match self {
            RoomRights::Group(rights) => permission::group_send(rights, now),
            RoomRights::World(rights) => permission::world_send(rights, now),
        }
    }
}

/// Reads and remembers what people may do.
#[derive(Clone)]
pub(super) struct RoomRightsReader {
    context: Context,
    known: Cache<(RoomId, UserId), (Seq, RoomRights)>,
}

impl RoomRightsReader {
    pub(super) fn new(context: Context) -> Self {
        RoomRightsReader { context, known: Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build() }
    }

    /// The fence on which somebody may write now and his rights, or why he may not.
    pub(super) async fn may_send(&self, who: UserId, room: RoomId) -> Result<(Seq, RoomRights)> {
        if let Some(known) = self.known.get(&(room, who))
            && known.1.may_send(self.context.now()).is_ok()
        {
            return Ok(known);
        }
        self.may_send_now(who, room).await
    }

    /// The same from what is stored, for what the log does not refuse afterwards.
    pub(super) async fn may_send_now(&self, who: UserId, room: RoomId) -> Result<(Seq, RoomRights)> {
        let read = self.read(who, room).await?;
        read.1.may_send(self.context.now())?;
        self.known.insert((room, who), read);
        Ok(read)
    }

    /// The rights of before are not good any more.
    pub(super) fn forget(&self, who: UserId, room: RoomId) {
        self.known.invalidate(&(room, who));
    }

    /// The fence first: a right that is taken between the two reads makes the append stale. A right that is given or taken
    /// counts when the log has said so: what the room is owed is appended first. So a message that is on its way when its
    /// sender is removed stands before the removal, where a repeat finds it, or never.
    async fn read(&self, who: UserId, room: RoomId) -> Result<(Seq, RoomRights)> {
        let logs = &self.context.logs;
        for _ in 0..TRIES {
            let fence = logs.rooms.head(&room).await?.fence;
            let mut unit = self.context.read().await?;
            let rights = rights(&mut unit, who, room).await;
            if unit.outbox().list(&room, 1).await?.is_empty() {
                return Ok((fence, rights?));
            }
            drop(unit);
            logs.drain(&room).await?;
        }
        Err(Error::Unavailable(RepoError::Busy))
    }
}

/// What somebody may do in a group or a world channel now.
async fn rights(unit: &mut Unit, who: UserId, room: RoomId) -> Result<RoomRights> {
    match room {
        RoomId::Private(..) => Err(Code::NotFound.into()),
        RoomId::Group(group) => {
            let (row, my) = groups::acting(unit, who, group).await?;
            Ok(RoomRights::Group(GroupRights::of(&row, &my)))
        }
        RoomId::World(id) => {
            let row = unit.worlds().get(id).await?.ok_or(Code::NotFound)?;
            let muted_until = unit.worlds().muted_until(id, who).await?;
            let (open, slow_mode_seconds) = (row.open, row.slow_mode_seconds);
            Ok(RoomRights::World(WorldRights {
                admin: is_admin(unit, who).await?,
                open,
                slow_mode_seconds,
                muted_until,
            }))
        }
    }
}

/// Whether somebody runs the server.
pub(super) async fn is_admin(unit: &mut Unit, who: UserId) -> Result<bool> {
    Ok(unit.users().get(who).await?.is_some_and(|user| user.is_admin()))
}
