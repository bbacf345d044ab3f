//! The rules: one struct per domain, and the only layer that says no. The first argument says who acts.

mod blocks;
mod conversations;
mod digests;
mod friend_requests;
mod friends;
mod gather;
mod group_lock;
mod groups;
mod joining;
mod members;
mod messages;
mod passwords;
pub mod permission;
mod pins;
mod reads;
mod room_rights;
mod rooms;
mod sessions;
mod speech;
mod statuses;
mod storage_clock;
mod sync;
mod user_log;
mod users;
mod visible;
mod worlds;

use std::sync::Arc;
use std::time::Duration;

pub use blocks::Blocks;
pub use conversations::{Conversation, ConversationChange, Conversations, Shown};
pub use digests::Digests;
pub use friend_requests::{FriendRequests, Requested};
pub use friends::Friends;
pub use groups::{GroupChange, Groups};
pub use joining::{Joined, Joining};
pub use members::{Added, MemberChange, Members};
pub use messages::{Gap, History, Messages, Sent};
pub use pins::{Pin, Pins};
pub use reads::{ReadMark, Reads};
pub use rooms::{RoomView, Rooms};
pub use sessions::{Caller, OpenSession, Sessions};
pub use statuses::Statuses;
pub(crate) use storage_clock::StorageClock;
pub use sync::{Newer, Sync, Synced};
pub use user_log::{LogPage, UserLog};
pub use users::{Register, Users};
pub use worlds::Worlds;

use crate::error::{Error, Result};
use crate::hub::{Ended, Hub};
use crate::id::UserId;
use crate::log::Logs;
use crate::model::{Kind, Limits};
use crate::repo::{Unit, UserEvent};
use crate::secret::{Key, Random};
use crate::time::{Clock as _, Millis};

/// Entries of many rooms in one answer.
const MOST_ENTRIES: u16 = 1000;

/// What a host decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Every limit a client may meet.
    pub limits: Limits,
    /// Whether people may register by themselves.
    pub registration_open: bool,
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
    /// The rhythm of heartbeats.
    pub heartbeat: Duration,
    /// Frames that may wait for one listener.
    pub queue_frames: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            limits: Limits::default(),
            registration_open: true,
            friends_required: true,
            greeting: Some("You are friends now. Say hello!".into()),
            pretend_when_blocked: false,
            access_for: Duration::from_mins(15),
            refresh_for: Duration::from_hours(30 * 24),
            ticket_for: Duration::from_secs(30),
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
}

/// Every service.
pub(crate) struct Services {
    pub(crate) users: Users,
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
}

impl Services {
    pub(crate) fn new(context: &Context) -> Self {
        let speech = speech::Speech::new(context.clone());
        Services {
            users: Users::new(context.clone()),
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
}

impl Context {
    pub(crate) fn new(
        logs: Logs,
        hub: Arc<Hub>,
        random: Arc<dyn Random>,
        key: Key,
        options: Options,
        ended: Ended,
    ) -> Self {
        Context { logs, hub, random, key: Arc::new(key), options: Arc::new(options), ended }
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
