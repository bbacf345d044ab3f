//! Who may write to a room now: one place for sends, typing and what a client is shown of it.

use std::time::Duration;

use super::gather::RightsReader;
use super::permission::{self, Action};
use super::room_rights::{RoomRights, RoomRightsReader};
use super::{Context, event};
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, Seq, UserId, WorldId};
use crate::model::{ClientRef, Kind};
use crate::repo::PrivateRights;
use crate::time::Millis;

/// Answers who may write.
#[derive(Clone)]
pub(super) struct Speech {
    context: Context,
    private: RightsReader,
    rooms: RoomRightsReader,
}

/// A yes, and what it rests on.
pub(super) struct Permit {
    /// The last entry that took a right away.
    pub(super) fence: Seq,
    /// Whether it takes a turn, for which one may have to wait.
    pub(super) takes_turn: bool,
    /// The other person of a private room that has to be opened first.
    pub(super) opens: Option<UserId>,
}

#[derive(serde::Serialize)]
struct Opened {
    room: RoomId,
}

impl Speech {
    pub(super) fn new(context: Context) -> Self {
        let private = RightsReader::new(context.logs.store.clone());
        Speech { rooms: RoomRightsReader::new(context.clone()), private, context }
    }

    /// Whether somebody may write to a room, to everybody in it by name, or why not.
    pub(super) async fn may_send(&self, who: UserId, room: RoomId, to_all: bool) -> Result<Permit> {
        let Some(peer) = peer(who, room)? else {
            let (mut fence, mut rights) = self.rooms.may_send(who, room).await?;
            if to_all && mention_all(&rights).is_err() {
                (fence, rights) = self.rooms.may_send_now(who, room).await?;
                mention_all(&rights)?;
            }
            return Ok(Permit { fence, takes_turn: takes_turn(&rights), opens: None });
        };
        let rights = self.private(who, peer).await?;
        // A private room takes nobody's right away, so that a block does not show in a log that both read.
        Ok(Permit { fence: Seq::ZERO, takes_turn: false, opens: Some(peer).filter(|_| !rights.open) })
    }

    /// The same for what makes no entry, so that no log refuses what was decided on an old right: asked afresh.
    pub(super) async fn may_show(&self, who: UserId, room: RoomId) -> Result<()> {
        match peer(who, room)? {
            Some(peer) => self.private(who, peer).await.map(|_| ()),
            None => self.rooms.may_send_now(who, room).await.map(|_| ()),
        }
    }

    /// Whether two may write to each other, the first to the second.
    pub(super) async fn may_reach(&self, who: UserId, peer: UserId) -> Result<bool> {
        match self.private(who, peer).await {
            Err(Error::Refused(_)) => Ok(false),
            rights => rights.map(|_| true),
        }
    }

    async fn private(&self, who: UserId, peer: UserId) -> Result<PrivateRights> {
        let rights = self.private.read(who, peer).await?;
        permission::private_send(&rights, self.context.options.friends_required)?;
        Ok(rights)
    }

    /// A right was taken from somebody in a room: what is remembered is not good any more.
    pub(super) fn forget(&self, who: UserId, room: RoomId) {
        self.rooms.forget(who, room);
    }

    /// Takes somebody's turn in a world channel for a message, or says when it comes. A message that did not get into the
    /// log has its turn again. How slow the channel is now is read: nobody waits for what is only remembered.
    pub(super) async fn take_turn(&self, who: UserId, world: WorldId, message: &ClientRef) -> Result<()> {
        let now = self.context.now();
        let mut unit = self.context.write(&[who]).await?;
        let row = unit.worlds().get(world).await?.ok_or(Code::NotFound)?;
        let slow = i64::from(row.slow_mode_seconds) * 1000;
        if slow == 0 {
            return Ok(());
        }
        let since = Millis(now.0 - slow + 1);
        if let Some(last) = unit.worlds().take_turn(world, who, message, now, since).await? {
            // The turn may have been taken by the clock of another node, which is a little ahead.
            let wait = u64::try_from((last.0 + slow - now.0).min(slow)).unwrap_or_default();
            return Err(Error::Limited { code: Code::WorldSlowMode, retry_after: Duration::from_millis(wait) });
        }
        let _ = unit.commit().await?;
        Ok(())
    }

    /// Opens a private room before its first entry: a reader always has his row.
    pub(super) async fn open(&self, who: UserId, peer: UserId, room: RoomId) -> Result<()> {
        let mut unit = self.context.write(&[who, peer]).await?;
        let now = self.context.now();
        for person in [who.min(peer), who.max(peer)] {
            if unit.conversations().ensure(person, &room, Some(Seq(1))).await? {
                unit.tell(person, event(Kind::CONVERSATION_OPENED, &Opened { room })?, now).await?;
            }
        }
        self.context.logs.finish(unit).await
    }
}

/// The other person of a private room; none where the room is not private.
fn peer(who: UserId, room: RoomId) -> Result<Option<UserId>> {
    match room {
        RoomId::Private(a, b) if a == b && a == who => Err(Code::RoomInvalid.into()),
        RoomId::Private(..) => Ok(Some(room.peer(who).ok_or(Code::NotFound)?)),
        RoomId::Group(_) | RoomId::World(_) => Ok(None),
    }
}

/// Whether somebody may mention everybody in a room.
fn mention_all(rights: &RoomRights) -> std::result::Result<(), Code> {
    match rights {
        RoomRights::Group(rights) => permission::group_act(rights.role, Action::MentionAll, None),
        RoomRights::World(rights) => permission::world_act(rights.admin),
    }
}

/// Whether somebody has to wait between two messages.
fn takes_turn(rights: &RoomRights) -> bool {
    matches!(rights, RoomRights::World(rights) if permission::world_waits(rights))
}
