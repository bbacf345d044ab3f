//! The rules: one struct per domain, and the only layer that says no. The first argument says who acts.

mod admin_groups;
mod admin_users;
mod audit;
mod blocks;
mod captchas;
mod codes;
mod conversations;
mod cores;
mod departures;
mod digests;
mod emails;
mod externals;
mod failures;
mod friend_requests;
mod friends;
mod gather;
mod group_lock;
mod groups;
mod joining;
pub(crate) mod mails;
mod members;
mod messages;
mod own_password;
mod passwords;
pub mod permission;
mod pins;
mod reads;
mod recovery;
mod registrations;
mod room_rights;
mod rooms;
mod sessions;
mod speech;
mod statuses;
mod storage_clock;
mod sync;
mod totp;
mod user_log;
mod users;
mod visible;
mod worlds;

use std::sync::Arc;
use std::time::Duration;

pub use admin_groups::AdminGroups;
pub use admin_users::AdminUsers;
pub use audit::{Actor, Audit};
pub use blocks::Blocks;
pub use captchas::{Captcha, CaptchaAnswer, Captchas};
pub use conversations::{Conversation, ConversationChange, Conversations, Shown};
pub use digests::Digests;
pub use emails::Emails;
pub use externals::{Authenticator, ExternalUser, Externals};
pub use friend_requests::{FriendRequests, Requested};
pub use friends::Friends;
pub use groups::{GroupChange, Groups};
pub use joining::{Joined, Joining};
pub use members::{Added, MemberChange, Members};
pub use messages::{Gap, History, Messages, Sent};
pub use pins::{Pin, Pins};
pub use reads::{ReadMark, Reads};
pub use recovery::Recovery;
pub use registrations::Registrations;
pub use rooms::{RoomView, Rooms};
pub use sessions::{Caller, OpenSession, Sessions};
pub use statuses::Statuses;
pub(crate) use storage_clock::StorageClock;
pub use sync::{Newer, Sync, Synced};
pub use totp::{Enrolment, Totp};
pub use user_log::{LogPage, UserLog};
pub use users::{Proofs, Register, Users};
pub use worlds::Worlds;

use crate::captcha::CaptchaProvider;
use crate::error::{Error, Result};
use crate::hub::{Ended, Hub};
use crate::id::UserId;
use crate::log::Logs;
use crate::model::{Kind, Limits, Registration};
use crate::repo::{CounterRepo, Unit, UserEvent};
use crate::secret::{Key, Random, Secret};
use crate::time::{Clock as _, Millis};

/// Entries of many rooms in one answer.
const MOST_ENTRIES: u16 = 1000;

/// What a host decides.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// Every limit a client may meet.
    pub limits: Limits,
    /// Whether who registers has to answer a captcha.
    pub registration_captcha: bool,
    /// Answers every captcha, for tests; `None` in earnest.
    pub captcha_test_answer: Option<Secret>,
    /// Failed log-ins of one account from one source until a captcha is asked for.
    pub captcha_after: u32,
    /// The same until that pair is locked.
    pub lock_after: u32,
    /// How long it stays locked, and how long failed log-ins count.
    pub lock_for: Duration,
    /// Who may register, until an administrator says otherwise.
    pub registration: Registration,
    /// Whether what somebody wrote is erased when his account is deleted.
    pub erase_deleted: bool,
    /// Whether only friends may write to each other.
    pub friends_required: bool,
    /// The first entry after two people become friends; `None` for none.
    pub greeting: Option<String>,
    /// Whether a request to somebody who blocks looks as if it waits, instead of being refused.
    pub pretend_when_blocked: bool,
    /// How long an access token is good.
    pub access_for: Duration,
    /// How long a refresh token is good.
    pub refresh_for: Duration,
    /// How long a ticket is good.
    pub ticket_for: Duration,
    /// How long a code is good that was sent by mail.
    pub code_for: Duration,
    /// The rhythm of heartbeats.
    pub heartbeat: Duration,
    /// Frames that may wait for one listener.
    pub queue_frames: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            limits: Limits::default(),
            registration_captcha: false,
            captcha_test_answer: None,
            captcha_after: 3,
            lock_after: 5,
            lock_for: Duration::from_mins(5),
            registration: Registration::Open,
            erase_deleted: false,
            friends_required: true,
            greeting: Some("You are friends now. Say hello!".into()),
            pretend_when_blocked: false,
            access_for: Duration::from_mins(15),
            refresh_for: Duration::from_hours(30 * 24),
            ticket_for: Duration::from_secs(30),
            code_for: Duration::from_mins(10),
            heartbeat: Duration::from_secs(25),
            queue_frames: 256,
        }
    }
}

/// What all services share. A cheap clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) logs: Logs,
    pub(crate) hub: Arc<Hub>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) key: Arc<Key>,
    pub(crate) options: Arc<Options>,
    pub(crate) ended: Ended,
    /// The way out for mails, if there is one.
    pub(crate) post: Option<Arc<mails::Post>>,
}

