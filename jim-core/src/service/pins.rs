//! Pins: messages that a room keeps in sight.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::json;

use super::Context;
use super::permission::Action;
use super::rooms::{lock, note, part, standing};
use super::visible::{Seen, visible};
use crate::error::{Code, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::Kind;
use crate::model::group::Role;
use crate::model::pin::PinRow;
use crate::repo::{Slice, Unit};

/// A pin as one person sees it.
#[derive(Debug, Clone)]
pub struct Pin {
    /// The pin.
    pub row: PinRow,
    /// Its entry as JSON.
    pub entry: Bytes,
}

/// Pins.
#[derive(Clone)]
pub struct Pins {
    context: Context,
}

impl Pins {
    pub(super) fn new(context: Context) -> Self {
        Pins { context }
    }

    /// Pins of a room, the newest first; those that the caller may not read are left out. Also says which number of
    /// his own log this includes.
    pub async fn list(&self, who: UserId, room: RoomId) -> Result<(Vec<Pin>, Seq)> {
        let visible = visible(&self.context, who, &room).await?;
        let mut unit = self.context.read().await?;
        let rows = unit.pins().list(&room).await?;
        let log = unit.user_log().head(who).await?;
        drop(unit);
        let seqs: Vec<Seq> = rows.iter().map(|row| row.seq).filter(|seq| *seq >= visible.from).collect();
        let limit = u16::try_from(seqs.len()).unwrap_or(u16::MAX);
        let entries = self.context.logs.rooms.read(&room, Slice::Only(&seqs), limit).await?;
        let seen = Seen::of(&self.context, who, &room, &entries).await?;
        let shown: HashMap<Seq, Bytes> =
            entries.iter().filter_map(|entry| Some((entry.seq, seen.show(entry)?))).collect();
        let pins = rows.into_iter().filter_map(|row| Some(Pin { row, entry: shown.get(&row.seq)?.clone() }));
        Ok((pins.collect(), log))
    }

    /// Pins a message.
    pub async fn add(&self, who: UserId, room: RoomId, seq: Seq) -> Result<()> {
        if seq < visible(&self.context, who, &room).await?.from {
            return Err(Code::NotFound.into());
        }
        let mut unit = self.moderate(who, &room).await?;
        let entry = standing(&self.context, &mut unit, &room, seq).await?.ok_or(Code::NotFound)?;
        if !entry.is_message() {
            return Err(Code::PinNotMessage.into());
        }
        let pins = unit.pins().list(&room).await?;
        if pins.iter().all(|pin| pin.seq != seq) && pins.len() >= self.context.options.limits.pins as usize {
            return Err(Code::PinFull.into());
        }
        let row = PinRow { seq, by: who, at: self.context.now() };
        if unit.pins().add(&room, &row).await? {
            note(&mut unit, &room, Kind::PIN_ADDED, who, &json!({ "seq": seq }), row.at).await?;
        }
        self.context.logs.finish(unit).await
    }

    /// Removes a pin, of a message that the caller may read.
    pub async fn remove(&self, who: UserId, room: RoomId, seq: Seq) -> Result<()> {
        if seq < visible(&self.context, who, &room).await?.from {
            return Err(Code::NotFound.into());
        }
        let mut unit = self.moderate(who, &room).await?;
        if unit.pins().remove(&room, seq).await? {
            note(&mut unit, &room, Kind::PIN_REMOVED, who, &json!({ "seq": seq }), self.context.now()).await?;
        }
        self.context.logs.finish(unit).await
    }

    /// A unit that locks a room in which somebody may pin.
    async fn moderate(&self, who: UserId, room: &RoomId) -> Result<Unit> {
        let mut unit = lock(&self.context, room).await?;
        part(&mut unit, who, room).await?.may(&self.context.options, Action::Pin, Role::Member)?;
        Ok(unit)
    }
}
