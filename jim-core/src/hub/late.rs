//! What took long to be stored: a block may have been answered since it was decided, so it is asked who blocks whom
//! before it is sent.

use tokio::time::Instant;

use super::Hub;
use crate::error::Result;
use crate::id::{Seq, UserId};
use crate::log::{CERTAIN, Stats};
use crate::model::entry::LogId;

/// Frames of one question.
const MOST: usize = 256;

impl Hub {
    /// Asks for many at once: while one answer is on its way, the next gather.
    pub(super) async fn settle_late(&self) {
        loop {
            self.delayed.notified().await;
            loop {
                let late: Vec<_> = {
                    let late = &mut self.table().late;
                    let count = late.len().min(MOST);
                    late.drain(..count).collect()
                };
                if late.is_empty() {
                    break;
                }
                if let Err(error) = self.settle(&late).await {
                    tracing::warn!(error.cause = %error, "blocks were not read; what came late is read from the store");
                }
            }
        }
    }

    async fn settle(&self, late: &[(LogId, Seq, UserId)]) -> Result<()> {
        let peer = |log: &LogId, by| if let LogId::Room(room) = log { room.peer(by) } else { None };
        let (late, others): (Vec<_>, Vec<_>) = late.iter().partition(|(log, _, by)| peer(log, *by).is_some());
        let asks: Vec<_> = late.iter().filter_map(|(log, _, by)| Some((*by, peer(log, *by)?))).collect();
        let rights = self.logs.store.private_rights(&asks).await?;
        let mut table = self.table();
        let mut delivered = 0;
        // Another release may call something else late.
        for (log, ..) in others {
            table.doubt(log, Instant::now());
        }
        for ((log, seq, _), rights) in late.into_iter().zip(rights) {
            if rights.blocked {
                // A block that is not answered yet is, by then.
                table.doubt(log, Instant::now() + CERTAIN);
            } else {
                delivered += table.trust(log, seq);
            }
        }
        drop(table);
        self.doubted.notify_one();
        Stats::add(&self.logs.stats.delivered, delivered);
        Ok(())
    }
}
