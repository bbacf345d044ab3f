//! What administrators did.

use jim_core::model::audit::{AuditFilter, AuditRow};
use poem::Request;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

use super::answer::{Answer, found, page_size};
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::time::Time;

/// What an administrator did.
#[derive(Object)]
#[oai(rename = "AuditEntry", skip_serializing_if_is_none)]
struct AuditObject {
    id: i64,
    at: Time,
    /// Who; absent where it was done on the command line.
    by: Option<i64>,
    /// Such as `user.disabled`.
    action: String,
    /// Such as `user/3`.
    target: String,
    /// Where the call came from.
    ip: Option<String>,
    /// What was changed, as it was.
    before: Option<Value>,
    /// The same, as it was then.
    after: Option<Value>,
}

impl From<AuditRow> for AuditObject {
    fn from(row: AuditRow) -> Self {
        AuditObject {
            id: row.id.0,
            at: row.at.into(),
            by: row.by.map(|by| by.0),
            action: row.action,
            target: row.target,
            ip: row.ip,
            before: row.before,
            after: row.after,
        }
    }
}

/// What was done, newest first.
#[derive(Object)]
struct AuditList {
    items: Vec<AuditObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// The operations of this file.
pub struct AuditApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Administration")]
impl AuditApi {
    /// What administrators did
    ///
    /// Newest first. For administrators.
    ///
    /// Codes: `auth.required`, `admin.required`, `cursor.invalid`.
    #[oai(path = "/admin/audit", method = "get", operation_id = "listAudit")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        caller: Auth,
        request: &Request,
        /// Only what was done so, such as `user.disabled`.
        action: Query<Option<String>>,
        /// Only by this account.
        by: Query<Option<i64>>,
        /// Only to this, such as `user/3`.
        target: Query<Option<String>>,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<AuditList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let filter = AuditFilter { by: by.0.map(jim_core::id::UserId), action: action.0, target: target.0 };
        let page = jim.audit().list(&caller.actor(request), &filter, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(AuditList { items, next: page.next, log: page.log.0 })
    }
}
