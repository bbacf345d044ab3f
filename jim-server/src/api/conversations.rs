//! The chat list.

use jim_core::model::conversation::About;
use jim_core::service::{Conversation, ConversationChange, Shown};
use poem_openapi::param::{Path, Query};
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::{Answer, Done, Raw, count, named, page_size};
use super::groups::GroupObject;
use super::messages::EntryObject;
use super::users::UserObject;
use super::worlds::WorldObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::problem::ApiError;
use crate::time::Time;

/// A room in my chat list.
#[derive(Object)]
#[oai(rename = "Conversation")]
struct ConversationObject {
    room: String,
    /// `private`, `group` or `world`.
    kind: String,
    /// The other person of a private room.
    peer: Option<UserObject>,
    /// The group.
    group: Option<GroupObject>,
    /// The world channel.
    world: Option<WorldObject>,
    /// The newest entry that I may read.
    last_entry: Option<EntryObject>,
    /// As many of the newest entries as `latest` asks for, in ascending order.
    entries: Option<Vec<EntryObject>>,
    /// The last number of the room.
    last_seq: i64,
    /// The last entry that I have read.
    read_seq: i64,
    /// Messages of others that I have not read and that still stand.
    unread: i64,
    /// Those among them that mention me, or everybody.
    mentions: i64,
    pinned: bool,
    /// I am not to be notified of it.
    muted: bool,
    /// I put it away, and nothing came since.
    hidden: bool,
    /// When something happened in it last; absent where nothing did.
    updated_at: Option<Time>,
}

#[derive(Serialize)]
struct Shape<'a> {
    room: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a jim_core::model::UserCard>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a jim_core::model::Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    world: Option<&'a jim_core::model::world::World>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_entry: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<Box<RawValue>>>,
    last_seq: i64,
    read_seq: i64,
    unread: u64,
    mentions: u64,
    pinned: bool,
    muted: bool,
    hidden: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<jim_core::time::Millis>,
}

/// An entry that was encoded before, inside of something else.
pub(super) fn entry(json: &[u8]) -> Result<Box<RawValue>, ApiError> {
    let text = String::from_utf8(json.to_vec()).map_err(ApiError::server)?;
    RawValue::from_string(text).map_err(ApiError::server)
}

fn shape(conversation: &Conversation, all: bool) -> Result<Shape<'_>, ApiError> {
    let Conversation { row, about, head, entries, unread } = conversation;
    let (kind, peer, group, world) = match about {
        About::Private(peer) => ("private", Some(peer), None, None),
        About::Group(group) => ("group", None, Some(&**group), None),
        About::World(world) => ("world", None, None, Some(world)),
    };
    let entries = entries.iter().map(|json| entry(json)).collect::<Result<Vec<_>, _>>()?;
    Ok(Shape {
        room: row.room.to_string(),
        kind,
        peer,
        group,
        world,
        last_entry: entries.last().cloned(),
        entries: all.then_some(entries),
        last_seq: head.seq.0,
        read_seq: row.read.0,
        unread: unread.messages,
        mentions: unread.mentions,
        pinned: row.pinned_at.is_some(),
        muted: row.muted,
        hidden: row.is_hidden(head.seq),
        updated_at: conversation.updated_at(),
    })
}

/// My chat list: pinned rooms, the newest pin first, then the others, the newest entry first.
#[derive(Object)]
struct ConversationList {
    items: Vec<ConversationObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

#[derive(Serialize)]
struct List<'a> {
    items: Vec<Shape<'a>>,
    next: Option<String>,
    log: i64,
}

/// What changes; what is absent stays.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "ConversationChange", example)]
struct ConversationBody {
    /// Whether it stands on top of my list.
    pinned: Option<bool>,
    /// Whether I am not to be notified of it.
    muted: Option<bool>,
    /// Whether it is put away until something new comes.
    hidden: Option<bool>,
}

impl Example for ConversationBody {
    fn example() -> Self {
        ConversationBody { pinned: Some(true), muted: None, hidden: None }
    }
}

/// The operations of this file.
pub struct ConversationsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Conversations")]
impl ConversationsApi {
    /// My chat list
    ///
    /// Pinned rooms, the newest pin first, then the others, the newest entry first.
    ///
    /// Codes: `auth.required`, `cursor.invalid`.
    #[oai(path = "/conversations", method = "get", operation_id = "listConversations")]
    async fn list(
        &self,
        caller: Auth,
        /// So many of the newest entries of each room, 1 to 100; a page has 1,000 of them at most, and so fewer rooms.
        latest: Query<Option<u32>>,
        /// Whether what I put away is listed too.
        hidden: Query<Option<bool>>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Rooms on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Raw<ConversationList>> {
        let jim = &self.0.jim;
        let limits = &jim.options().limits;
        let all = latest.0.is_some();
        let latest = latest.0.map_or(Ok(1), |latest| count("latest", latest, limits))?;
        let limit = page_size(limit.0, limits)?;
        let shown = Shown { latest, hidden: hidden.0.unwrap_or_default(), cursor: cursor.0.as_deref(), limit };
        let page = jim.conversations().list(caller.0.user, shown).await?;
        let items = page.items.iter().map(|one| shape(one, all)).collect::<Result<_, _>>()?;
        Raw::of(&List { items, next: page.next, log: page.log.0 })
    }

    /// Pin, mute or put away a room in my list
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/conversations/:room", method = "patch", operation_id = "updateConversation")]
    async fn update(
        &self,
        caller: Auth,
        room: Path<String>,
        body: Body<ConversationBody>,
    ) -> Answer<Raw<ConversationObject>> {
        let ConversationBody { pinned, muted, hidden } = body.0;
        let change = ConversationChange { pinned, muted, hidden };
        let changed = self.0.jim.conversations().change(caller.0.user, named(&room.0)?, change).await?;
        Raw::of(&shape(&changed, false)?)
    }

    /// Clear a room for me
    ///
    /// What stands in it now I see no more, on any device; others keep it.
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/conversations/:room", method = "delete", operation_id = "clearConversation")]
    async fn clear(&self, caller: Auth, room: Path<String>) -> Answer<Done> {
        self.0.jim.conversations().clear(caller.0.user, named(&room.0)?).await?;
        Ok(Done::Done)
    }

    /// Delete a message for me
    ///
    /// Others keep it; what is unread stays so.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `message.not_deletable`.
    #[oai(path = "/conversations/:room/hidden/:seq", method = "put", operation_id = "hideEntry")]
    async fn hide(&self, caller: Auth, room: Path<String>, seq: Path<String>) -> Answer<Done> {
        self.0.jim.conversations().hide_entry(caller.0.user, named(&room.0)?, named(&seq.0)?).await?;
        Ok(Done::Done)
    }
}
