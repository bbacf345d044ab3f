use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::{RoomId, Seq, UserId};
use crate::model::conversation::Conversation;
use crate::repo::{ConversationRepo, Res};

#[derive(Clone, Default)]
pub(super) struct Conversations(BTreeMap<UserId, BTreeMap<RoomId, Conversation>>);

impl Conversations {
    pub(super) fn get(&self, user: UserId, room: &RoomId) -> Option<&Conversation> {
        self.0.get(&user)?.get(room)
    }
}

#[async_trait]
impl ConversationRepo for MemoryTx {
    async fn get(&mut self, user: UserId, room: &RoomId) -> Res<Option<Conversation>> {
        Ok(self.state.conversations.get(user, room).cloned())
    }

    async fn list(&mut self, user: UserId) -> Res<Vec<Conversation>> {
        let rooms = self.state.conversations.0.get(&user).into_iter();
        Ok(rooms.flat_map(BTreeMap::values).cloned().collect())
    }

    async fn ensure(&mut self, user: UserId, room: &RoomId, from: Option<Seq>) -> Res<bool> {
        let new = self.state.conversations.get(user, room).is_none();
        if new {
            let row = Conversation { room: *room, from, read: Seq::ZERO };
            self.change().conversations.0.entry(user).or_default().insert(*room, row);
        }
        Ok(new)
    }

    async fn set_from(&mut self, user: UserId, room: &RoomId, from: Seq) -> Res<()> {
        let rows = &mut self.change().conversations.0;
        if let Some(row) = rows.get_mut(&user).and_then(|rooms| rooms.get_mut(room)) {
            row.from = Some(from);
        }
        Ok(())
    }

    async fn remove(&mut self, user: UserId, room: &RoomId) -> Res<bool> {
        let rows = &mut self.change().conversations.0;
        Ok(rows.get_mut(&user).is_some_and(|rooms| rooms.remove(room).is_some()))
    }
}
