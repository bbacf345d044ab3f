//! Groups.

use jim_core::id::UserId;
use jim_core::model::group::{Announcement, Group, GroupName, HistoryPolicy, InvitePolicy, JoinPolicy};
use jim_core::model::{All as _, At as _, Limits};
use jim_core::service::GroupChange;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Created, Done, change, created, found, named, page_size};
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// What I am in a group.
#[derive(Object)]
struct MyPart {
    /// `owner`, `admin` or `member`.
    role: String,
    #[oai(skip_serializing_if_is_none)]
    nickname: Option<String>,
    /// I may not write now.
    #[oai(skip_serializing_if_is_none)]
    muted: Option<bool>,
    /// Until when; absent where it is for good.
    #[oai(skip_serializing_if_is_none)]
    muted_until: Option<Time>,
}

/// A group.
#[derive(Object)]
#[oai(rename = "Group")]
pub(super) struct GroupObject {
    id: i64,
    /// Its room.
    room: String,
    name: String,
    #[oai(skip_serializing_if_is_none)]
    announcement: Option<String>,
    owner_id: i64,
    /// `open`, `approval` or `invite`.
    join_policy: String,
    /// Who may bring others in: `members` or `admins`.
    invite_policy: String,
    /// What new members may read: `all` or `joined`.
    history_policy: String,
    max_members: u32,
    member_count: u32,
    /// Only the owner and admins may write.
    muted: bool,
    my: MyPart,
    created_at: Time,
    /// Those who were asked instead of added; in the answer to the making alone.
    #[oai(skip_serializing_if_is_none)]
    invited: Option<Vec<i64>>,
}

impl From<Group> for GroupObject {
    fn from(group: Group) -> Self {
        GroupObject {
            id: group.id.0,
            room: group.room.to_string(),
            name: group.name,
            announcement: group.announcement,
            owner_id: group.owner_id.0,
            join_policy: group.join_policy.as_str().into(),
            invite_policy: group.invite_policy.as_str().into(),
            history_policy: group.history_policy.as_str().into(),
            max_members: group.max_members,
            member_count: group.member_count,
            muted: group.muted,
            my: MyPart {
                role: group.my.role.as_str().into(),
                nickname: group.my.nickname,
                muted: group.my.muted.then_some(true),
                muted_until: group.my.muted_until.map(Into::into),
            },
            created_at: group.created_at.into(),
            invited: None,
        }
    }
}

/// Groups, by id.
#[derive(Object)]
struct GroupList {
    items: Vec<GroupObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// A group to make.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NewGroup", example)]
struct NewGroupBody {
    /// 1 to 64 characters.
    name: String,
    /// Friends who are members from the beginning, and others who are invited; 100 at the most.
    #[serde(default)]
    #[oai(default)]
    member_ids: Vec<i64>,
}

impl Example for NewGroupBody {
    fn example() -> Self {
        NewGroupBody { name: "Book club".into(), member_ids: vec![2, 3] }
    }
}

/// What of a group changes; `null` clears the announcement.
#[derive(Deserialize, Object, Default)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "GroupChange", example)]
struct GroupBody {
    /// 1 to 64 characters.
    name: Option<String>,
    /// 1 to 2000 characters.
    announcement: MaybeUndefined<String>,
    /// `open`, `approval` or `invite`.
    join_policy: Option<String>,
    /// `members` or `admins`.
    invite_policy: Option<String>,
    /// `all` or `joined`.
    history_policy: Option<String>,
    /// At least as many as there are, 10000 at the most.
    max_members: Option<u32>,
}

impl Example for GroupBody {
    fn example() -> Self {
        GroupBody { name: Some("Reading circle".into()), ..GroupBody::default() }
    }
}

impl GroupBody {
    fn parse(self, limits: &Limits) -> Result<GroupChange, jim_core::Error> {
        let (name, announcement, join_policy, invite_policy, history_policy) = (
            self.name.map(|name| GroupName::parse(&name, limits)).transpose().at("name"),
            change(self.announcement, |text| Announcement::parse(&text, limits)).at("announcement"),
            self.join_policy.map(|word| JoinPolicy::parse(&word)).transpose().at("join_policy"),
            self.invite_policy.map(|word| InvitePolicy::parse(&word)).transpose().at("invite_policy"),
            self.history_policy.map(|word| HistoryPolicy::parse(&word)).transpose().at("history_policy"),
        )
            .all()?;
        let max_members = self.max_members;
        Ok(GroupChange { name, announcement, join_policy, invite_policy, history_policy, max_members })
    }
}

/// Who gets the group.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Transfer", example)]
pub(super) struct TransferBody {
    pub(super) user_id: i64,
}

impl Example for TransferBody {
    fn example() -> Self {
        TransferBody { user_id: 2 }
    }
}

/// Ids out of a body; more than a call may name are refused.
pub(super) fn ids(field: &str, ids: &[i64], limits: &Limits) -> Result<Vec<UserId>, jim_core::Error> {
    if u32::try_from(ids.len()).is_ok_and(|count| count <= limits.ids_per_call) {
        return Ok(ids.iter().copied().map(UserId).collect());
    }
    Err(jim_core::Error::field(field, "too_many", format!("at most {} ids", limits.ids_per_call)))
}

/// The operations of this file.
pub struct GroupsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Groups")]
impl GroupsApi {
    /// Make a group
    ///
    /// I own it; the friends whom I name are members at once, others are invited. Who blocks me shows as invited and sees
    /// nothing.
    ///
    /// Codes: `auth.required`, `friend.blocked`, `group.full`, `group.too_many`, `group.waiting_full`, `rate.limited`.
    #[oai(path = "/groups", method = "post", operation_id = "createGroup")]
    async fn create(&self, caller: Auth, body: Body<NewGroupBody>) -> Answer<Created<GroupObject>> {
        let Shared { jim, throttles } = &*self.0;
        let limits = &jim.options().limits;
        let (name,) = (GroupName::parse(&body.0.name, limits).at("name"),).all()?;
        let members = ids("member_ids", &body.0.member_ids, limits)?;
        if !members.is_empty() {
            throttles.group_invite.check(caller.0.user).await?;
        }
        let (group, invited) = jim.groups().create(caller.0.user, name, &members).await?;
        let invited = Some(invited.into_iter().map(|user| user.0).collect());
        created(GroupObject { invited, ..group.into() })
    }

