//! What storage must do, in words and types. Adapters are held to it by the contract suite (`testkit`).
//!
//! Two sides: the relational side is a unit of work ([`Store`], [`Unit`]); the room logs are atomic appends
//! ([`RoomLogRepo`]). Beside them stands what nodes share and may lose ([`PresenceRepo`], [`CounterRepo`]). Absence is
//! `Ok(None)`. Lists come in the order that their method names, and never hold more than `limit` things.

mod archive;
mod audit;
mod blacklist;
mod blocks;
mod codes;
mod conversations;
mod counters;
mod departures;
mod emails;
mod externals;
mod friend_requests;
mod friends;
mod groups;
mod hidden;
mod invitations;
mod join_requests;
mod mails;
mod members;
mod outbox;
mod pins;
mod presence;
mod room_log;
mod sessions;
mod settings;
mod spent;
mod statuses;
pub mod tables;
mod totp;
mod unit;
mod user_log;
mod users;
mod worlds;

pub use archive::{Archive, LogArchive, Row, Value};
pub use audit::AuditRepo;
pub use blacklist::BlacklistRepo;
pub use blocks::BlockRepo;
pub use codes::{CodeRepo, CodeRow};
pub use conversations::ConversationRepo;
pub use counters::{CounterRepo, Noted, Rate, Taken};
pub use departures::DepartureRepo;
pub use emails::EmailRepo;
pub use externals::ExternalRepo;
pub use friend_requests::{FriendRequestRepo, NewRequest};
pub use friends::FriendRepo;
pub use groups::GroupRepo;
pub use hidden::HiddenRepo;
pub use invitations::InvitationRepo;
pub use join_requests::JoinRequestRepo;
pub use mails::{MailRepo, NewMail, WaitingMail};
pub use members::MemberRepo;
pub use outbox::{OutboxRepo, RoomEvent, Task};
pub use pins::PinRepo;
pub use presence::PresenceRepo;
pub use room_log::{Appended, COUNTED_EXACTLY, RoomLogRepo, Slice, Unread, UnreadCount};
pub use sessions::{NewSession, SessionRepo, SessionTokens, StoredSession, Ticket};
pub use settings::SettingRepo;
pub use spent::SpentRepo;
pub use statuses::StatusRepo;
pub use tables::Table;
pub use totp::{TotpRepo, TotpRow};
pub use unit::{Committed, Lock, PeerState, PrivateRights, Store, Told, Tx, Unit};
pub use user_log::{UserEvent, UserLogRepo};
pub use users::{Credentials, NewUser, UserRepo};
pub use worlds::WorldRepo;

/// What a repository returns.
pub type Res<T> = Result<T, RepoError>;

/// Why a repository failed. A rule is never among the reasons.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepoError {
    /// Others were in the way for too long; nothing was changed.
    #[error("storage is busy")]
    Busy,
    /// Storage is out of reach; a change may or may not have taken effect.
    #[error("storage is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No room on the disk; nothing was changed.
    #[error("storage is full")]
    Full,
    /// A unique key was in the way; nothing was changed.
    #[error("a unique key is taken")]
    Conflict,
    /// Storage answered what cannot be.
    #[error("storage is broken")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}
