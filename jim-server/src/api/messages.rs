//! Entries of rooms: sending and reading.

use jim_core::id::Seq;
use jim_core::model::{All as _, At as _, ClientRef, Content, Limits, Mentions, NewMessage};
use jim_core::service::{Gap as SkippedNumbers, Sent};
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::types::{Any, Example};
use poem_openapi::{ApiResponse, Object, OpenApi, Union};
use serde::Deserialize;

use super::answer::{Answer, Gap, Raw, array, named, page_size, position};
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// Plain text, kept to the byte.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
struct TextContent {
    /// 1 to 4000 characters.
    text: String,
}

/// One emoji or sticker.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
struct EmojiContent {
    /// 1 to 64 characters.
    code: String,
}

/// What a message says.
#[derive(Deserialize, Union)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[oai(rename = "Content", one_of, discriminator_name = "kind")]
enum ContentObject {
    #[oai(mapping = "text")]
    Text(TextContent),
    #[oai(mapping = "emoji")]
    Emoji(EmojiContent),
}

/// A message to send.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NewMessage", example)]
struct MessageBody {
    /// My own name for the message, 1 to 64 of `[A-Za-z0-9._:-]`. With room and sender it makes one message for ever,
    /// however often it is sent.
    client_ref: String,
    content: ContentObject,
    /// The message of the same room that it answers.
    reply_to: Option<u32>,
    /// Whom it mentions: ids of people in the room, at most 50, or `"all"`.
    mentions: Option<MentionsObject>,
}

/// Whom a message mentions.
#[derive(Deserialize, Union)]
#[serde(untagged)]
#[oai(rename = "Mentions")]
enum MentionsObject {
    All(String),
    People(Vec<i64>),
}

impl MentionsObject {
    fn parse(self, limits: &Limits) -> Result<Option<Mentions>, jim_core::model::Broken> {
        match self {
            MentionsObject::All(all) if all == "all" => Ok(Some(Mentions::All)),
            MentionsObject::All(_) => {
                Err(jim_core::model::Broken { code: "invalid", detail: "ids of people, or all".into() })
            }
            MentionsObject::People(ids) => Mentions::people(&ids, limits),
        }
    }
}

impl Example for MessageBody {
    fn example() -> Self {
        let content = ContentObject::Text(TextContent { text: "Hello!".into() });
        MessageBody { client_ref: "phone-1-0001".into(), content, reply_to: None, mentions: None }
    }
}

impl MessageBody {
    fn parse(self, limits: &Limits) -> Result<NewMessage, jim_core::Error> {
        let content = match self.content {
            ContentObject::Text(content) => Content::text(&content.text, limits).at("content.text"),
            ContentObject::Emoji(content) => Content::emoji(&content.code).at("content.code"),
        };
        let mentions = self.mentions.map_or(Ok(None), |mentions| mentions.parse(limits)).at("mentions");
        let client_ref = ClientRef::parse(&self.client_ref, limits).at("client_ref");
        let (client_ref, content, mentions) = (client_ref, content, mentions).all()?;
        Ok(NewMessage {
            reply_to: self.reply_to.map(|seq| Seq(seq.into())),
            mentions,
            ..NewMessage::new(client_ref, content)
        })
    }
}

/// An entry of a log: the same in answers, in history and on sockets.
#[derive(Object)]
#[oai(rename = "Entry")]
pub(super) struct EntryObject {
    /// The room, or `me`.
    log: String,
    /// Its number in the log: 1, 2, 3 … without a hole.
    seq: i64,
    /// What happened, such as `message.sent`.
    r#type: String,
    at: Time,
    /// Who; absent if nobody.
    by: Option<i64>,
    /// What belongs to the type; `{"hidden": true}` where it is not to be seen.
    data: Any<serde_json::Value>,
}

/// Entries in ascending order.
#[derive(Object)]
#[oai(rename = "History")]
pub(super) struct HistoryObject {
    items: Vec<EntryObject>,
    /// The lowest number I may read; 0 if there is none.
    first: i64,
    /// The highest.
    last: i64,
    /// Whether there are more in the direction that was asked for.
    has_more: bool,
    /// The numbers that were asked for and are not shown.
    gap: Option<Gap>,
}

#[derive(ApiResponse)]
enum SendAnswer {
    /// The entry that was made.
    #[oai(status = 201)]
    New(Raw<EntryObject>),
    /// The entry that the same `client_ref` made before.
    #[oai(status = 200)]
    Again(Raw<EntryObject>),
}

