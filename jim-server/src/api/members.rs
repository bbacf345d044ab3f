//! Members of groups, and who may not become one.

use jim_core::model::group::{Member, MemberName, Role};
use jim_core::model::{All as _, At as _, Limits};
use jim_core::service::{Added, MemberChange};
use jim_core::time::Millis;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Done, change, found, named, page_size};
use super::groups::ids;
use super::users::UserObject;
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// A member of a group.
#[derive(Object)]
#[oai(rename = "Member")]
struct MemberObject {
    user: UserObject,
    /// `owner`, `admin` or `member`.
    role: String,
    #[oai(skip_serializing_if_is_none)]
    nickname: Option<String>,
    /// The member may not write now.
    #[oai(skip_serializing_if_is_none)]
    muted: Option<bool>,
    /// Until when; absent where it is for good.
    #[oai(skip_serializing_if_is_none)]
    muted_until: Option<Time>,
    joined_at: Time,
}

impl From<Member> for MemberObject {
    fn from(member: Member) -> Self {
        MemberObject {
            user: member.user.into(),
            role: member.role.as_str().into(),
            nickname: member.nickname,
            muted: member.muted.then_some(true),
            muted_until: member.muted_until.map(Into::into),
            joined_at: member.joined_at.into(),
        }
    }
}

/// Members, by id.
#[derive(Object)]
struct MemberList {
    items: Vec<MemberObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
    /// The number of the group's room that this page includes: with the entries above that of the first page, the list
    /// is exact.
    seq: i64,
}

/// Whom to bring in.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NewMembers", example)]
struct AddBody {
    /// 100 at the most; members among them are skipped.
    user_ids: Vec<i64>,
}

impl Example for AddBody {
    fn example() -> Self {
        AddBody { user_ids: vec![4, 5] }
    }
}

/// What became of those who were named.
#[derive(Object)]
#[oai(rename = "Added")]
struct AddedObject {
    /// Members now.
    added: Vec<i64>,
    /// Asked.
    invited: Vec<i64>,
}

impl From<Added> for AddedObject {
    fn from(added: Added) -> Self {
        let ids = |users: Vec<jim_core::id::UserId>| users.into_iter().map(|user| user.0).collect();
        AddedObject { added: ids(added.added), invited: ids(added.invited) }
    }
}

/// What of a member changes; `null` clears the nickname.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "MemberChange", example)]
struct MemberBody {
    /// `admin` or `member`.
    role: Option<String>,
    /// 1 to 32 characters.
    nickname: MaybeUndefined<String>,
}

impl Example for MemberBody {
    fn example() -> Self {
        MemberBody { role: Some("admin".into()), nickname: MaybeUndefined::Undefined }
    }
}

impl MemberBody {
    fn parse(self, limits: &Limits) -> Result<MemberChange, jim_core::Error> {
        let (role, nickname) = (
            self.role.map(|word| Role::parse(&word)).transpose().at("role"),
            change(self.nickname, |text| MemberName::parse(&text, limits)).at("nickname"),
        )
            .all()?;
        Ok(MemberChange { role, nickname })
    }
}

/// How long.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "Mute", example)]
pub(super) struct MuteBody {
    /// Until when, RFC 3339; for good if absent.
    until: Option<String>,
}

impl MuteBody {
    pub(super) fn until(&self) -> Result<Option<Millis>, jim_core::Error> {
        let until = self.until.as_deref().map(str::parse::<Millis>).transpose();
        until.map_err(|_| jim_core::Error::field("until", "invalid", "a time as in RFC 3339"))
    }
}

impl Example for MuteBody {
    fn example() -> Self {
        MuteBody { until: Some("2030-01-01T00:00:00.000Z".into()) }
    }
}

/// Somebody who may not come in.
#[derive(Object)]
#[oai(rename = "Blacklisted")]
struct BlacklistedObject {
    user: UserObject,
    at: Time,
}

