//! Entries of the numbered logs.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::block::Cut;
use super::content::{ClientRef, ContentDigest};
use super::conversation::Mark;
use crate::id::{RoomId, Seq, UserId};
use crate::time::Millis;

/// What happened, in the past tense: `message.sent`, `friend.added`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// Somebody wrote something.
    pub const MESSAGE_SENT: Kind = Kind::of("message.sent");
    /// Somebody took a message back.
    pub const MESSAGE_RETRACTED: Kind = Kind::of("message.retracted");
    /// A room keeps an entry in sight.
    pub const PIN_ADDED: Kind = Kind::of("pin.added");
    /// A room keeps it in sight no more.
    pub const PIN_REMOVED: Kind = Kind::of("pin.removed");
    /// Everybody may write in the world channel.
    pub const WORLD_OPENED: Kind = Kind::of("world.opened");
    /// Only administrators may write in the world channel.
    pub const WORLD_CLOSED: Kind = Kind::of("world.closed");
    /// People have to wait between two messages in the world channel, or no more.
    pub const WORLD_SLOWED: Kind = Kind::of("world.slowed");
    /// Somebody asks to be a friend.
    pub const FRIEND_REQUESTED: Kind = Kind::of("friend.requested");
    /// A request was declined.
    pub const FRIEND_REJECTED: Kind = Kind::of("friend.rejected");
    /// A request was taken back.
    pub const FRIEND_CANCELLED: Kind = Kind::of("friend.cancelled");
    /// Two became friends.
    pub const FRIEND_ADDED: Kind = Kind::of("friend.added");
    /// A remark changed.
    pub const FRIEND_UPDATED: Kind = Kind::of("friend.updated");
    /// Two are friends no more.
    pub const FRIEND_REMOVED: Kind = Kind::of("friend.removed");
    /// The owner blocked somebody.
    pub const BLOCK_ADDED: Kind = Kind::of("block.added");
    /// The owner unblocked somebody.
    pub const BLOCK_REMOVED: Kind = Kind::of("block.removed");
    /// A private room was opened without a friendship.
    pub const CONVERSATION_OPENED: Kind = Kind::of("conversation.opened");
    /// The owner put a room on top of the list, or took it down.
    pub const CONVERSATION_PINNED: Kind = Kind::of("conversation.pinned");
    /// The owner is not to be notified of a room, or is again.
    pub const CONVERSATION_MUTED: Kind = Kind::of("conversation.muted");
    /// The owner put a room away, or brought it back.
    pub const CONVERSATION_HIDDEN: Kind = Kind::of("conversation.hidden");
    /// The owner cleared a room for himself.
    pub const CONVERSATION_CLEARED: Kind = Kind::of("conversation.cleared");
    /// The owner deleted an entry for himself.
    pub const ENTRY_DELETED: Kind = Kind::of("entry.deleted");
    /// A group came to be.
    pub const GROUP_CREATED: Kind = Kind::of("group.created");
    /// A group has another name.
    pub const GROUP_RENAMED: Kind = Kind::of("group.renamed");
    /// A group has another announcement, or none.
    pub const GROUP_ANNOUNCED: Kind = Kind::of("group.announced");
    /// Who may come in, bring others in, or read what was before, or how many may.
    pub const GROUP_POLICY_CHANGED: Kind = Kind::of("group.policy_changed");
    /// Only the owner and admins may write.
    pub const GROUP_MUTED: Kind = Kind::of("group.muted");
    /// All members may write again.
    pub const GROUP_UNMUTED: Kind = Kind::of("group.unmuted");
    /// A group has another owner.
    pub const GROUP_TRANSFERRED: Kind = Kind::of("group.transferred");
    /// A group ended.
    pub const GROUP_DISSOLVED: Kind = Kind::of("group.dissolved");
    /// Somebody came in.
    pub const MEMBER_JOINED: Kind = Kind::of("member.joined");
    /// Somebody went.
    pub const MEMBER_LEFT: Kind = Kind::of("member.left");
    /// Somebody was removed.
    pub const MEMBER_REMOVED: Kind = Kind::of("member.removed");
    /// A member became an admin.
    pub const MEMBER_PROMOTED: Kind = Kind::of("member.promoted");
    /// An admin became an ordinary member.
    pub const MEMBER_DEMOTED: Kind = Kind::of("member.demoted");
    /// A member is called something else in the group.
    pub const MEMBER_RENAMED: Kind = Kind::of("member.renamed");
    /// A member may not write.
    pub const MEMBER_MUTED: Kind = Kind::of("member.muted");
    /// A member may write again.
    pub const MEMBER_UNMUTED: Kind = Kind::of("member.unmuted");
    /// The owner is in a group now.
    pub const GROUP_JOINED: Kind = Kind::of("group.joined");
    /// The owner is invited into a group.
    pub const GROUP_INVITED: Kind = Kind::of("group.invited");
    /// An invitation of the owner is gone without his coming in.
    pub const GROUP_UNINVITED: Kind = Kind::of("group.uninvited");
    /// Somebody asks to join a group that the owner helps to run.
    pub const JOIN_REQUESTED: Kind = Kind::of("join.requested");
    /// The owner's request to join was decided.
    pub const JOIN_DECIDED: Kind = Kind::of("join.decided");
    /// The owner is in a group no more.
    pub const GROUP_LEFT: Kind = Kind::of("group.left");
    /// The owner's profile changed.
    pub const PROFILE_CHANGED: Kind = Kind::of("profile.changed");
    /// The owner is to be seen by friends in another way.
    pub const STATUS_CHANGED: Kind = Kind::of("status.changed");
    /// A session ended.
    pub const SESSION_REVOKED: Kind = Kind::of("session.revoked");

    const fn of(name: &'static str) -> Kind {
        Kind(Cow::Borrowed(name))
    }

    /// A kind by name; a newer release may have stored one that this one does not know.
    #[must_use]
    pub fn named(name: String) -> Kind {
        if name == Kind::MESSAGE_SENT.as_str() { Kind::MESSAGE_SENT } else { Kind(Cow::Owned(name)) }
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether such an entry takes a right away: what was decided before it is decided again.
    #[must_use]
    pub fn fences(&self) -> bool {
        const FENCES: [Kind; 9] = [
            Kind::MEMBER_LEFT,
            Kind::MEMBER_REMOVED,
            Kind::MEMBER_DEMOTED,
            Kind::MEMBER_MUTED,
            Kind::GROUP_MUTED,
            Kind::GROUP_TRANSFERRED,
            Kind::GROUP_DISSOLVED,
            Kind::WORLD_CLOSED,
            Kind::WORLD_SLOWED,
        ];
        FENCES.contains(self)
    }
}

