//! Who may do what: pure functions over models.

use crate::error::Code;
use crate::repo::{PeerState, PrivateRights};

/// Whether one person may write to another. Who is blocked learns no more than a stranger would.
pub fn private_send(rights: &PrivateRights, friends_required: bool) -> Result<(), Code> {
    match rights {
        PrivateRights { peer: PeerState::Absent, .. } => Err(Code::NotFound),
        PrivateRights { blocks: true, .. } => Err(Code::FriendBlocked),
        PrivateRights { blocked: true, .. } => Err(Code::NotFriend),
        PrivateRights { friends: false, .. } if friends_required => Err(Code::NotFriend),
        PrivateRights { peer: PeerState::Disabled, .. } => Err(Code::UserUnavailable),
        PrivateRights { .. } => Ok(()),
    }
}

/// Whether one person may ask another to be friends; `Ok(true)` when the other must never learn of it.
pub fn request_friend(rights: &PrivateRights, pretend_when_blocked: bool) -> Result<bool, Code> {
    match rights {
        PrivateRights { peer: PeerState::Absent, .. } => Err(Code::NotFound),
        PrivateRights { friends: true, .. } => Err(Code::FriendExists),
        PrivateRights { blocks: true, .. } => Err(Code::FriendBlocked),
        PrivateRights { blocked: true, .. } if pretend_when_blocked => Ok(true),
        PrivateRights { blocked: true, .. } => Err(Code::FriendRefused),
        PrivateRights { peer: PeerState::Disabled, .. } => Err(Code::UserUnavailable),
        PrivateRights { .. } => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRIEND: PrivateRights =
        PrivateRights { peer: PeerState::Active, friends: true, blocks: false, blocked: false, open: true };

    #[test]
    fn the_table_of_private_sends() {
        let rights = |friends, blocks, blocked| PrivateRights { friends, blocks, blocked, ..FRIEND };
        let table = [
            (rights(true, false, false), Ok(()), Ok(())),
            (rights(true, true, false), Err(Code::FriendBlocked), Err(Code::FriendBlocked)),
            (rights(true, false, true), Err(Code::NotFriend), Err(Code::NotFriend)),
            (rights(true, true, true), Err(Code::FriendBlocked), Err(Code::FriendBlocked)),
            (rights(false, false, false), Err(Code::NotFriend), Ok(())),
            (rights(false, true, false), Err(Code::FriendBlocked), Err(Code::FriendBlocked)),
            (rights(false, false, true), Err(Code::NotFriend), Err(Code::NotFriend)),
            (rights(false, true, true), Err(Code::FriendBlocked), Err(Code::FriendBlocked)),
            (PrivateRights { peer: PeerState::Absent, ..FRIEND }, Err(Code::NotFound), Err(Code::NotFound)),
            (
                PrivateRights { peer: PeerState::Disabled, ..FRIEND },
                Err(Code::UserUnavailable),
                Err(Code::UserUnavailable),
            ),
        ];
        for (rights, required, open) in table {
            assert_eq!(private_send(&rights, true), required, "{rights:?}");
            assert_eq!(private_send(&rights, false), open, "{rights:?}");
        }
    }

    #[test]
    fn a_request_to_a_blocker_is_refused_or_looks_as_if_it_waits() {
        let blocked = PrivateRights { friends: false, blocked: true, ..FRIEND };
        assert_eq!(request_friend(&blocked, false), Err(Code::FriendRefused));
        assert_eq!(request_friend(&blocked, true), Ok(true));
        assert_eq!(request_friend(&FRIEND, false), Err(Code::FriendExists));
        assert_eq!(request_friend(&PrivateRights { friends: false, ..FRIEND }, false), Ok(false));
        assert_eq!(
            request_friend(&PrivateRights { friends: false, blocks: true, ..FRIEND }, true),
            Err(Code::FriendBlocked)
        );
    }
}
