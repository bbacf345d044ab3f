use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::AuditId;
use crate::model::audit::{AuditFilter, AuditRow};
use crate::repo::{AuditRepo, Res};

#[derive(Clone, Default)]
pub(super) struct Audit {
    last: i64,
    rows: Vec<AuditRow>,
}

fn fits<T: PartialEq>(wanted: Option<&T>, is: Option<&T>) -> bool {
    wanted.is_none() || wanted == is
}

#[async_trait]
impl AuditRepo for MemoryTx {
    async fn add(&mut self, row: &AuditRow) -> Res<AuditId> {
        let audit = &mut self.change().audit;
        let id = AuditId(next_id(&mut audit.last));
        audit.rows.push(AuditRow { id, ..row.clone() });
        Ok(id)
    }

    async fn list(&mut self, filter: &AuditFilter, before: Option<AuditId>, limit: u16) -> Res<Vec<AuditRow>> {
        let fits = |row: &&AuditRow| {
            before.is_none_or(|before| row.id < before)
                && fits(filter.by.as_ref(), row.by.as_ref())
                && fits(filter.action.as_ref(), Some(&row.action))
                && fits(filter.target.as_ref(), Some(&row.target))
        };
        Ok(self.state.audit.rows.iter().rev().filter(fits).take(limit.into()).cloned().collect())
    }
}