/// A numbered log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogId {
    /// What happens in a room.
    Room(RoomId),
    /// What happens to an account; its owner knows it as `me`.
    User(UserId),
}

impl LogId {
    /// The name on the wire: `me` or the room.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            LogId::Room(room) => room.to_string(),
            LogId::User(_) => "me".into(),
        }
    }
}

/// The part of the log that an append was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The last entry that took a right away when the rights were read. A newer one makes the append stale.
    Fence(Seq),
    /// Decided and committed elsewhere: an outbox task.
    Decided,
}

/// An entry that is to be appended to a room.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The room.
    pub room: RoomId,
    /// Who writes; [`UserId::SYSTEM`] if nobody.
    pub by: UserId,
    /// With room and writer unique for ever.
    pub client_ref: ClientRef,
    /// What happens.
    pub kind: Kind,
    /// Whether it counts as unread: what a person wrote does.
    pub counted: bool,
    /// Whether it takes a right away, and so moves the fence.
    pub fences: bool,
    /// The `data` of the entry, as JSON.
    pub body: Arc<RawValue>,
    /// Of the content as sent.
    pub digest: Option<ContentDigest>,
    /// Whom it mentions; [`UserId::SYSTEM`] stands for everybody.
    pub mentions: Vec<UserId>,
    /// What it was decided on.
    pub guard: Guard,
    /// The clock when it was offered; the entry's time is not below that of the entry before.
    pub at: Millis,
}

