//! Groups and what is written in rooms, as administrators run them.

use jim_core::id::UserId;
use jim_core::model::group::GroupRow;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, Done, found, named, page_size};
use super::groups::TransferBody;
use super::messages::EntryAnswer;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::reply::Raw;
use crate::time::Time;

/// A group, as administrators see it.
#[derive(Object)]
struct GroupOverview {
    id: i64,
    /// Its room.
    room: String,
    name: String,
    owner_id: i64,
    max_members: u32,
    member_count: u32,
    /// Only the owner and admins may write.
    muted: bool,
    created_at: Time,
}

impl From<GroupRow> for GroupOverview {
    fn from(row: GroupRow) -> Self {
        GroupOverview {
            id: row.id.0,
            room: row.room().to_string(),
            name: row.name,
            owner_id: row.owner.0,
            max_members: row.max_members,
            member_count: row.member_count,
            muted: row.muted,
            created_at: row.created_at.into(),
        }
    }
}

/// Groups, by id.
#[derive(Object)]
struct GroupOverviewList {
    items: Vec<GroupOverview>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// The operations of this file.
pub struct AdminGroupsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Administration")]
impl AdminGroupsApi {
    /// Groups of everybody
    ///
    /// Those that have not ended, by id. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `cursor.invalid`.
    #[oai(path = "/admin/groups", method = "get", operation_id = "adminListGroups")]
    async fn list(
        &self,
        caller: Auth,
        request: &Request,
        /// A part of the name, as it is written.
        name: Query<Option<String>>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<GroupOverviewList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let name = name.0.unwrap_or_default();
        let page = jim.admin_groups().list(&caller.actor(request), &name, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(GroupOverviewList { items, next: page.next, log: page.log.0 })
    }

    /// Dissolve anybody's group
    ///
    /// As its owner can. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`.
    #[oai(path = "/admin/groups/:id", method = "delete", operation_id = "adminDissolveGroup")]
    async fn dissolve(&self, caller: Auth, request: &Request, id: Path<String>) -> Answer<Done> {
        self.0.jim.admin_groups().dissolve(&caller.actor(request), named(&id.0)?).await?;
        Ok(Done::Done)
    }

    /// Give anybody's group to another of its members
    ///
    /// The old owner stays as an ordinary one. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`, `group.dissolved`, `group.not_member`,
    /// `user.unavailable`.
    #[oai(path = "/admin/groups/:id/transfer", method = "post", operation_id = "adminTransferGroup")]
    async fn transfer(
        &self,
        caller: Auth,
        request: &Request,
        id: Path<String>,
        body: Body<TransferBody>,
    ) -> Answer<Json<GroupOverview>> {
        let to = UserId(body.0.user_id);
        found(self.0.jim.admin_groups().transfer(&caller.actor(request), named(&id.0)?, to).await?)
    }

    /// Take anybody's message back
    ///
    /// In any room that has not ended, at any time. Answers with the entry that says so. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `resource.not_found`, `group.dissolved`, `message.retracted`,
    /// `message.not_retractable`.
    #[oai(path = "/admin/rooms/:room/entries/:seq/retract", method = "post", operation_id = "adminRetractMessage")]
    async fn retract(
        &self,
        caller: Auth,
        request: &Request,
        room: Path<String>,
        seq: Path<String>,
    ) -> Answer<EntryAnswer> {
        let actor = caller.actor(request);
        let entry = self.0.jim.messages().moderate(&actor, named(&room.0)?, named(&seq.0)?).await?;
        Ok(EntryAnswer::Entry(Raw::new(entry.json())))
    }
}
