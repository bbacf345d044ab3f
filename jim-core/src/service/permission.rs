//! Who may do what: pure functions over models.

use crate::error::{Code, Error};
use crate::model::group::{FOREVER, GroupRow, InvitePolicy, MemberRow, Role};
use crate::model::world::WorldRights;
use crate::repo::{PeerState, PrivateRights};
use crate::time::Millis;

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

/// Whether one of two people may do something in their room: whatever makes an entry is as a message is, and nobody
/// takes back what the other wrote.
pub fn private_act(rights: &PrivateRights, friends_required: bool, action: Action) -> Result<(), Code> {
    if action == Action::Retract { Err(Code::NotYours) } else { private_send(rights, friends_required) }
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

/// All that decides whether a member may write in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRights {
    /// What the member may do.
    pub role: Role,
    /// Until when the member may not write.
    pub muted_until: Option<Millis>,
    /// Only the owner and admins may write.
    pub muted: bool,
    /// The group has ended.
    pub dissolved: bool,
}

impl GroupRights {
    /// The rights of a member.
    #[must_use]
    pub fn of(group: &GroupRow, member: &MemberRow) -> Self {
        GroupRights {
            role: member.role,
            muted_until: member.muted_until,
            muted: group.muted,
            dissolved: group.dissolved_at.is_some(),
        }
    }
}

/// Whether somebody may write in a world channel now. Administrators may while it is closed or slow, and cannot be
/// silenced.
pub fn world_send(rights: &WorldRights, now: Millis) -> Result<(), Error> {
    match rights {
        WorldRights { admin: true, .. } => Ok(()),
        WorldRights { open: false, .. } => Err(Code::WorldClosed.into()),
        WorldRights { muted_until: Some(FOREVER), .. } => Err(Code::WorldMuted.into()),
        WorldRights { muted_until: Some(until), .. } if *until > now => {
            Err(Error::RefusedUntil { code: Code::WorldMuted, until: *until })
        }
        WorldRights { .. } => Ok(()),
    }
}

/// Whether somebody may do in a world channel what is more than to write: administrators may do everything there.
pub fn world_act(admin: bool) -> Result<(), Code> {
    if admin { Ok(()) } else { Err(Code::AdminRequired) }
}

/// Whether somebody has to wait between two messages in a world channel.
#[must_use]
pub fn world_waits(rights: &WorldRights) -> bool {
    !rights.admin && rights.slow_mode_seconds > 0
}

/// Whether a message may be taken back: by its author for a while, by who moderates the room at any time.
pub fn retract(own: bool, in_time: bool, moderates: bool) -> Result<(), Code> {
    match (moderates, own, in_time) {
        (true, ..) | (_, true, true) => Ok(()),
        (_, true, false) => Err(Code::RetractExpired),
        (_, false, _) => Err(Code::NotYours),
    }
}

/// Whether a member may write in a group now. Mutes silence ordinary members and admins; the silence of all spares
/// the owner and admins.
pub fn group_send(rights: &GroupRights, now: Millis) -> Result<(), Error> {
    match rights {
        GroupRights { dissolved: true, .. } => Err(Code::GroupDissolved.into()),
        GroupRights { muted_until: Some(FOREVER), .. } => Err(Code::MemberMuted.into()),
        GroupRights { muted_until: Some(until), .. } if *until > now => {
            Err(Error::RefusedUntil { code: Code::MemberMuted, until: *until })
        }
        GroupRights { muted: true, role: Role::Member, .. } => Err(Code::GroupMuted.into()),
        GroupRights { .. } => Ok(()),
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident: $role:ident, $over:literal, $words:literal,)+) => {
        /// What members do to a group and to each other.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Action { $($(#[$doc])* $name,)+ }

        impl Action {
            /// Every one there is.
            pub const ALL: &[Action] = &[$(Action::$name,)+];

            /// The least role that may.
            const fn role(self) -> Role {
                match self { $(Action::$name => Role::$role,)+ }
            }

            /// Whether it is done to a member, who then must be of a lower role.
            const fn over(self) -> bool {
                match self { $(Action::$name => $over,)+ }
            }

            const fn words(self) -> &'static str {
                match self { $(Action::$name => $words,)+ }
            }
        }
    };
}

actions! {
    /// Write; what silences somebody is in [`group_send`].
    Send: Member, false, "write, while nobody silences",
    /// Mention everybody.
    MentionAll: Admin, false, "mention everybody",
    /// Keep a message in sight.
    Pin: Admin, false, "pin and unpin messages",
    /// Take back what another wrote.
    Retract: Admin, true, "retract another's message, at any time",
    /// Bring others in, where members may.
    Add: Member, false, "add members, policy `members`",
    /// Bring others in, where only admins may.
    AddAsAdmin: Admin, false, "add members, policy `admins`",
    /// Change name, announcement or policies.
    Describe: Admin, false, "change name, announcement, policies",
    /// See and decide who asks to join.
    Admit: Admin, false, "decide requests to join",
    /// Silence all ordinary members.
    MuteAll: Admin, false, "mute everyone",
    /// Silence one member.
    Mute: Admin, true, "mute a member",
    /// Say what another is called here.
    Name: Admin, true, "change another's nickname",
    /// Remove a member.
    Remove: Admin, true, "remove a member",
    /// Keep somebody out.
    Blacklist: Admin, true, "blacklist somebody",
    /// Make and dismiss admins.
    Appoint: Owner, true, "appoint and dismiss admins",
    /// Give the group away.
    Transfer: Owner, true, "transfer the group",
    /// End the group.
    Dissolve: Owner, false, "dissolve the group",
}