/// An entry of a room log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The room.
    pub room: RoomId,
    /// Its number in the room.
    pub seq: Seq,
    /// Counted entries of the room up to and with this one.
    pub ord: i64,
    /// Number of the last entry that took a right away, up to and with this one.
    pub fence: Seq,
    /// When.
    pub at: Millis,
    /// Who; [`UserId::SYSTEM`] if nobody.
    pub by: UserId,
    /// The writer's own name for it.
    pub client_ref: ClientRef,
    /// What happened.
    pub kind: Kind,
    /// Of the content as sent; gone with the body.
    pub digest: Option<ContentDigest>,
    /// The `data` as JSON; gone when erased.
    pub body: Option<Arc<RawValue>>,
    /// Encoded at most once.
    pub json: OnceLock<Bytes>,
}

#[derive(Serialize)]
struct Wire<'a, L, D> {
    log: L,
    seq: Seq,
    #[serde(rename = "type")]
    kind: &'a str,
    at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<UserId>,
    data: D,
}

#[derive(Serialize)]
struct Hidden {
    hidden: bool,
}

#[derive(Serialize)]
struct Deleted {
    deleted: bool,
}

fn encode(wire: &impl Serialize) -> Bytes {
    // Strings, numbers and checked JSON cannot fail to encode.
    Bytes::from(serde_json::to_vec(wire).unwrap_or_default())
}

impl Entry {
    /// The entry as its readers get it, in frames and in history. Encoded once for all of them.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.json
            .get_or_init(|| match &self.body {
                Some(data) => encode(&Wire {
                    log: self.room,
                    seq: self.seq,
                    kind: self.kind.as_str(),
                    at: self.at,
                    by: some(self.by),
                    data,
                }),
                None => self.hidden_json(),
            })
            .clone()
    }

    /// Whether a send of this content repeats the one that made the entry. What was erased has no digest to compare: it
    /// was accepted, and stays so.
    #[must_use]
    pub fn repeats(&self, digest: Option<&ContentDigest>) -> bool {
        self.digest.is_none() && digest.is_some() || self.digest.as_ref() == digest
    }

    /// Who is in the room no more from this entry on.
    #[must_use]
    pub fn leaver(&self) -> Option<UserId> {
        #[derive(Deserialize)]
        struct About {
            user_id: UserId,
        }
        if ![Kind::MEMBER_LEFT, Kind::MEMBER_REMOVED].contains(&self.kind) {
            return None;
        }
        let about: Option<About> = self.body.as_ref().and_then(|body| serde_json::from_str(body.get()).ok());
        about.map(|about| about.user_id)
    }

    /// Whether somebody wrote this, and it still stands.
    #[must_use]
    pub fn is_message(&self) -> bool {
        self.was_message() && self.digest.is_some()
    }

    /// Whether somebody wrote this, taken back or not.
    #[must_use]
    pub fn was_message(&self) -> bool {
        self.kind == Kind::MESSAGE_SENT && self.by != UserId::SYSTEM
    }

    /// Whether somebody wrote this, and it stands no more.
    #[must_use]
    pub fn was_erased(&self) -> bool {
        self.was_message() && self.digest.is_none()
    }

    /// Whom a message that stands mentions; [`UserId::SYSTEM`] stands for everybody.
    #[must_use]
    pub fn mentions(&self) -> Vec<UserId> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            mentions: Told,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Told {
            People(Vec<UserId>),
            All(serde::de::IgnoredAny),
        }
        impl Default for Told {
            fn default() -> Self {
                Told::People(Vec::new())
            }
        }
        // Few messages mention anybody.
        let body = self.body.as_ref().map(|body| body.get()).filter(|body| body.contains("\"mentions\""));
        match body.filter(|_| self.is_message()).and_then(|body| serde_json::from_str::<Body>(body).ok()) {
            Some(Body { mentions: Told::People(people) }) => people,
            Some(Body { mentions: Told::All(_) }) => vec![UserId::SYSTEM],
            None => Vec::new(),
        }
    }

    /// The place of this entry in its room's log.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { seq: self.seq, ord: self.ord }
    }

    /// The body that is left of a message that somebody took back.
    #[must_use]
    pub fn retracted(&self, by: UserId, at: Millis) -> serde_json::Value {
        serde_json::json!({ "client_ref": self.client_ref, "retracted": { "by": by, "at": at } })
    }

    /// The stub that stands for the entry where its reader has deleted it for himself.
    #[must_use]
    pub fn deleted_json(&self) -> Bytes {
        encode(&Wire {
            log: self.room,
            seq: self.seq,
            kind: self.kind.as_str(),
            at: self.at,
            by: some(self.by),
            data: Deleted { deleted: true },
        })
    }

    /// The entry as one person sees it, who may have deleted it for himself, or block its writer.
    #[must_use]
    pub fn seen_json(&self, deleted: bool, cut: Option<Cut>) -> Bytes {
        match cut {
            _ if deleted => self.deleted_json(),
            Some(cut) if cut.hides(self.by, self.seq, &self.kind) => self.hidden_json(),
            _ => self.json(),
        }
    }

    /// The stub that stands for the entry where its body is not to be seen.
    #[must_use]
    pub fn hidden_json(&self) -> Bytes {
        hidden_json(&LogId::Room(self.room), self.seq, &self.kind, self.at, self.by)
    }
}

