//! One's own log: what a device reads to be whole again.

use bytes::Bytes;

use super::Context;
use crate::error::{Code, Result};
use crate::id::{Seq, UserId};
use crate::repo::Slice;

/// A part of one's own log, in ascending order.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// Entries as JSON.
    pub items: Vec<Bytes>,
    /// The lowest number there is; zero if there is none.
    pub first: Seq,
    /// The highest.
    pub last: Seq,
    /// Whether there are more in the direction that was asked for.
    pub has_more: bool,
}

/// One's own log.
#[derive(Clone)]
pub struct UserLog {
    context: Context,
}

impl UserLog {
    pub(crate) fn new(context: Context) -> Self {
        UserLog { context }
    }

    /// A part of the log; the newest without a position.
    pub async fn read(&self, who: UserId, position: Option<Slice<'_>>, limit: u16) -> Result<LogPage> {
        let mut unit = self.context.read().await?;
        let last = unit.user_log().head(who).await?;
        let slice = match position {
            Some(Slice::After(seq)) if seq > last => return Err(Code::LogAhead.into()),
            Some(slice) => slice,
            None => Slice::Before(last.next()),
        };
        let mut entries = unit.user_log().read(who, slice, limit + 1).await?;
        let has_more = entries.len() > usize::from(limit);
        if has_more {
            match slice {
                Slice::After(_) => entries.truncate(limit.into()),
                _ => drop(entries.remove(0)),
            }
        }
        let first = if last == Seq::ZERO { Seq::ZERO } else { Seq(1) };
        Ok(LogPage { items: entries.iter().map(crate::model::UserEntry::json).collect(), first, last, has_more })
    }
}
