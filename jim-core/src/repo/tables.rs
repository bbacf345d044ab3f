//! The tables of the relational side: what a move carries and a look over a store reads.

/// A table. The first columns are its key.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// All of its columns.
    pub columns: &'static [&'static str],
    /// How many of them are its key.
    pub key: usize,
    /// Whether it gives its rows their ids, and none of them twice.
    pub gives_ids: bool,
}

impl Table {
    /// The columns of its key.
    #[must_use]
    pub fn key_columns(&self) -> &'static [&'static str] {
        &self.columns[..self.key]
    }

    /// Where a column stands in a row.
    #[must_use]
    pub fn place(&self, column: &str) -> usize {
        self.columns.iter().position(|name| *name == column).unwrap_or(usize::MAX)
    }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident $name:literal $key:literal $gives_ids:literal: $($column:ident)+;)+) => {
        $(
            $(#[$doc])*
            pub static $table: Table =
                Table { name: $name, columns: &[$(stringify!($column)),+], key: $key, gives_ids: $gives_ids };
        )+
    };
}

tables! {
    /// Values that nodes share.
    SETTINGS "settings" 1 false: name value;
    /// Accounts.
    USERS "users" 1 true: id username username_key nickname nickname_key birth_date status_text password_hash state role created_at;
    /// Whether people are to be seen.
    STATUSES "statuses" 1 false: user_id status text_until seen_at;
    /// The ends of user logs.
    USER_HEADS "user_heads" 1 false: user_id seq;
    /// Entries of user logs.
    USER_LOG "user_log" 2 false: user_id seq at kind body;
    /// Log-ins.
    SESSIONS "sessions" 1 true: id user_id device ip created_at seen_at access_hash access_until refresh_hash refresh_until prev_access_hash prev_access_until old_refresh_hash used ended_at;
    /// Rights to open a socket.
    TICKETS "tickets" 1 false: hash session_id until_at;
    /// Friendships.
    FRIENDSHIPS "friendships" 2 false: user_id friend_id remark since;
    /// By what people sort their friends; an empty label is a star.
    FRIEND_LABELS "friend_labels" 3 false: user_id friend_id label;
    /// Friend requests.
    FRIEND_REQUESTS "friend_requests" 1 true: id from_id to_id note status pending reason muffled created_at;
    /// Blocks.
    BLOCKS "blocks" 2 false: user_id blocked_id cut_seq at;
    /// Groups.
    GROUPS "groups" 1 true: id name announcement owner_id join_policy invite_policy history_policy max_members member_count muted created_at dissolved_at;
    /// Members.
    MEMBERS "members" 2 false: group_id user_id role nickname muted_until joined_at;
    /// Who was a member.
    FORMER_MEMBERS "former_members" 2 false: group_id user_id joined_at muted_until;
    /// Who may not come into a group.
    BLACKLIST "blacklist" 2 false: group_id user_id by_user at;
    /// Invitations into groups.
    INVITATIONS "group_invitations" 1 true: id group_id user_id by_user created_at;
    /// Requests to join groups.
    JOIN_REQUESTS "join_requests" 1 true: id group_id user_id note status pending created_at;
    /// What people keep about rooms.
    CONVERSATIONS "conversations" 2 false: user_id room from_seq clear_seq read_seq mark mark_ord hidden_seq pinned_at muted;
    /// Entries that people deleted for themselves.
    HIDDEN "hidden" 3 false: user_id room seq;
    /// Entries that rooms keep in sight.
    PINS "pins" 2 false: room seq by_user at;
    /// World channels.
    WORLDS "worlds" 1 false: id name is_open slow_mode_seconds;
    /// Who may not write in a world channel.
    WORLD_MUTES "world_mutes" 2 false: world_id user_id until;
    /// Who wrote last in a world channel, and when.
    WORLD_TURNS "world_turns" 2 false: world_id user_id at client_ref;
    /// What committed changes still owe to rooms.
    OUTBOX "outbox" 1 true: id room task at;
    /// What is good once and was used.
    SPENT "spent" 1 false: hash until_at;
    /// Whom the host knows.
    EXTERNAL "external" 1 false: external_id user_id;
    /// Addresses of people.
    EMAILS "emails" 1 false: user_id address address_key at;
    /// Codes that were sent.
    CODES "codes" 2 false: purpose subject hash address until_at tries;
    /// Mails on their way.
    MAILS "mails" 1 true: id purpose user_id address address_key language at tries begun_at due_at;
    /// Second factors.
    TOTP "totp" 1 false: user_id secret confirmed last_step;
    /// What stands for a lost authenticator.
    TOTP_CODES "totp_codes" 2 false: hash user_id;
    /// What administrators did.
    AUDIT "audit" 1 true: id at by_user action target ip before_json after_json;
    /// What accounts that are gone have left behind.
    DEPARTURES "departures" 2 false: user_id room seq at;
    /// Who is mentioned where, in a store that has the room logs too: made from the entries.
    MENTIONS "mentions" 3 false: user_id room seq;
    /// What was taken back, in a store that has the room logs too: made from the entries.
    RETRACTIONS "retractions" 2 false: room seq;
}

/// All that a move carries, in the order in which it does.
pub static TABLES: [&Table; 33] = [
    &SETTINGS,
    &USERS,
    &STATUSES,
    &USER_HEADS,
    &USER_LOG,
    &SESSIONS,
    &TICKETS,
    &FRIENDSHIPS,
    &FRIEND_LABELS,
    &FRIEND_REQUESTS,
    &BLOCKS,
    &GROUPS,
    &MEMBERS,
    &FORMER_MEMBERS,
    &BLACKLIST,
    &INVITATIONS,
    &JOIN_REQUESTS,
    &CONVERSATIONS,
    &HIDDEN,
    &PINS,
    &WORLDS,
    &WORLD_MUTES,
    &WORLD_TURNS,
    &OUTBOX,
    &SPENT,
    &EXTERNAL,
    &EMAILS,
    &CODES,
    &MAILS,
    &TOTP,
    &TOTP_CODES,
    &AUDIT,
    &DEPARTURES,
];
