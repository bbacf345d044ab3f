//! What can go wrong, as the outside sees it: a stable [`Code`] per refusal.

use std::time::Duration;

use crate::repo::RepoError;
use crate::time::Millis;

/// What a service call returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// The stable name of a refusal. Names never change; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $variant,)+ }

        impl Code {
            /// Every code there is, in the order of the documentation.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];

            /// The name on the wire, such as `friend.not_friend`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)+ }
            }
        }
    };
}

codes! {
    /// One or more values break a limit; the error lists each.
    Invalid = "request.invalid",
    /// A cursor was not made by this server for this list.
    CursorInvalid = "cursor.invalid",
    /// No session, or one that ended.
    AuthRequired = "auth.required",
    /// Registration is switched off.
    RegistrationClosed = "auth.registration_closed",
    /// Somebody has this user name.
    UsernameTaken = "auth.username_taken",
    /// Unknown name or wrong password; the two look alike.
    InvalidCredentials = "auth.invalid_credentials",
    /// The password is right, the account is disabled.
    AccountDisabled = "auth.account_disabled",
    /// After some failed log-ins the next one needs a captcha.
    CaptchaRequired = "auth.captcha_required",
    /// After more of them this source waits before it tries this account again.
    Locked = "auth.locked",
    /// A token of the host's that is not good.
    TokenInvalid = "auth.invalid_token",
    /// Registration needs a captcha.
    CaptchaAbsent = "captcha.required",
    /// The answer is wrong, or the captcha was used, is over, or was not made here.
    CaptchaInvalid = "captcha.invalid",
    /// The refresh token is unknown, used up or expired.
    RefreshInvalid = "auth.refresh_invalid",
    /// The old password is wrong.
    WrongPassword = "auth.wrong_password",
    /// The password is right, and a code of the second factor is wanted.
    TotpRequired = "auth.totp_required",
    /// The second factor is on already.
    TotpActive = "totp.active",
    /// There is no key to confirm, or this is no code of it.
    TotpCodeInvalid = "totp.code_invalid",
    /// This server sends no mail.
    EmailOff = "email.off",
    /// Another account has this address.
    EmailTaken = "email.taken",
    /// The code is wrong, used, too old, or guessed at too often.
    EmailCodeInvalid = "email.code_invalid",
    /// Absent, or not for the caller to see.
    NotFound = "resource.not_found",
    /// A request to oneself.
    FriendSelf = "friend.self",
    /// The two are friends already.
    FriendExists = "friend.exists",
    /// One of the two has as many friends as allowed.
    FriendFull = "friend.full",
    /// The caller blocks the other.
    FriendBlocked = "friend.blocked",
    /// The other does not take requests from the caller.
    FriendRefused = "friend.refused",
    /// Not a friend, or blocked by the other; the two look alike.
    NotFriend = "friend.not_friend",
    /// An equal request is pending.
    FriendRequestDuplicate = "friend_request.duplicate",
    /// The request was answered already.
    FriendRequestDecided = "friend_request.decided",
    /// One cannot block oneself.
    BlockSelf = "block.self",
    /// The other account is disabled.
    UserUnavailable = "user.unavailable",
    /// The role does not allow it.
    RoleRequired = "group.role_required",
    /// Only the owner and admins may write now.
    GroupMuted = "group.muted",
    /// The caller may not write in the group now.
    MemberMuted = "group.member_muted",
    /// The person is on the group's blacklist.
    Blacklisted = "group.blacklisted",
    /// The group has as many members as allowed.
    GroupFull = "group.full",
    /// As many people wait to come into the group as allowed.
    WaitingFull = "group.waiting_full",
    /// The group has as many admins as allowed.
    AdminsFull = "group.admins_full",
    /// The owner cannot go before somebody else owns the group.
    OwnerMustTransfer = "group.owner_must_transfer",
    /// The caller is in the group already.
    AlreadyMember = "group.already_member",
    /// One of those concerned is in as many groups as allowed.
    GroupsFull = "group.too_many",
    /// The group ended.
    GroupDissolved = "group.dissolved",
    /// The request to join was answered already.
    JoinRequestDecided = "join_request.decided",
    /// The person named is not in the group.
    NotMember = "group.not_member",
    /// A room that cannot be, such as one with oneself.
    RoomInvalid = "room.invalid",
    /// The same `client_ref` was used for other content.
    RefConflict = "message.ref_conflict",
    /// The entry that a message replies to is none that its sender may read.
    ReplyInvalid = "message.reply_invalid",
    /// Somebody who is mentioned is not in the room.
    MentionInvalid = "message.mention_invalid",
    /// Only its author, or who moderates the room, may take a message back.
    NotYours = "message.not_yours",
    /// The time in which its author may take a message back is over.
    RetractExpired = "message.retract_expired",
    /// The message was taken back already.
    MessageRetracted = "message.retracted",
    /// Only what people wrote can be taken back.
    NotRetractable = "message.not_retractable",
    /// Only messages can be deleted for oneself.
    NotDeletable = "message.not_deletable",
    /// The room has as many pins as allowed.
    PinFull = "pin.full",
    /// Only messages that still stand can be pinned.
    PinNotMessage = "pin.not_message",
    /// Nobody can have read what is not there yet.
    ReadBeyondEnd = "read.beyond_end",
    /// Only administrators may write now.
    WorldClosed = "world.closed",
    /// The caller may not write in the world channel now.
    WorldMuted = "world.muted",
    /// The caller has to wait before the next message.
    WorldSlowMode = "world.slow_mode",
    /// Only administrators may do it.
    AdminRequired = "admin.required",
    /// A number beyond the end of the log.
    LogAhead = "log.ahead",
    /// Too many; the answer says when to come back.
    RateLimited = "rate.limited",
    /// A part is down or busy; a change may still take effect.
    Unavailable = "service.unavailable",
    /// The disk is full; nothing was changed.
    StorageFull = "storage.full",
    /// A fault of ours; the log has its cause.
    Server = "server.error",
}

