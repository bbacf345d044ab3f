//! Every limit a client may meet.

use serde::{Deserialize, Serialize};

/// At least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// At least.
    pub min: u32,
    /// At most.
    pub max: u32,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr,)+) => {
        /// Every limit a client may meet; lengths of texts are in characters.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct Limits { $($(#[$doc])* pub $name: $type,)+ }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($name: $default,)+ }
            }
        }
    };
}

const fn range(min: u32, max: u32) -> Range {
    Range { min, max }
}

limits! {
    /// User name.
    username: Range = range(3, 32),
    /// Nickname.
    nickname: Range = range(1, 32),
    /// Password.
    password: Range = range(8, 128),
    /// Remark on a friend.
    remark: u32 = 32,
    /// Note of a friend request, greeting, reason of a rejection.
    note: u32 = 200,
    /// Status text.
    status_text: u32 = 100,
    /// Name of a group.
    group_name: Range = range(1, 64),
    /// Announcement of a group.
    announcement: u32 = 2000,
    /// Text of a message.
    text: u32 = 4000,
    /// Client reference of a message.
    client_ref: Range = range(1, 64),
    /// Data of a custom message, in bytes of JSON.
    custom_bytes: u32 = 8192,
    /// People mentioned in a message.
    mentions: u32 = 50,
    /// Body of a request, in bytes.
    body_bytes: u32 = 65_536,
    /// Things on a page.
    page: u16 = 100,
    /// Ids in one call.
    ids_per_call: u32 = 100,
    /// Friends of one person.
    friends: u32 = 5000,
    /// Groups of one person.
    groups: u32 = 1000,
    /// Members of a group unless it says otherwise.
    group_members: u32 = 500,
    /// People who wait to come into a group: those who ask, and those who were asked.
    group_waiting: u32 = 500,
    /// Administrators of a group.
    group_admins: u32 = 20,
    /// Pins in a room.
    pins: u32 = 50,
    /// Sockets of one session; one more closes the oldest.
    sockets_per_session: u32 = 8,
    /// Sockets of one person; one more is refused.
    sockets_per_user: u32 = 32,
    /// Bytes of a frame from a client.
    frame_bytes: u32 = 4096,
    /// Bytes of a file.
    media_bytes: u64 = 20_971_520,
    /// Bytes of all files of one person.
    media_quota_bytes: u64 = 1 << 30,
    /// Pixels of a picture.
    image_pixels: u64 = 40_000_000,
    /// Seconds in which a message can be retracted by its author.
    retract_seconds: u32 = 120,
}

impl Limits {
    /// Things on a page when the caller does not say.
    pub const PAGE_DEFAULT: u16 = 50;
}
