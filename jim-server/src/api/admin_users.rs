//! Accounts, as administrators run them.

use jim_core::id::UserId;
use jim_core::model::user::{AccountRole, BirthDate};
use jim_core::model::{All as _, At as _, Nickname, Password, User, Username};
use jim_core::secret::Secret;
use jim_core::service::Register;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Created, Done, created, found, named, page_size};
use super::sessions::SessionList;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// An account, as administrators see it.
#[derive(Object)]
struct AccountObject {
    id: i64,
    /// Empty where the account is gone, as the nickname is.
    username: String,
    nickname: String,
    /// `active`, `disabled` or `deleted`.
    state: String,
    /// `user` or `admin`.
    role: String,
    created_at: Time,
}

impl From<User> for AccountObject {
    fn from(user: User) -> Self {
        AccountObject {
            id: user.id.0,
            username: user.username,
            nickname: user.nickname,
            state: user.state.as_str().into(),
            role: user.role.as_str().into(),
            created_at: user.created_at.into(),
        }
    }
}

/// Accounts, by id.
#[derive(Object)]
struct AccountList {
    items: Vec<AccountObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// An account to make.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NewUser", example)]
struct NewUserBody {
    /// 3 to 32 letters, digits, `.`, `_` or `-`; unique without regard to case.
    username: String,
    /// 8 to 128 characters; not common, without the user name.
    password: String,
    /// 1 to 32 characters; the user name if absent.
    nickname: Option<String>,
    /// `YYYY-MM-DD`.
    birth_date: Option<String>,
}

impl Example for NewUserBody {
    fn example() -> Self {
        NewUserBody {
            username: "ann".into(),
            password: "correct horse battery".into(),
            nickname: Some("Ann".into()),
            birth_date: None,
        }
    }
}

/// Another password for an account.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PasswordReset", example)]
struct PasswordResetBody {
    /// 8 to 128 characters; not common, without the user name.
    password: String,
}

impl Example for PasswordResetBody {
    fn example() -> Self {
        PasswordResetBody { password: "staple battery horse".into() }
    }
}

/// The operations of this file.
pub struct AdminUsersApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Administration")]
impl AdminUsersApi {
    /// Accounts
    ///
    /// Of any state, by id. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `cursor.invalid`.
    #[oai(path = "/admin/users", method = "get", operation_id = "adminListUsers")]
    async fn list(
        &self,
        caller: Auth,
        request: &Request,
        /// The beginning of a user name, without regard to case.
        username: Query<Option<String>>,
        /// `user` or `admin`.
        role: Query<Option<String>>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<AccountList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let role = match role.0.as_deref() {
            None => None,
            Some("user") => Some(AccountRole::User),
            Some("admin") => Some(AccountRole::Admin),
            Some(_) => return Err(jim_core::Error::field("role", "invalid", "one of: user admin").into()),
        };
        let search = (username.0.as_deref().unwrap_or_default(), role);
        let page = jim.admin_users().list(&caller.actor(request), search, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(AccountList { items, next: page.next, log: page.log.0 })
    }

    /// Make an account
    ///
    /// Whether people may register or not. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `auth.username_taken`.
    #[oai(path = "/admin/users", method = "post", operation_id = "adminCreateUser")]
    async fn create(&self, caller: Auth, request: &Request, body: Body<NewUserBody>) -> Answer<Created<AccountObject>> {
        let jim = &self.0.jim;
        let limits = &jim.options().limits;
        let body = body.0;
        let username = Username::parse(&body.username, limits);
        let password = Password::parse(&Secret::new(body.password), username.as_ref().ok(), limits);
        let (username, password, nickname, birth_date) = (
            username.at("username"),
            password.at("password"),
            body.nickname.map(|name| Nickname::parse(&name, limits)).transpose().at("nickname"),
            body.birth_date.map(|date| BirthDate::parse(&date, jim.clock().now())).transpose().at("birth_date"),
        )
            .all()?;
        let wish = Register { username, password, nickname, birth_date };
        created(jim.admin_users().create(&caller.actor(request), wish, AccountRole::User).await?)
    }

    /// Disable an account
    ///
    /// It cannot log in, its sessions end and its sockets are closed. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`, `user.unavailable`.
    #[oai(path = "/admin/users/:id/disable", method = "post", operation_id = "adminDisableUser")]
    async fn disable(&self, caller: Auth, request: &Request, id: Path<String>) -> Answer<Json<AccountObject>> {
        found(self.0.jim.admin_users().disable(&caller.actor(request), named(&id.0)?).await?)
    }

    /// Enable an account
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`, `user.unavailable`.
    #[oai(path = "/admin/users/:id/enable", method = "post", operation_id = "adminEnableUser")]
    async fn enable(&self, caller: Auth, request: &Request, id: Path<String>) -> Answer<Json<AccountObject>> {
        found(self.0.jim.admin_users().enable(&caller.actor(request), named(&id.0)?).await?)
    }

    /// Delete an account
    ///
    /// For good, as its owner can. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`.
    #[oai(path = "/admin/users/:id", method = "delete", operation_id = "adminDeleteUser")]
    async fn delete(&self, caller: Auth, request: &Request, id: Path<String>) -> Answer<Done> {
        self.0.jim.admin_users().delete(&caller.actor(request), named(&id.0)?).await?;
        Ok(Done::Done)
    }

    /// Reset a password
    ///
    /// All sessions of the account end. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`, `user.unavailable`.
    #[oai(path = "/admin/users/:id/password", method = "put", operation_id = "adminResetPassword")]
    async fn reset(
        &self,
        caller: Auth,
        request: &Request,
        id: Path<String>,
        body: Body<PasswordResetBody>,
    ) -> Answer<Done> {
        let (id, password): (UserId, _) = (named(&id.0)?, Secret::new(body.0.password));
        self.0.jim.admin_users().set_password(&caller.actor(request), id, &password).await?;
        Ok(Done::Done)
    }

    /// Sessions of an account
    ///
    /// For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`.
    #[oai(path = "/admin/users/:id/sessions", method = "get", operation_id = "adminListSessions")]
    async fn sessions(&self, caller: Auth, request: &Request, id: Path<String>) -> Answer<Json<SessionList>> {
        let listed = self.0.jim.admin_users().sessions(&caller.actor(request), named(&id.0)?).await?;
        found(SessionList::of(listed, &caller.0))
    }

    /// End all sessions of an account
    ///
    /// For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`, `user.unavailable`.
    #[oai(path = "/admin/users/:id/sessions", method = "delete", operation_id = "adminEndSessions")]
    async fn end_sessions(&self, caller: Auth, request: &Request, id: Path<String>) -> Answer<Done> {
        self.0.jim.admin_users().end_sessions(&caller.actor(request), named(&id.0)?).await?;
        Ok(Done::Done)
    }
}