/// Whether a member may do something in a group, to a member of a role where it is done to one.
pub fn group_act(actor: Role, action: Action, target: Option<Role>) -> Result<(), Code> {
    let outranks = !action.over() || target.is_none_or(|target| target < actor);
    if actor >= action.role() && outranks { Ok(()) } else { Err(Code::RoleRequired) }
}

/// Bringing others in, by the group's policy.
#[must_use]
pub fn adding(policy: InvitePolicy) -> Action {
    match policy {
        InvitePolicy::Members => Action::Add,
        InvitePolicy::Admins => Action::AddAsAdmin,
    }
}

/// Who may do what in a group, as a table in Markdown.
#[must_use]
pub fn table() -> String {
    use std::fmt::Write as _;
    let mut text = String::from("| | owner | admin | member |\n|---|---|---|---|\n");
    for action in Action::ALL {
        let _ = write!(text, "| {} |", action.words());
        for actor in Role::ALL.iter().rev() {
            let may = |target| group_act(*actor, *action, target).is_ok();
            let over: Vec<&str> =
                Role::ALL.iter().rev().filter(|target| may(Some(**target))).map(|target| target.as_str()).collect();
            let cell = match action.over() {
                true if over.is_empty() => "–".to_owned(),
                true => format!("to {}", over.join(", ")),
                false if may(None) => "yes".to_owned(),
                false => "–".to_owned(),
            };
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_permissions_shows_the_table() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/permissions.md"));
        assert!(page.contains(&table()), "docs/src/permissions.md should hold:\n{}", table());
    }

    #[test]
    fn who_is_silenced_until_when() {
        let now = Millis(1_000);
        let rights = |role, muted_until, muted| GroupRights { role, muted_until, muted, dissolved: false };
        let code = |rights: GroupRights| group_send(&rights, now).err().map(|error| error.code());
        for role in [Role::Owner, Role::Admin, Role::Member] {
            assert_eq!(code(rights(role, None, false)), None);
            let silenced = (role == Role::Member).then_some(Code::GroupMuted);
            assert_eq!(code(rights(role, None, true)), silenced, "{role:?}");
            assert_eq!(code(rights(role, Some(Millis(1_001)), false)), Some(Code::MemberMuted));
            assert_eq!(code(rights(role, Some(FOREVER), false)), Some(Code::MemberMuted));
            assert_eq!(code(rights(role, Some(now), false)), None, "its end is not in it");
            let ended = GroupRights { dissolved: true, ..rights(role, Some(FOREVER), true) };
            assert_eq!(code(ended), Some(Code::GroupDissolved));
        }
    }

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
    fn in_private_one_may_do_what_makes_an_entry_while_one_may_write_and_never_moderates() {
        let (stranger, blocks) = (PrivateRights { friends: false, ..FRIEND }, PrivateRights { blocks: true, ..FRIEND });
        for action in [Action::Send, Action::MentionAll, Action::Pin] {
            assert_eq!(private_act(&FRIEND, true, action), Ok(()), "{action:?}");
            assert_eq!(private_act(&stranger, true, action), Err(Code::NotFriend), "{action:?}");
            assert_eq!(private_act(&stranger, false, action), Ok(()), "{action:?}");
            assert_eq!(private_act(&blocks, false, action), Err(Code::FriendBlocked), "{action:?}");
        }
        for rights in [FRIEND, stranger, blocks] {
            assert_eq!(private_act(&rights, true, Action::Retract), Err(Code::NotYours));
        }
    }

    #[test]
    fn in_the_world_administrators_do_everything_and_wait_for_nothing() {
        let rights = |admin, slow_mode_seconds| WorldRights { admin, open: true, slow_mode_seconds, muted_until: None };
        for (admin, may, waits) in [(true, Ok(()), false), (false, Err(Code::AdminRequired), true)] {
            assert_eq!(world_act(admin), may);
            assert_eq!(world_waits(&rights(admin, 1)), waits);
            assert!(!world_waits(&rights(admin, 0)), "who is admin: {admin}");
        }
    }

    #[test]
    fn the_table_of_world_sends() {
        let now = Millis(1_000);
        let rights = |open, muted_until| WorldRights { admin: false, open, slow_mode_seconds: 0, muted_until };
        let code = |rights: WorldRights| world_send(&rights, now).err().map(|error| error.code());
        let table = [
            (rights(true, None), None),
            (rights(true, Some(now)), None),
            (rights(true, Some(Millis(1_001))), Some(Code::WorldMuted)),
            (rights(true, Some(FOREVER)), Some(Code::WorldMuted)),
            (rights(false, None), Some(Code::WorldClosed)),
            (rights(false, Some(FOREVER)), Some(Code::WorldClosed)),
        ];
        for (rights, expected) in table {
            assert_eq!(code(rights), expected, "{rights:?}");
            assert_eq!(code(WorldRights { admin: true, ..rights }), None, "{rights:?}");
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