/// One field that breaks a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, such as `content.text`.
    pub field: String,
    /// Stable name of what is wrong, such as `too_long` or `password.common`.
    pub code: &'static str,
    /// The same in words; never holds the rejected value.
    pub detail: String,
}

/// Why a call was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A rule said no; nothing was changed.
    #[error("{}", .0.as_str())]
    Refused(Code),
    /// A rule says no until a time.
    #[error("{} until {}", .code.as_str(), .until)]
    RefusedUntil {
        /// The rule.
        code: Code,
        /// When it ends.
        until: Millis,
    },
    /// A rule said no, and the next try needs a captcha.
    #[error("{}; the next try needs a captcha", .0.as_str())]
    CaptchaNext(Code),
    /// Values break limits; nothing was changed.
    #[error("invalid values")]
    Invalid(Vec<FieldError>),
    /// Too many calls.
    #[error("rate limited")]
    Limited {
        /// The rule.
        code: Code,
        /// When the next call will be taken.
        retry_after: Duration,
    },
    /// A part is down or busy. A change may still take effect: ask again.
    #[error("unavailable")]
    Unavailable(#[source] RepoError),
    /// No room on the disk; nothing was changed.
    #[error("storage full")]
    StorageFull,
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The stable name of this refusal.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Error::Refused(code)
            | Error::CaptchaNext(code)
            | Error::RefusedUntil { code, .. }
            | Error::Limited { code, .. } => *code,
            Error::Invalid(_) => Code::Invalid,
            Error::Unavailable(_) => Code::Unavailable,
            Error::StorageFull => Code::StorageFull,
            Error::Internal(_) => Code::Server,
        }
    }

    /// One broken field.
    #[must_use]
    pub fn field(field: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Error::Invalid(vec![FieldError { field: field.into(), code, detail: detail.into() }])
    }

    /// A fault of ours with its cause in words.
    #[must_use]
    pub fn internal(cause: &'static str) -> Self {
        Error::Internal(cause.into())
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Error::Refused(code)
    }
}

impl From<RepoError> for Error {
    fn from(error: RepoError) -> Self {
        match error {
            RepoError::Busy | RepoError::Unavailable(_) => Error::Unavailable(error),
            RepoError::Full => Error::StorageFull,
            RepoError::Conflict | RepoError::Broken(_) => Error::Internal(Box::new(error)),
        }
    }
}
