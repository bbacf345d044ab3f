//! What happened to one's account.

use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::answer::{Answer, page_size, position};
use super::messages::{EntriesAnswer, entries};
use super::{Api, Auth, Tag};
use crate::app::BASE;

/// The operations of this file.
pub struct LogApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Log")]
impl LogApi {
    /// My log
    ///
    /// Entries in ascending order, above `after` or below `before`; the newest page without either.
    ///
    /// Codes: `auth.required`, `log.ahead`.
    #[oai(path = "/log", method = "get", operation_id = "listLog")]
    async fn read(
        &self,
        caller: Auth,
        /// The number above which to read.
        after: Query<Option<u64>>,
        /// The number below which to read.
        before: Query<Option<u64>>,
        /// Entries on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<EntriesAnswer> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let page = jim.user_log().read(caller.0.user, position(after.0, before.0)?, limit).await?;
        Ok(entries(&page.items, (page.first.0, page.last.0), page.has_more, None))
    }
}