#[derive(ApiResponse)]
pub(super) enum EntriesAnswer {
    /// Entries.
    #[oai(status = 200)]
    Page(Raw<HistoryObject>),
}

#[derive(ApiResponse)]
pub(super) enum EntryAnswer {
    /// The entry.
    #[oai(status = 200)]
    Entry(Raw<EntryObject>),
}

/// A page of a log, of entries that were encoded before.
pub(super) fn entries(
    items: &[bytes::Bytes],
    (first, last): (i64, i64),
    has_more: bool,
    gap: Option<SkippedNumbers>,
) -> EntriesAnswer {
    let mut json = b"{\"items\":".to_vec();
    json.append(&mut array(items));
    json.extend(format!(",\"first\":{first},\"last\":{last},\"has_more\":{has_more}").into_bytes());
    if let Some(SkippedNumbers { from, to, why }) = gap {
        json.extend(format!(",\"gap\":{{\"from\":{from},\"to\":{to},\"why\":\"{why}\"}}").into_bytes());
    }
    json.push(b'}');
    EntriesAnswer::Page(Raw::new(json))
}

/// The operations of this file.
pub struct MessagesApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Rooms")]
impl MessagesApi {
    /// Send a message
    ///
    /// Answered, it is on durable storage. Sent again with the same `client_ref`, it answers 200 and the same entry.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `room.invalid`, `friend.not_friend`, `friend.blocked`,
    /// `user.unavailable`, `group.dissolved`, `group.muted`, `group.member_muted`,
    /// `group.role_required`, `admin.required`, `world.closed`, `world.muted`, `world.slow_mode`,
    /// `message.ref_conflict`, `message.reply_invalid`, `message.mention_invalid`, `rate.limited`, `storage.full`.
    #[oai(path = "/rooms/:room/messages", method = "post", operation_id = "sendMessage")]
    async fn send(&self, caller: Auth, room: Path<String>, body: Body<MessageBody>) -> Answer<SendAnswer> {
        let Shared { jim, throttles } = &*self.0;
        throttles.send.check_at_once(caller.0.user)?;
        let message = body.0.parse(&jim.options().limits)?;
        Ok(match jim.messages().send(caller.0.user, named(&room.0)?, &message).await? {
            Sent::New(entry) => SendAnswer::New(Raw::new(entry.json())),
            Sent::Again(entry) => SendAnswer::Again(Raw::new(entry.json())),
        })
    }

    /// History
    ///
    /// Entries in ascending order, above `after` or below `before`; the newest page without either.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `log.ahead`.
    #[oai(path = "/rooms/:room/entries", method = "get", operation_id = "listEntries")]
    async fn history(
        &self,
        caller: Auth,
        room: Path<String>,
        /// The number above which to read.
        after: Query<Option<u64>>,
        /// The number below which to read.
        before: Query<Option<u64>>,
        /// Entries on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<EntriesAnswer> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let position = position(after.0, before.0)?;
        let page = jim.messages().history(caller.0.user, named(&room.0)?, position, limit).await?;
        Ok(entries(&page.items, (page.first.0, page.last.0), page.has_more, page.gap))
    }

    /// One entry
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/rooms/:room/entries/:seq", method = "get", operation_id = "getEntry")]
    async fn entry(&self, caller: Auth, room: Path<String>, seq: Path<String>) -> Answer<EntryAnswer> {
        let json = self.0.jim.messages().get(caller.0.user, named(&room.0)?, named(&seq.0)?).await?;
        Ok(EntryAnswer::Entry(Raw::new(json)))
    }

    /// Take a message back
    ///
    /// Its author for two minutes, the owner and admins of a group those of lower roles at any time, administrators in
    /// the world channel. Answered, no read shows its text any more, which is gone from the files soon after, and a stub
    /// stands in its place. Answers with the entry that says so. Counted among the messages that one sends.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `message.not_yours`, `message.retract_expired`,
    /// `message.retracted`, `message.not_retractable`, `rate.limited`.
    #[oai(path = "/rooms/:room/entries/:seq/retract", method = "post", operation_id = "retractMessage")]
    async fn retract(
        &self,
        caller: Auth,
        request: &Request,
        room: Path<String>,
        seq: Path<String>,
    ) -> Answer<EntryAnswer> {
        let Shared { jim, throttles } = &*self.0;
        throttles.send.check_at_once(caller.0.user)?;
        let entry = jim.messages().retract(caller.actor(request), named(&room.0)?, named(&seq.0)?).await?;
        Ok(EntryAnswer::Entry(Raw::new(entry.json())))
    }
}
