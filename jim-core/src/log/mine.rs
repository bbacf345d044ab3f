//! What a person has: every room, up to date, and what is hidden from him. Lists, catching up and listeners all go by it.

use std::collections::HashMap;

use super::Logs;
use crate::error::Result;
use crate::id::{RoomId, Seq, UserId, WorldId};
use crate::model::block::Cut;
use crate::model::conversation::ConversationRow;
use crate::repo::{Res, Unit};

/// Blocks that are read at once.
const PAGE: u16 = 1000;

/// Every room that a person has, up to date; the world channel too, with a row of it or without. A join that has no
/// number yet shows nothing; the person's log will tell of it.
pub(crate) async fn rows(logs: &Logs, unit: &mut Unit, who: UserId) -> Result<Vec<ConversationRow>> {
    let mut rows = unit.conversations().list(who).await?;
    rows.retain(|row| row.from.is_some());
    let world = RoomId::World(WorldId::FIRST);
    if rows.iter().all(|row| row.room != world) {
        rows.push(ConversationRow::new(world, Some(Seq(1))));
    }
    for row in &mut rows {
        logs.marks.apply(who, row);
    }
    Ok(rows)
}

/// What is hidden from somebody in a room of the two of them; nothing in others.
pub(crate) async fn cut(unit: &mut Unit, who: UserId, room: &RoomId) -> Res<Option<Cut>> {
    let Some(by) = room.peer(who) else { return Ok(None) };
    Ok(unit.blocks().get(who, by).await?.and_then(|block| Some(Cut { by, above: block.cut? })))
}

/// What is hidden from somebody of each person whom he blocks.
pub(crate) async fn cuts(unit: &mut Unit, who: UserId) -> Result<HashMap<UserId, Cut>> {
    let mut cuts = HashMap::new();
    let mut after = None;
    loop {
        let blocks = unit.blocks().list(who, after, PAGE).await?;
        let Some(last) = blocks.last() else { return Ok(cuts) };
        after = Some(last.blocked);
        cuts.extend(blocks.into_iter().filter_map(|block| {
            let by = block.blocked;
            Some((by, Cut { by, above: block.cut? }))
        }));
    }
}
