//! Groups and their members.

use serde::{Deserialize, Serialize};

use super::{Broken, Limits, UserCard, text};
use crate::id::{GroupId, RoomId, UserId};
use crate::model::limits::Range;
use crate::time::Millis;

/// What a group is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName(pub(crate) String);

impl GroupName {
    /// Parses a name of one line.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Broken> {
        text::line(text, limits.group_name).map(GroupName)
    }
}

/// What a group says to everybody who comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement(pub(crate) String);

impl Announcement {
    /// Parses an announcement of at least one character.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Broken> {
        text::prose(text, Range { min: 1, max: limits.announcement }).map(Announcement)
    }
}

/// What somebody is called in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberName(pub(crate) String);

impl MemberName {
    /// Parses a name of one line.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Broken> {
        text::line(text, limits.nickname).map(MemberName)
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every one there is, in order.
            pub const ALL: &[$name] = &[$($name::$variant,)+];

            /// The word on the wire and in storage.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The one of this word.
            pub fn parse(word: &str) -> Result<Self, Broken> {
                let found = Self::ALL.iter().find(|one| one.as_str() == word);
                found.copied().ok_or_else(|| Broken::new("invalid", concat!("one of:", $(" ", $word,)+)))
            }
        }
    )+};
}

words! {
    /// What a member may do; the greater may more.
    Role {
        /// An ordinary member.
        Member = "member",
        /// Helps the owner.
        Admin = "admin",
        /// The one who decides; each group has exactly one.
        Owner = "owner",
    }
    /// How strangers come in.
    JoinPolicy {
        /// By asking nobody.
        Open = "open",
        /// By a request that an admin decides.
        Approval = "approval",
        /// Not at all: they are invited.
        Invite = "invite",
    }
    /// Who may bring others in.
    InvitePolicy {
        /// Every member.
        Members = "members",
        /// The owner and admins.
        Admins = "admins",
    }
    /// What of the history a new member may read.
    HistoryPolicy {
        /// All of it.
        All = "all",
        /// What comes from the join on.
        Joined = "joined",
    }
}

/// The end of a mute that has none.
pub const FOREVER: Millis = Millis(i64::MAX);

/// A group as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    /// Its id.
    pub id: GroupId,
    /// What it is called.
    pub name: String,
    /// What it says to everybody who comes.
    pub announcement: Option<String>,
    /// Its owner.
    pub owner: UserId,
    /// How strangers come in.
    pub join_policy: JoinPolicy,
    /// Who may bring others in.
    pub invite_policy: InvitePolicy,
    /// What new members may read.
    pub history_policy: HistoryPolicy,
    /// Members at the most.
    pub max_members: u32,
    /// Members now.
    pub member_count: u32,
    /// Only the owner and admins may write.
    pub muted: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it ended.
    pub dissolved_at: Option<Millis>,
}

impl GroupRow {
    /// The group's room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        RoomId::Group(self.id)
    }
}

/// A member as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The group.
    pub group: GroupId,
    /// The person.
    pub user: UserId,
    /// What the person may do.
    pub role: Role,
    /// What the person is called here.
    pub nickname: Option<String>,
    /// Until when the person may not write; [`FOREVER`] for good.
    pub muted_until: Option<Millis>,
    /// Since when.
    pub joined_at: Millis,
}

impl MemberRow {
    /// A new ordinary member.
    #[must_use]
    pub fn new(group: GroupId, user: UserId, at: Millis) -> Self {
        MemberRow { group, user, role: Role::Member, nickname: None, muted_until: None, joined_at: at }
    }

    /// The mute that holds now.
    #[must_use]
    pub fn muted(&self, now: Millis) -> Option<Millis> {
        self.muted_until.filter(|until| *until > now)
    }
}

/// What outlives a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Former {
    /// Since when the person was a member.
    pub joined_at: Millis,
    /// Until when the person may not write, as it stood when he went.
    pub muted_until: Option<Millis>,
}

/// What somebody is in a group that he looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MyPart {
    /// What he may do.
    pub role: Role,
    /// What he is called here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// He may not write now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// Until when; absent where it is for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Millis>,
}

/// A group as its members see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its room.
    pub room: RoomId,
    /// What it is called.
    pub name: String,
    /// What it says to everybody who comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announcement: Option<String>,
    /// Its owner.
    pub owner_id: UserId,
    /// How strangers come in.
    pub join_policy: JoinPolicy,
    /// Who may bring others in.
    pub invite_policy: InvitePolicy,
    /// What new members may read.
    pub history_policy: HistoryPolicy,
    /// Members at the most.
    pub max_members: u32,
    /// Members now.
    pub member_count: u32,
    /// Only the owner and admins may write.
    pub muted: bool,
    /// What the one who looks is in it.
    pub my: MyPart,
    /// When it was made.
    pub created_at: Millis,
}

impl Group {
    /// How a member sees the group.
    #[must_use]
    pub fn seen(row: GroupRow, my: MemberRow, now: Millis) -> Self {
        let muted = my.muted(now);
        Group {
            id: row.id,
            room: row.room(),
            name: row.name,
            announcement: row.announcement,
            owner_id: row.owner,
            join_policy: row.join_policy,
            invite_policy: row.invite_policy,
            history_policy: row.history_policy,
            max_members: row.max_members,
            member_count: row.member_count,
            muted: row.muted,
            my: MyPart {
                role: my.role,
                nickname: my.nickname,
                muted: muted.is_some(),
                muted_until: muted.filter(|until| *until < FOREVER),
            },
            created_at: row.created_at,
        }
    }
}

/// A member as the others see him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The person.
    pub user: UserCard,
    /// What the person may do.
    pub role: Role,
    /// What the person is called here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// The person may not write now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// Until when; absent where it is for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Millis>,
    /// Since when.
    pub joined_at: Millis,
}

impl Member {
    /// How others see a member.
    #[must_use]
    pub fn seen(row: MemberRow, user: UserCard, now: Millis) -> Self {
        let muted = row.muted(now);
        Member {
            user,
            role: row.role,
            nickname: row.nickname,
            muted: muted.is_some(),
            muted_until: muted.filter(|until| *until < FOREVER),
            joined_at: row.joined_at,
        }
    }
}

/// Somebody who may not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blacklisted {
    /// Who.
    pub user: UserId,
    /// Who said so.
    pub by: UserId,
    /// When.
    pub at: Millis,
}
