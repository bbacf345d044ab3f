//! Blocks.

use super::friends::cards;
use super::{Context, OfUser, event};
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, UserId};
use crate::log::CERTAIN;
use crate::model::Kind;
use crate::model::block::Block;
use crate::page::{Cursors, Page};

/// Blocks.
#[derive(Clone)]
pub struct Blocks {
    context: Context,
}

impl Blocks {
    pub(crate) fn new(context: Context) -> Self {
        Blocks { context }
    }

    /// Whom one blocks, by id.
    pub async fn list(&self, who: UserId, cursor: Option<&str>, limit: u16) -> Result<Page<Block>> {
        let cursors = Cursors::new(&self.context.key, format!("blocks:{who}"));
        let after = cursors.read(cursor)?;
        let mut unit = self.context.read().await?;
        let rows = unit.blocks().list(who, after, limit + 1).await?;
        let cards = cards(&mut unit, rows.iter().map(|row| row.blocked), self.context.now()).await?;
        let log = unit.user_log().head(who).await?;
        let page = cursors.page(rows, limit, log, |row| row.blocked.to_string());
        Ok(page.map(|row| Block { user: cards[&row.blocked].clone(), at: row.at }))
    }

    /// Blocks somebody; the friendship stays, and the blocked is not told. What he had decided to send before the
    /// block and stores after it is hidden from the blocker: everything above the number that is read here, after the
    /// commit and before the answer. Where there may be other nodes it is read a quarter of a second after the commit.
    pub async fn block(&self, who: UserId, other: UserId) -> Result<()> {
        let room = RoomId::private(who, other).ok_or(Code::BlockSelf)?;
        let blocks = self.clone();
        // A caller who hangs up meanwhile leaves no block that is half done.
        let done = tokio::spawn(async move { blocks.add(who, other, room).await });
        done.await.map_err(|error| Error::Internal(error.into()))?
    }

    async fn add(&self, who: UserId, other: UserId, room: RoomId) -> Result<()> {
        let mut unit = self.context.write(&[who, other]).await?;
        unit.users().get(other).await?.ok_or(Code::NotFound)?;
        unit.blocks().add(who, other, self.context.now()).await?;
        let new = unit.blocks().get(who, other).await?.filter(|block| block.cut.is_none());
        self.context.logs.finish(unit).await?;
        if new.is_none() {
            return self.context.hub.refresh(who).await;
        }
        if self.context.logs.bus.is_shared() {
            // What another node sends on from now was decided after the block, or is looked at again.
            tokio::time::sleep(CERTAIN).await;
        }
        let head = self.context.logs.rooms.head(&room).await?;
        let mut unit = self.context.write(&[who]).await?;
        // Told together with the number: who learns of the block can read it. A call that a crash cut short is
        // finished by the next one; a block that was made anew meanwhile is not the one that was waited for.
        if unit.blocks().get(who, other).await? == new {
            unit.blocks().set_cut(who, other, head.seq).await?;
            unit.tell(who, event(Kind::BLOCK_ADDED, &OfUser { user_id: other })?, self.context.now()).await?;
            self.context.logs.finish(unit).await?;
            self.context.hub.show_to(who, other).await;
        }
        self.context.hub.refresh(who).await
    }

    /// Unblocks somebody; nothing happens where there is no block.
    pub async fn unblock(&self, who: UserId, other: UserId) -> Result<()> {
        let mut unit = self.context.write(&[who, other]).await?;
        if unit.blocks().remove(who, other).await? {
            unit.tell(who, event(Kind::BLOCK_REMOVED, &OfUser { user_id: other })?, self.context.now()).await?;
            self.context.logs.finish(unit).await?;
            self.context.hub.show_to(who, other).await;
            self.context.hub.refresh(who).await?;
        }
        Ok(())
    }
}
