//! Blocks.

use jim_core::model::Block;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, Done, found, named, page_size};
use super::users::UserObject;
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::time::Time;

/// A block.
#[derive(Object)]
#[oai(rename = "Block")]
struct BlockObject {
    user: UserObject,
    at: Time,
}

impl From<Block> for BlockObject {
    fn from(block: Block) -> Self {
        BlockObject { user: block.user.into(), at: block.at.into() }
    }
}

/// Whom I block, by id.
#[derive(Object)]
struct BlockList {
    items: Vec<BlockObject>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

/// The operations of this file.
pub struct BlocksApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Blocks")]
impl BlocksApi {
    /// Whom I block
    ///
    /// Codes: `auth.required`, `cursor.invalid`.
    #[oai(path = "/blocks", method = "get", operation_id = "listBlocks")]
    async fn list(
        &self,
        caller: Auth,
        /// The cursor of the page before.
        cursor: Query<Option<String>>,
        /// Things on the page, 1 to 100; 50 if absent.
        limit: Query<Option<u32>>,
    ) -> Answer<Json<BlockList>> {
        let jim = &self.0.jim;
        let limit = page_size(limit.0, &jim.options().limits)?;
        let page = jim.blocks().list(caller.0.user, cursor.0.as_deref(), limit).await?;
        let items = page.items.into_iter().map(Into::into).collect();
        found(BlockList { items, next: page.next, log: page.log.0 })
    }

    /// Block somebody
    ///
    /// The friendship stays; the blocked is not told, and nothing that he writes to our private
    /// room from now on reaches me. In groups and in the world channel we both are read by all.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `block.self`.
    #[oai(path = "/blocks/:user_id", method = "put", operation_id = "block")]
    async fn block(&self, caller: Auth, user_id: Path<String>) -> Answer<Done> {
        self.0.jim.blocks().block(caller.0.user, named(&user_id.0)?).await?;
        Ok(Done::Done)
    }

    /// Unblock somebody
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/blocks/:user_id", method = "delete", operation_id = "unblock")]
    async fn unblock(&self, caller: Auth, user_id: Path<String>) -> Answer<Done> {
        self.0.jim.blocks().unblock(caller.0.user, named(&user_id.0)?).await?;
        Ok(Done::Done)
    }
}