fn some(by: UserId) -> Option<UserId> {
    (by != UserId::SYSTEM).then_some(by)
}

/// The stub of an entry whose body is not for this reader, made from its head alone.
#[must_use]
pub fn hidden_json(log: &LogId, seq: Seq, kind: &Kind, at: Millis, by: UserId) -> Bytes {
    encode(&Wire { log: log.name(), seq, kind: kind.as_str(), at, by: some(by), data: Hidden { hidden: true } })
}

/// An entry of a user log.
#[derive(Debug, Clone)]
pub struct UserEntry {
    /// Whose log.
    pub user: UserId,
    /// Its number.
    pub seq: Seq,
    /// When.
    pub at: Millis,
    /// What happened.
    pub kind: Kind,
    /// The `data` as JSON.
    pub body: Arc<RawValue>,
}

impl UserEntry {
    /// The entry as its owner gets it.
    #[must_use]
    pub fn json(&self) -> Bytes {
        encode(&Wire { log: "me", seq: self.seq, kind: self.kind.as_str(), at: self.at, by: None, data: &self.body })
    }

    /// The room that its owner is in no more.
    #[must_use]
    pub fn left(&self) -> Option<RoomId> {
        #[derive(Deserialize)]
        struct About {
            room: RoomId,
        }
        if self.kind != Kind::GROUP_LEFT {
            return None;
        }
        serde_json::from_str(self.body.get()).ok().map(|about: About| about.room)
    }
}

/// The end of a room's log. All zero for an empty room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The room.
    pub room: RoomId,
    /// Number of the last entry.
    pub seq: Seq,
    /// Counted entries.
    pub ord: i64,
    /// Number of the last entry that took a right away.
    pub fence: Seq,
    /// Time of the last entry.
    pub at: Millis,
}

impl Head {
    /// The end of a log without entries.
    #[must_use]
    pub fn empty(room: RoomId) -> Self {
        Head { room, seq: Seq::ZERO, ord: 0, fence: Seq::ZERO, at: Millis(0) }
    }

    /// The place where the log ends.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { seq: self.seq, ord: self.ord }
    }

    /// Numbers the next entry and moves on to it. Every adapter numbers by this.
    #[must_use]
    pub fn number(&mut self, new: &NewEntry) -> Entry {
        self.seq = self.seq.next();
        self.ord += i64::from(new.counted);
        self.at = self.at.max(new.at);
        if new.fences {
            self.fence = self.seq;
        }
        Entry {
            room: self.room,
            seq: self.seq,
            ord: self.ord,
            fence: self.fence,
            at: self.at,
            by: new.by,
            client_ref: new.client_ref.clone(),
            kind: new.kind.clone(),
            digest: new.digest.clone(),
            body: Some(new.body.clone()),
            json: OnceLock::new(),
        }
    }
}
