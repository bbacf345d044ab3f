//! Other people.

use jim_core::Error;
use jim_core::id::UserId;
use jim_core::model::UserCard;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, found, named, page_size};
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::time::Time;

/// A person, as others see him.
#[derive(Object)]
#[oai(rename = "User")]
pub(super) struct UserObject {
    id: i64,
    nickname: String,
    #[oai(skip_serializing_if_is_none)]
    status_text: Option<String>,
    /// When the status text ends; absent: it stays.
    #[oai(skip_serializing_if_is_none)]
    status_text_until: Option<Time>,
    /// The account is gone; its nickname is empty.
    #[oai(skip_serializing_if_is_none)]
    deleted: Option<bool>,
}

impl From<UserCard> for UserObject {
    fn from(card: UserCard) -> Self {
        UserObject {
            id: card.id.0,
            nickname: card.nickname,
            status_text: card.status_text,
            status_text_until: card.status_text_until.map(Into::into),
            deleted: card.deleted.then_some(true),
        }
    }
}

/// People.
#[derive(Object)]
struct UserList {
    items: Vec<UserObject>,
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// The operations of this file.
pub struct UsersApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Users")]
impl UsersApi {
    /// Find people
    ///
    /// By the beginning of the nickname, taken literally and without regard to case, or by ids; one of the two.
    ///
    /// Codes: `auth.required`, `cursor.invalid`, `rate.limited`.
    #[oai(path = "/users", method = "get", operation_id = "findUsers")]
    async fn find(
        &self,
        caller: Auth,
        /// The beginning of a nickname.
        nickname: Query<Option<String>>,
        /// Ids, separated by commas; at most 100.
        ids: Query<Option<String>>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<UserList>> {
        let Shared { jim, throttles } = &*self.0;
        throttles.search.check(caller.0.user).await?;
        let limits = &jim.options().limits;
        let who = caller.0.user;
        let page = match (nickname.0, ids.0) {
            (Some(prefix), None) => {
                jim.users().find(who, &prefix, cursor.0.as_deref(), page_size(limit.0, limits)?).await?
            }
            (None, Some(ids)) => {
                let parsed: Option<Vec<UserId>> = ids.split(',').map(|id| id.parse().ok()).collect();
                let most = limits.ids_per_call as usize;
                let ids = parsed.filter(|ids| ids.len() <= most);
                let ids =
                    ids.ok_or_else(|| Error::field("ids", "invalid", format!("1 to {most} ids, separated by commas")))?;
                jim.users().list(who, &ids).await?
            }
            _ => return Err(Error::field("nickname", "required", "either nickname or ids").into()),
        };
        let items = page.items.into_iter().map(Into::into).collect();
        found(UserList { items, next: page.next, log: page.log.0 })
    }

    /// One person
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/users/:id", method = "get", operation_id = "getUser")]
    async fn get(&self, caller: Auth, id: Path<String>) -> Answer<Json<UserObject>> {
        found(self.0.jim.users().get(caller.0.user, named(&id.0)?).await?)
    }
}
