use super::State;
use crate::id::{RoomId, UserId};
use crate::model::user::UserState;
use crate::repo::{PeerState, PrivateRights};

impl State {
    /// What one person may do to another.
    pub(super) fn private_rights(&self, writer: UserId, other: UserId) -> PrivateRights {
        let peer = match self.users.get(other).map(|user| user.state) {
            None => PeerState::Absent,
            Some(UserState::Disabled | UserState::Deleted) => PeerState::Disabled,
            Some(UserState::Active) => PeerState::Active,
        };
        let has_row = |user, room: &RoomId| self.conversations.get(user, room).is_some();
        PrivateRights {
            peer,
            friends: self.friends.get(writer, other).is_some(),
            blocks: self.blocks.get(writer, other).is_some(),
            blocked: self.blocks.get(other, writer).is_some(),
            open: RoomId::private(writer, other).is_some_and(|room| has_row(writer, &room) && has_row(other, &room)),
        }
    }
}
