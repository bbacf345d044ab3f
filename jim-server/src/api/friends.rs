//! Friends.

use jim_core::model::friend::Remark;
use jim_core::model::{All as _, At as _, Friend};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Done, found, named, page_size};
use super::users::UserObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// Whether somebody is there.
#[derive(Object)]
#[oai(rename = "Presence")]
struct PresenceObject {
    /// `online` or `offline`.
    status: String,
}

/// A friend.
#[derive(Object)]
#[oai(rename = "Friend")]
pub(super) struct FriendObject {
    user: UserObject,
    /// What I call the friend; nobody else sees it.
    #[oai(skip_serializing_if_is_none)]
    remark: Option<String>,
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
            room: friend.room.to_string(),
            since: friend.since.into(),
            presence: PresenceObject { status: friend.presence.status.into() },
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

/// What I call a friend; `null` clears.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "FriendChange", example)]
struct FriendBody {
    /// 1 to 32 characters.
    remark: MaybeUndefined<String>,
}

impl poem_openapi::types::Example for FriendBody {
    fn example() -> Self {
        FriendBody { remark: MaybeUndefined::Value("Ben from work".into()) }
    }
}

/// The operations of this file.
pub struct FriendsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Friends")]
impl FriendsApi {
    /// My friends
    ///
    /// Codes: `auth.required`, `cursor.invalid`.
    #[oai(path = "/friends", method = "get", operation_id = "listFriends")]
    async fn list(
        &self,
        caller: Auth,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<FriendList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let page = jim.friends().list(caller.0.user, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(FriendList { items, next: page.next, log: page.log.0 })
    }

    /// Change what I call a friend
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/friends/:user_id", method = "patch", operation_id = "updateFriend")]
    async fn update(&self, caller: Auth, user_id: Path<String>, body: Body<FriendBody>) -> Answer<Json<FriendObject>> {
        let jim = &self.0.jim;
        let remark = match body.0.remark {
            MaybeUndefined::Undefined => {
                return found(jim.friends().get(caller.0.user, named(&user_id.0)?).await?);
            }
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(text) => {
                let (remark,) = (Remark::parse(&text, &jim.options().limits).at("remark"),).all()?;
                Some(remark)
            }
        };
        found(jim.friends().set_remark(caller.0.user, named(&user_id.0)?, remark).await?)
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