    /// My groups
    ///
    /// Codes: `auth.required`, `cursor.invalid`.
    #[oai(path = "/groups", method = "get", operation_id = "listGroups")]
    async fn list(
        &self,
        caller: Auth,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<GroupList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let page = jim.groups().list(caller.0.user, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(GroupList { items, next: page.next, log: page.log.0 })
    }

    /// A group
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`.
    #[oai(path = "/groups/:id", method = "get", operation_id = "getGroup")]
    async fn get(&self, caller: Auth, id: Path<String>) -> Answer<Json<GroupObject>> {
        found(self.0.jim.groups().get(caller.0.user, named(&id.0)?).await?)
    }

    /// Change a group
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id", method = "patch", operation_id = "updateGroup")]
    async fn update(&self, caller: Auth, id: Path<String>, body: Body<GroupBody>) -> Answer<Json<GroupObject>> {
        let jim = &self.0.jim;
        let change = body.0.parse(&jim.options().limits)?;
        found(jim.groups().change(caller.0.user, named(&id.0)?, change).await?)
    }

    /// Dissolve a group
    ///
    /// For everybody and for good; the history stays readable for those who were members. Invitations into it are gone,
    /// and requests to join it are rejected.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id", method = "delete", operation_id = "dissolveGroup")]
    async fn dissolve(&self, caller: Auth, id: Path<String>) -> Answer<Done> {
        self.0.jim.groups().dissolve(caller.0.user, named(&id.0)?).await?;
        Ok(Done::Done)
    }

    /// Leave a group
    ///
    /// The owner goes last, and the group with him. A dissolved group can be left too: its history is not mine any more.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.owner_must_transfer`.
    #[oai(path = "/groups/:id/leave", method = "post", operation_id = "leaveGroup")]
    async fn leave(&self, caller: Auth, id: Path<String>) -> Answer<Done> {
        self.0.jim.members().leave(caller.0.user, named(&id.0)?).await?;
        Ok(Done::Done)
    }

    /// Give a group away
    ///
    /// To a member; I stay as an ordinary one.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`, `group.not_member`,
    /// `user.unavailable`.
    #[oai(path = "/groups/:id/transfer", method = "post", operation_id = "transferGroup")]
    async fn transfer(&self, caller: Auth, id: Path<String>, body: Body<TransferBody>) -> Answer<Json<GroupObject>> {
        found(self.0.jim.groups().transfer(caller.0.user, named(&id.0)?, UserId(body.0.user_id)).await?)
    }

    /// Mute everyone
    ///
    /// Only the owner and admins may write.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id/mute", method = "put", operation_id = "muteGroup")]
    async fn mute(&self, caller: Auth, id: Path<String>) -> Answer<Done> {
        self.0.jim.groups().mute(caller.0.user, named(&id.0)?, true).await?;
        Ok(Done::Done)
    }

    /// Let everyone write again
    ///
    /// Who was muted alone stays so.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `group.dissolved`, `group.role_required`.
    #[oai(path = "/groups/:id/mute", method = "delete", operation_id = "unmuteGroup")]
    async fn unmute(&self, caller: Auth, id: Path<String>) -> Answer<Done> {
        self.0.jim.groups().mute(caller.0.user, named(&id.0)?, false).await?;
        Ok(Done::Done)
    }
}
