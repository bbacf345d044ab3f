//! What one person sees of a room.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::Context;
use super::messages::Gap;
use super::rooms::row;
use crate::error::{Code, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::log::cut;
use crate::model::Entry;
use crate::model::block::Cut;
use crate::model::conversation::ConversationRow;
use crate::repo::Unit;

/// The entries of a room that one person may read, and what is hidden among them.
#[derive(Debug, Clone)]
pub(super) struct Visible {
    /// The first number; entries below it are as if they did not exist.
    pub(super) from: Seq,
    /// Up to here he has cleared the room himself.
    clear: Seq,
    /// What is hidden of somebody whom he blocks.
    cut: Option<Cut>,
}

impl Visible {
    /// What a row allows; nothing while its join has no number.
    pub(super) fn of(row: &ConversationRow, cut: Option<Cut>) -> Option<Self> {
        Some(Visible { from: row.first()?, clear: row.clear, cut })
    }

    /// The lowest number that can be read; zero if there is none.
    pub(super) fn first(&self, head: Seq) -> Seq {
        if head >= self.from { self.from } else { Seq::ZERO }
    }

    /// From which number to go on after `after`, and what is skipped by it.
    pub(super) fn skip(&self, after: Seq) -> (Option<Gap>, Seq) {
        let below = Seq(self.from.0 - 1);
        if after >= below {
            return (None, after);
        }
        let why = if self.clear == below { "cleared" } else { "before_join" };
        (Some(Gap { from: after.next(), to: below, why }), below)
    }
}

/// What a person may read of a room. History of a private room stays readable, whatever became of the friendship; that
/// of a group is its members', also when it has ended.
pub(super) async fn visible(context: &Context, who: UserId, room: &RoomId) -> Result<Visible> {
    within(context, &mut context.read().await?, who, room).await
}

async fn within(context: &Context, unit: &mut Unit, who: UserId, room: &RoomId) -> Result<Visible> {
    let row = row(context, unit, who, room).await?;
    let cut = cut(unit, who, room).await?;
    Visible::of(&row, cut).ok_or(Code::NotFound.into())
}

/// How a person sees entries that were read from storage. Decided after they were read: who was taken out of the room
/// meanwhile sees none of them.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    visible: Visible,
    deleted: HashSet<Seq>,
}

impl Seen {
    /// Asks for it in a unit of its own.
    pub(super) async fn of(context: &Context, who: UserId, room: &RoomId, entries: &[Arc<Entry>]) -> Result<Self> {
        let mut unit = context.read().await?;
        let visible = within(context, &mut unit, who, room).await?;
        Seen::among(&mut unit, who, room, visible, entries).await
    }

    /// The same where it is known what the person may read.
    pub(super) async fn among(
        unit: &mut Unit,
        who: UserId,
        room: &RoomId,
        visible: Visible,
        entries: &[Arc<Entry>],
    ) -> Result<Self> {
        let deleted = match (entries.first(), entries.last()) {
            (Some(first), Some(last)) => unit.hidden().list(who, room, first.seq, last.seq).await?,
            _ => Vec::new(),
        };
        Ok(Seen { visible, deleted: deleted.into_iter().collect() })
    }

    /// An entry as the person sees it; `None` for one that is not for him.
    pub(super) fn show(&self, entry: &Entry) -> Option<Bytes> {
        let Visible { from, cut, .. } = self.visible;
        (entry.seq >= from).then(|| entry.seen_json(self.deleted.contains(&entry.seq), cut))
    }

    /// All of these that are for him.
    pub(super) fn show_all(&self, entries: &[Arc<Entry>]) -> Vec<Bytes> {
        entries.iter().filter_map(|entry| self.show(entry)).collect()
    }
}
