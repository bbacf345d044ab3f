//! Friends.

use jim_core::model::friend::{FriendChange, FriendFilter, Label, Labels, Remark};
use jim_core::model::{All as _, At as _, Friend, Limits};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Done, change, found, named, page_size};
use super::users::UserObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// Whether somebody is there.
#[derive(Object)]
#[oai(rename = "Presence")]
struct PresenceObject {
    /// `online`, `away`, `dnd` or `offline`.
    status: String,
    /// Of somebody who is offline: when he could last be seen.
    #[oai(skip_serializing_if_is_none)]
    last_seen_at: Option<Time>,
}

/// A friend.
#[derive(Object)]
#[oai(rename = "Friend")]
pub(super) struct FriendObject {
    user: UserObject,
    /// What I call the friend; nobody else sees it.
    #[oai(skip_serializing_if_is_none)]
    remark: Option<String>,
    /// By what I sort the friend; nobody else sees it.
    #[oai(skip_serializing_if_is_none)]
    labels: Option<Vec<String>>,
    /// Whether the friend has a star of mine; nobody else sees it.
    #[oai(skip_serializing_if_is_none)]
    starred: Option<bool>,
    /// The room of the two.
    room: String,
    since: Time,
    presence: PresenceObject,
}

impl From<Friend> for FriendObject {
    fn from(friend: Friend) -> Self {
        FriendObject {
            user: friend.user.into(),
            remark: friend.remark,
            labels: Some(friend.labels).filter(|labels| !labels.is_empty()),
            starred: friend.starred.then_some(true),
            room: friend.room.to_string(),
            since: friend.since.into(),
            presence: PresenceObject {
                status: friend.presence.status.as_str().into(),
                last_seen_at: friend.presence.last_seen_at.map(Into::into),
            },
        }
    }
}

/// Friends, by id.
#[derive(Object)]
struct FriendList {
    items: Vec<FriendObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// How I keep a friend. An absent field stays; `null` clears.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "FriendChange", example)]
struct FriendBody {
    /// 1 to 32 characters.
    remark: MaybeUndefined<String>,
    /// 10 at the most, of 1 to 32 characters each; they take the place of those there were.
    labels: MaybeUndefined<Vec<String>>,
    /// Whether the friend has a star.
    starred: MaybeUndefined<bool>,
}

impl FriendBody {
    fn parse(self, limits: &Limits) -> Result<FriendChange, jim_core::Error> {
        let remark = change(self.remark, |text| Remark::parse(&text, limits));
        let labels = change(self.labels, |texts| Labels::parse(&texts));
        let starred = match self.starred {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(false),
            MaybeUndefined::Value(starred) => Some(starred),
        };
        let (remark, labels) = (remark.at("remark"), labels.at("labels")).all()?;
        Ok(FriendChange { remark, labels, starred })
    }
}

impl poem_openapi::types::Example for FriendBody {
    fn example() -> Self {
        FriendBody { remark: MaybeUndefined::Value("Ben from work".into()), ..FriendBody::default() }
    }
}

/// The operations of this file.
pub struct FriendsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Friends")]
impl FriendsApi {
    /// My friends
    ///
    /// All of them, or those for whom all that is asked for is true.
    ///
    /// Codes: `auth.required`, `cursor.invalid`.
    #[oai(path = "/friends", method = "get", operation_id = "listFriends")]
    async fn list(
        &self,
        caller: Auth,
        /// Only those who have this label of mine.
        label: Query<Option<String>>,
        /// `true`: only those who have a star of mine.
        starred: Query<Option<bool>>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<FriendList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let (label,) = (label.0.map(|text| Label::parse(&text)).transpose().at("label"),).all()?;
        let filter = FriendFilter { label, starred: starred.0.unwrap_or_default() };
        let page = jim.friends().list(caller.0.user, &filter, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(FriendList { items, next: page.next, log: page.log.0 })
    }

    /// Change how I keep a friend
    ///
    /// What I call the friend, and by what I sort him. My other devices are told, and nobody else.
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/friends/:user_id", method = "patch", operation_id = "updateFriend")]
    async fn update(&self, caller: Auth, user_id: Path<String>, body: Body<FriendBody>) -> Answer<Json<FriendObject>> {
        let jim = &self.0.jim;
        let change = body.0.parse(&jim.options().limits)?;
        found(jim.friends().change(caller.0.user, named(&user_id.0)?, change).await?)
    }

    /// Remove a friend
    ///
    /// For both; the history stays. 204 also where there is no friendship.
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/friends/:user_id", method = "delete", operation_id = "removeFriend")]
    async fn remove(
        &self,
        caller: Auth,
        user_id: Path<String>,
        /// Whether my view of the history goes too; the other keeps it.
        erase_history: Query<Option<bool>>,
    ) -> Answer<Done> {
        let erase = erase_history.0.unwrap_or_default();
        self.0.jim.friends().remove(caller.0.user, named(&user_id.0)?, erase).await?;
        Ok(Done::Done)
    }
}
