//! The rights of group sends. They may be remembered, because the log refuses what was decided on an older fence; they
//! are never refused from memory.

use std::time::Duration;

use moka::sync::Cache;

use super::permission::{GroupRights, group_send};
use super::{Context, groups};
use crate::error::{Error, Result};
use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::repo::RepoError;

/// How often a room may be owed something while it is read.
const TRIES: usize = 16;
/// Members whose rights are remembered.
const REMEMBERED: u64 = 100_000;
/// For how long; what gives a right does not move the fence, and is only waited for by a fresh read.
const FRESH: Duration = Duration::from_mins(10);

/// Reads and remembers what members may do.
#[derive(Clone)]
pub(super) struct GroupRightsReader {
    context: Context,
    known: Cache<(GroupId, UserId), (Seq, GroupRights)>,
}

impl GroupRightsReader {
    pub(super) fn new(context: Context) -> Self {
        GroupRightsReader { context, known: Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build() }
    }

    /// The fence on which a member may write now, or why he may not.
    pub(super) async fn may_send(&self, who: UserId, group: GroupId) -> Result<Seq> {
        if let Some((fence, rights)) = self.known.get(&(group, who))
            && group_send(&rights, self.context.now()).is_ok()
        {
            return Ok(fence);
        }
        let (fence, rights) = self.read(who, group).await?;
        group_send(&rights, self.context.now())?;
        self.known.insert((group, who), (fence, rights));
        Ok(fence)
    }

    /// The rights of before are not good any more.
    pub(super) fn forget(&self, who: UserId, group: GroupId) {
        self.known.invalidate(&(group, who));
    }

    /// The fence first: a right that is taken between the two reads makes the append stale. A right that is given counts
    /// when the log has said so: what the room is owed is appended first.
    async fn read(&self, who: UserId, group: GroupId) -> Result<(Seq, GroupRights)> {
        let (logs, room) = (&self.context.logs, RoomId::Group(group));
        for _ in 0..TRIES {
            let fence = logs.rooms.head(&room).await?.fence;
            let mut unit = self.context.read().await?;
            let (row, my) = groups::acting(&mut unit, who, group).await?;
            if unit.outbox().list(&room, 1).await?.is_empty() {
                return Ok((fence, GroupRights::of(&row, &my)));
            }
            drop(unit);
            logs.drain(&room).await?;
        }
        Err(Error::Unavailable(RepoError::Busy))
    }
}
