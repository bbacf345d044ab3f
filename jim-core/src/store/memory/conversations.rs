use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::{ConversationRow, Mark, Reader};
use crate::repo::{ConversationRepo, Res};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Conversations(BTreeMap<UserId, BTreeMap<RoomId, ConversationRow>>);

impl Conversations {
    pub(super) fn get(&self, user: UserId, room: &RoomId) -> Option<&ConversationRow> {
        self.0.get(&user)?.get(room)
    }
}

impl MemoryTx {
    fn change_row(&mut self, user: UserId, room: &RoomId, change: impl FnOnce(&mut ConversationRow)) {
        if let Some(row) = self.change().conversations.0.get_mut(&user).and_then(|rooms| rooms.get_mut(room)) {
            change(row);
        }
    }
}

#[async_trait]
impl ConversationRepo for MemoryTx {
    async fn get(&mut self, user: UserId, room: &RoomId) -> Res<Option<ConversationRow>> {
        Ok(self.state.conversations.get(user, room).cloned())
    }

    async fn list(&mut self, user: UserId) -> Res<Vec<ConversationRow>> {
        let rooms = self.state.conversations.0.get(&user).into_iter();
        Ok(rooms.flat_map(BTreeMap::values).cloned().collect())
    }

    async fn ensure(&mut self, user: UserId, room: &RoomId, from: Option<Seq>) -> Res<bool> {
        let new = self.state.conversations.get(user, room).is_none();
        if new {
            let row = ConversationRow::new(*room, from);
            self.change().conversations.0.entry(user).or_default().insert(*room, row);
        }
        Ok(new)
    }

    async fn set_from(&mut self, user: UserId, room: &RoomId, below: Mark) -> Res<()> {
        self.change_row(user, room, |row| {
            row.from = Some(below.seq.next());
            row.mark = row.mark.max(below);
        });
        Ok(())
    }

    async fn set_read(&mut self, marks: &[(UserId, RoomId, Mark)]) -> Res<()> {
        for (user, room, mark) in marks {
            self.change_row(*user, room, |row| row.read_to(*mark));
        }
        Ok(())
    }

    async fn set_clear(&mut self, user: UserId, room: &RoomId, to: Mark) -> Res<()> {
        self.change_row(user, room, |row| {
            row.clear = row.clear.max(to.seq);
            row.mark = row.mark.max(to);
        });
        Ok(())
    }

    async fn set_pinned(&mut self, user: UserId, room: &RoomId, at: Option<Millis>) -> Res<()> {
        self.change_row(user, room, |row| row.pinned_at = at);
        Ok(())
    }

    async fn set_muted(&mut self, user: UserId, room: &RoomId, muted: bool) -> Res<()> {
        self.change_row(user, room, |row| row.muted = muted);
        Ok(())
    }

    async fn set_hidden(&mut self, user: UserId, room: &RoomId, at: Option<Seq>) -> Res<()> {
        self.change_row(user, room, |row| row.hidden = at);
        Ok(())
    }

    async fn readers(&mut self, room: &RoomId, seq: Seq, after: Option<UserId>, limit: u16) -> Res<Vec<Reader>> {
        let rows = self.state.conversations.0.iter();
        let read = rows.filter_map(|(user, rooms)| {
            let row = rooms.get(room)?;
            (row.read >= seq && row.from? <= seq).then_some(Reader { user_id: *user, seq: row.read })
        });
        let after = after.unwrap_or(UserId::SYSTEM);
        Ok(read.filter(|reader| reader.user_id > after).take(limit.into()).collect())
    }

    async fn remove(&mut self, user: UserId, room: &RoomId) -> Res<bool> {
        let rows = &mut self.change().conversations.0;
        Ok(rows.get_mut(&user).is_some_and(|rooms| rooms.remove(room).is_some()))
    }
}