/// What stands at the door, as the host gives it.
pub(crate) struct Doors {
    pub(crate) captchas: Vec<Arc<dyn CaptchaProvider>>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    /// What nodes count together, and what this one counts by itself.
    pub(crate) counters: (Option<Arc<dyn CounterRepo>>, Arc<dyn CounterRepo>),
}

/// Every service.
pub(crate) struct Services {
    pub(crate) captchas: Captchas,
    pub(crate) externals: Externals,
    pub(crate) users: Users,
    pub(crate) admin_users: AdminUsers,
    pub(crate) admin_groups: AdminGroups,
    pub(crate) registrations: Registrations,
    pub(crate) audit: Audit,
    departures: departures::Departures,
    pub(crate) sessions: Sessions,
    pub(crate) statuses: Statuses,
    pub(crate) friends: Friends,
    pub(crate) friend_requests: FriendRequests,
    pub(crate) blocks: Blocks,
    pub(crate) groups: Groups,
    pub(crate) members: Members,
    pub(crate) joining: Joining,
    pub(crate) rooms: Rooms,
    pub(crate) messages: Messages,
    pub(crate) pins: Pins,
    pub(crate) reads: Reads,
    pub(crate) conversations: Conversations,
    pub(crate) digests: Digests,
    pub(crate) worlds: Worlds,
    pub(crate) sync: Sync,
    pub(crate) user_log: UserLog,
    pub(crate) emails: Emails,
    pub(crate) recovery: Recovery,
    pub(crate) totp: Totp,
}

impl Services {
    pub(crate) fn new(context: &Context, doors: Doors) -> Self {
        let speech = speech::Speech::new(context.clone());
        let captchas = Captchas::new(context.clone(), doors.captchas);
        let (shared, local) = doors.counters;
        let failures = failures::Failures::new(context.clone(), captchas.clone(), shared, local);
        let departures = departures::Departures::new(context.clone());
        let externals = Externals::new(context.clone(), doors.authenticator);
        let users = Users::new(context.clone(), externals.clone(), captchas.clone(), failures, departures.clone());
        Services {
            captchas,
            externals,
            emails: Emails::new(context.clone()),
            recovery: Recovery::new(context.clone(), users.passwords()),
            totp: Totp::new(context.clone(), users.own_password()),
            admin_users: AdminUsers::new(context.clone(), users.clone(), departures.clone()),
            admin_groups: AdminGroups::new(context.clone()),
            registrations: Registrations::new(context.clone()),
            audit: Audit::new(context.clone()),
            departures,
            users,
            sessions: Sessions::new(context.clone()),
            statuses: Statuses::new(context.clone()),
            friends: Friends::new(context.clone()),
            friend_requests: FriendRequests::new(context.clone()),
            blocks: Blocks::new(context.clone()),
            groups: Groups::new(context.clone()),
            members: Members::new(context.clone()),
            joining: Joining::new(context.clone()),
            rooms: Rooms::new(context.clone(), speech.clone()),
            reads: Reads::new(context.clone(), speech.clone()),
            messages: Messages::new(context.clone(), speech),
            pins: Pins::new(context.clone()),
            conversations: Conversations::new(context.clone()),
            digests: Digests::new(context.clone()),
            worlds: Worlds::new(context.clone()),
            sync: Sync::new(context.clone()),
            user_log: UserLog::new(context.clone()),
        }
    }

    /// Removes what was good for a while; one that fails does not hold up the others.
    pub(crate) async fn sweep_over(&self, context: &Context) -> [(&'static str, Result<()>); 4] {
        [
            ("tickets", self.sessions.sweep_tickets().await),
            ("captchas", self.captchas.sweep().await),
            ("codes", codes::sweep(context).await),
            ("mails", mails::sweep(context).await),
        ]
    }

    /// Goes on with what accounts that are gone have left behind.
    pub(crate) async fn sweep_departures(&self) -> Result<()> {
        self.departures.sweep().await
    }
}

impl Context {
    pub(crate) fn new(
        logs: Logs,
        hub: Arc<Hub>,
        random: Arc<dyn Random>,
        key: Key,
        options: Options,
        ended: Ended,
        post: Option<Arc<mails::Post>>,
    ) -> Self {
        Context { logs, hub, random, key: Arc::new(key), options: Arc::new(options), ended, post }
    }

    fn now(&self) -> Millis {
        self.logs.clock.now()
    }

    async fn read(&self) -> Result<Unit> {
        Ok(self.logs.store.read().await?)
    }

    /// A unit that locks people.
    async fn write(&self, people: &[UserId]) -> Result<Unit> {
        let mut people = people.to_vec();
        people.sort_unstable();
        people.dedup();
        let locks: Vec<_> = people.into_iter().map(crate::repo::Lock::User).collect();
        Ok(self.logs.store.write(&locks).await?)
    }
}

/// An event whose data is what the list would show.
fn event(kind: Kind, data: &impl serde::Serialize) -> Result<UserEvent> {
    let body = serde_json::value::to_raw_value(data).map_err(|error| Error::Internal(error.into()))?;
    Ok(UserEvent { kind, body: Arc::from(body) })
}

/// The data of an event about one other person.
#[derive(serde::Serialize)]
struct OfUser {
    user_id: UserId,
}
