//! What one person may see and do in a room.

use super::friends::card;
use super::gather::RightsReader;
use super::permission::GroupRights;
use super::{Context, groups, permission};
use crate::error::{Code, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::group::Role;
use crate::model::{Group, UserCard};

/// A room as one person sees it.
#[derive(Debug, Clone)]
pub struct RoomView {
    /// Its id.
    pub room: RoomId,
    /// The lowest number the person may read; zero if there is none.
    pub first: Seq,
    /// The last number.
    pub head: Seq,
    /// Whether the person may write now.
    pub can_send: bool,
    /// Whether the person may take back what others wrote.
    pub can_moderate: bool,
    /// What the room is.
    pub about: About,
}

/// What a room is.
#[derive(Debug, Clone)]
pub enum About {
    /// A private room, and the other person of it.
    Private(UserCard),
    /// A group's room.
    Group(Group),
}

/// The entries of a room that one person may read, and what is hidden among them.
pub(super) struct Visible {
    /// The first number; entries below it are as if they did not exist.
    pub(super) from: Seq,
    /// Entries of this author above this number are hidden.
    pub(super) cut: Option<(UserId, Seq)>,
}

/// Rooms.
#[derive(Clone)]
pub struct Rooms {
    context: Context,
    rights: RightsReader,
}

impl Rooms {
    pub(super) fn new(context: Context, rights: RightsReader) -> Self {
        Rooms { context, rights }
    }

    /// A room of the caller.
    pub async fn get(&self, who: UserId, room: RoomId) -> Result<RoomView> {
        let visible = visible(&self.context, who, &room).await?;
        let head = self.context.logs.rooms.head(&room).await?.seq;
        let (about, can_send, can_moderate) = if let RoomId::Group(id) = room {
            let (row, my) = groups::acting(&mut self.context.read().await?, who, id).await?;
            let now = self.context.now();
            let may = permission::group_send(&GroupRights::of(&row, &my), now).is_ok();
            let moderate = my.role > Role::Member;
            (About::Group(Group::seen(row, my, now)), may, moderate)
        } else {
            let peer = room.peer(who).ok_or(Code::NotFound)?;
            let rights = self.rights.read(who, peer).await?;
            let may = permission::private_send(&rights, self.context.options.friends_required).is_ok();
            (About::Private(card(&mut self.context.read().await?, peer).await?), may, false)
        };
        Ok(RoomView { room, first: visible.first(head), head, can_send, can_moderate, about })
    }
}

impl Visible {
    /// The lowest number that can be read; zero if there is none.
    pub(super) fn first(&self, head: Seq) -> Seq {
        if head >= self.from { self.from } else { Seq::ZERO }
    }
}

/// What a person may read of a room. A room that is not his answers as one that does not exist. History of a private
/// room stays readable, whatever became of the friendship; that of a group is its members', also when it has ended.
pub(super) async fn visible(context: &Context, who: UserId, room: &RoomId) -> Result<Visible> {
    let mut unit = context.read().await?;
    let row = unit.conversations().get(who, room).await?.ok_or(Code::NotFound)?;
    let from = row.from.ok_or(Code::NotFound)?;
    let cut = match room.peer(who) {
        Some(peer) => unit.blocks().get(who, peer).await?.and_then(|block| Some((peer, block.cut?))),
        None => None,
    };
    Ok(Visible { from, cut })
}
