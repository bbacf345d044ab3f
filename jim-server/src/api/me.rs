//! One's own account.

use jim_core::model::user::{BirthDate, Change, ProfileChange, StatusText, TextEnd};
use jim_core::model::{All as _, At as _, Broken, Me, Nickname};
use jim_core::secret::Secret;
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Done, change, found, ip};
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// One's own account.
#[derive(Object)]
#[oai(rename = "Me")]
pub(super) struct MeObject {
    id: i64,
    username: String,
    nickname: String,
    #[oai(skip_serializing_if_is_none)]
    birth_date: Option<String>,
    /// `online`, `away`, `dnd` or `invisible`: what I have chosen, connected or not.
    status: String,
    #[oai(skip_serializing_if_is_none)]
    status_text: Option<String>,
    /// When the status text ends; absent: it stays.
    #[oai(skip_serializing_if_is_none)]
    status_text_until: Option<Time>,
    /// The address that is bound.
    #[oai(skip_serializing_if_is_none)]
    email: Option<String>,
    /// `true` if a log-in wants a code of a second factor; absent if not.
    #[oai(skip_serializing_if_is_none)]
    totp: Option<bool>,
    role: String,
    created_at: Time,
}

impl From<Me> for MeObject {
    fn from(me: Me) -> Self {
        MeObject {
            id: me.id.0,
            username: me.username,
            nickname: me.nickname,
            birth_date: me.birth_date,
            status: me.status.as_str().into(),
            status_text: me.status_text,
            status_text_until: me.status_text_until.map(Into::into),
            email: me.email,
            totp: me.totp.then_some(true),
            role: me.role.as_str().into(),
            created_at: me.created_at.into(),
        }
    }
}

/// What to change. An absent field stays; `null` clears.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "ProfileChange", example)]
#[derive(Default)]
struct ProfileBody {
    /// 1 to 32 characters; cannot be cleared.
    nickname: MaybeUndefined<String>,
    /// `YYYY-MM-DD`.
    birth_date: MaybeUndefined<String>,
    /// 1 to 100 characters.
    status_text: MaybeUndefined<String>,
    /// A time to come (RFC 3339), after which the status text is gone; `null`: it stays.
    status_text_until: MaybeUndefined<String>,
}

impl poem_openapi::types::Example for ProfileBody {
    fn example() -> Self {
        ProfileBody { nickname: MaybeUndefined::Value("Ann".into()), ..Self::default() }
    }
}

/// A new password.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PasswordChange", example)]
struct PasswordBody {
    /// The password so far.
    old_password: String,
    /// The new one.
    new_password: String,
}

impl poem_openapi::types::Example for PasswordBody {
    fn example() -> Self {
        PasswordBody { old_password: "correct horse battery".into(), new_password: "staple battery horse".into() }
    }
}

/// The password once more; of an account of the host, a token of the host.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Farewell", example)]
struct FarewellBody {
    password: String,
}

impl poem_openapi::types::Example for FarewellBody {
    fn example() -> Self {
        FarewellBody { password: "correct horse battery".into() }
    }
}

/// The operations of this file.
pub struct MeApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Me")]
impl MeApi {
    /// My account
    ///
    /// Codes: `auth.required`.
    #[oai(path = "/me", method = "get", operation_id = "getMe")]
    async fn get(&self, caller: Auth) -> Answer<Json<MeObject>> {
        found(self.0.jim.users().me(caller.0.user).await?)
    }

    /// Change my profile
    ///
    /// My other devices and my friends are told.
    ///
    /// Codes: `auth.required`.
    #[oai(path = "/me", method = "patch", operation_id = "updateMe")]
    async fn update(&self, caller: Auth, body: Body<ProfileBody>) -> Answer<Json<MeObject>> {
        let jim = &self.0.jim;
        let limits = &jim.options().limits;
        let body = body.0;
        let nickname = match change(body.nickname, |text| Nickname::parse(&text, limits)) {
            Ok(Change::Clear) => Err(Broken { code: "required", detail: "cannot be cleared".into() }),
            Ok(Change::Set(name)) => Ok(Some(name)),
            Ok(Change::Keep) => Ok(None),
            Err(broken) => Err(broken),
        };
        let now = jim.clock().now();
        let (nickname, birth_date, status_text, status_text_until) = (
            nickname.at("nickname"),
            change(body.birth_date, |text| BirthDate::parse(&text, now)).at("birth_date"),
            change(body.status_text, |text| StatusText::parse(&text, limits)).at("status_text"),
            change(body.status_text_until, |text| TextEnd::parse(&text, now)).at("status_text_until"),
        )
            .all()?;
        let change = ProfileChange { nickname, birth_date, status_text, status_text_until };
        found(jim.users().update(caller.0.user, change).await?)
    }

    /// Delete my account
    ///
    /// For good: nobody can log in to it, my sessions end, and friends, requests, blocks and groups know me no more. A group
    /// of mine goes to its oldest admin, else to its oldest member. What I wrote stays or is erased, as the server is set up.
    ///
    /// Codes: `auth.required`, `auth.wrong_password`, `auth.locked`, `rate.limited`.
    #[oai(path = "/me", method = "delete", operation_id = "deleteMe")]
    async fn delete(&self, caller: Auth, request: &Request, body: Body<FarewellBody>) -> Answer<Done> {
        self.0.throttles.login.check(ip(request)).await?;
        self.0.jim.users().delete(caller.0.user, &Secret::new(body.0.password)).await?;
        Ok(Done::Done)
    }

    /// Change my password
    ///
    /// Ends all my other sessions.
    ///
    /// Codes: `auth.required`, `auth.wrong_password`, `auth.locked`, `rate.limited`.
    #[oai(path = "/me/password", method = "put", operation_id = "changePassword")]
    async fn change_password(&self, caller: Auth, request: &Request, body: Body<PasswordBody>) -> Answer<Done> {
        // A stolen token must not be a way to try passwords.
        self.0.throttles.login.check(ip(request)).await?;
        let (old, new) = (Secret::new(body.0.old_password), Secret::new(body.0.new_password));
        self.0.jim.users().change_password(&caller.0, &old, &new).await?;
        Ok(Done::Done)
    }
}
