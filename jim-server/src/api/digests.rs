//! Digests of rooms.

use jim_core::id::Seq;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, found, named};
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::visit::Visit;

/// A hash over the log of a room.
#[derive(Object)]
#[oai(rename = "Digest")]
struct DigestObject {
    /// The number of the last entry that is in it.
    seq: i64,
    /// 64 hexadecimal digits.
    digest: String,
}

/// The operations of this file.
pub struct DigestsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Rooms")]
impl DigestsApi {
    /// A digest of a room's log
    ///
    /// Equal on every node and after every move of the server's data: two who have read the same up to a number get
    /// equal digests of it. It begins with the first entry that I could ever read. Counted among the searches.
    ///
    /// Codes: `auth.required`, `resource.not_found`, `log.ahead`, `rate.limited`.
    #[oai(path = "/rooms/:room/digest", method = "get", operation_id = "getDigest")]
    async fn get(
        &self,
        caller: Auth,
        request: &Request,
        room: Path<String>,
        /// The last number that goes in; that of the last entry if absent.
        upto: Query<Option<u64>>,
    ) -> Answer<Json<DigestObject>> {
        let Shared { jim, throttles } = &*self.0;
        throttles.search.check(caller.0.user).await?;
        let upto = upto.0.map(|seq| Seq(i64::try_from(seq).unwrap_or(i64::MAX)));
        // The longer the log, the longer it takes.
        let made = jim.digests().get(caller.0.user, named(&room.0)?, upto);
        let (seq, digest) = Visit::unhurried(request, made).await?;
        found(DigestObject { seq: seq.0, digest: digest.to_string() })
    }
}