/// Who may not come in, by id.
#[derive(Object)]
struct Blacklist {
    items: Vec<BlacklistedObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// The operations of this file.
pub struct MembersApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Groups")]
impl MembersApi {
    /// Members
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `cursor.invalid`.
    #[oai(path = "/groups/:id/members", method = "get", operation_id = "listMembers")]
    async fn list(
        &self,
        caller: Auth,
        id: Path<String>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<MemberList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let (page, seq) = jim.members().list(caller.0.user, named(&id.0)?, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(MemberList { items, next: page.next, log: page.log.0, seq: seq.0 })
    }

    /// Bring people in
    ///
    /// Friends are members at once, others are invited; all of them or none. Who blocks me shows as invited and sees nothing.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`, `group.blacklisted`,
    /// `group.full`, `group.too_many`, `group.waiting_full`, `friend.blocked`, `rate.limited`.
    #[oai(path = "/groups/:id/members", method = "post", operation_id = "addMembers")]
    async fn add(&self, caller: Auth, id: Path<String>, body: Body<AddBody>) -> Answer<Json<AddedObject>> {
        let Shared { jim, throttles } = &*self.0;
        let users = ids("user_ids", &body.0.user_ids, &jim.options().limits)?;
        throttles.group_invite.check(caller.0.user).await?;
        found(jim.members().add(caller.0.user, named(&id.0)?, &users).await?)
    }

    /// Change a member
    ///
    /// The owner makes and dismisses admins. Everybody says himself what he is called here; admins say it for those
    /// below them.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`, `group.admins_full`.
    #[oai(path = "/groups/:id/members/:user_id", method = "patch", operation_id = "updateMember")]
    async fn update(
        &self,
        caller: Auth,
        id: Path<String>,
        user_id: Path<String>,
        body: Body<MemberBody>,
    ) -> Answer<Json<MemberObject>> {
        let jim = &self.0.jim;
        let change = body.0.parse(&jim.options().limits)?;
        found(jim.members().change(caller.0.user, named(&id.0)?, named(&user_id.0)?, change).await?)
    }

    /// Remove a member
    ///
    /// 204 also where there is no such member.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id/members/:user_id", method = "delete", operation_id = "removeMember")]
    async fn remove(
        &self,
        caller: Auth,
        id: Path<String>,
        user_id: Path<String>,
        /// Whether the person is kept out from now on.
        blacklist: Query<Option<bool>>,
    ) -> Answer<Done> {
        let keep_out = blacklist.0.unwrap_or_default();
        self.0.jim.members().remove(caller.0.user, named(&id.0)?, named(&user_id.0)?, keep_out).await?;
        Ok(Done::Done)
    }

    /// Mute a member
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id/members/:user_id/mute", method = "put", operation_id = "muteMember")]
    async fn mute(&self, caller: Auth, id: Path<String>, user_id: Path<String>, body: Body<MuteBody>) -> Answer<Done> {
        let until = body.0.until()?;
        self.0.jim.members().mute(caller.0.user, named(&id.0)?, named(&user_id.0)?, until).await?;
        Ok(Done::Done)
    }

    /// Let a member write again
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id/members/:user_id/mute", method = "delete", operation_id = "unmuteMember")]
    async fn unmute(&self, caller: Auth, id: Path<String>, user_id: Path<String>) -> Answer<Done> {
        self.0.jim.members().unmute(caller.0.user, named(&id.0)?, named(&user_id.0)?).await?;
        Ok(Done::Done)
    }

    /// Who may not come in
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`, `cursor.invalid`.
    #[oai(path = "/groups/:id/blacklist", method = "get", operation_id = "listBlacklist")]
    async fn blacklist(
        &self,
        caller: Auth,
        id: Path<String>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<Blacklist>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let page = jim.members().blacklist(caller.0.user, named(&id.0)?, cursor.0.as_deref(), limit).await?;
        let listed =
            |(user, at): (jim_core::model::UserCard, Millis)| BlacklistedObject { user: user.into(), at: at.into() };
        found(Blacklist { items: page.items.into_iter().map(listed).collect(), next: page.next, log: page.log.0 })
    }

    /// Keep somebody out
    ///
    /// A member is removed by it; 204 also where it was said before.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id/blacklist/:user_id", method = "put", operation_id = "addToBlacklist")]
    async fn keep_out(&self, caller: Auth, id: Path<String>, user_id: Path<String>) -> Answer<Done> {
        self.0.jim.members().keep_out(caller.0.user, named(&id.0)?, named(&user_id.0)?).await?;
        Ok(Done::Done)
    }

    /// Keep somebody out no more
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id/blacklist/:user_id", method = "delete", operation_id = "removeFromBlacklist")]
    async fn let_back(&self, caller: Auth, id: Path<String>, user_id: Path<String>) -> Answer<Done> {
        self.0.jim.members().let_back(caller.0.user, named(&id.0)?, named(&user_id.0)?).await?;
        Ok(Done::Done)
    }
}
