use async_trait::async_trait;

use super::Res;
use crate::id::AuditId;
use crate::model::audit::{AuditFilter, AuditRow};

/// What administrators did. It only grows.
#[async_trait]
pub trait AuditRepo: Send {
    /// Writes an act down and gives it an id; the row's own does not matter.
    async fn add(&mut self, row: &AuditRow) -> Res<AuditId>;
    /// Acts that a filter lets through, newest first, below `before`.
    async fn list(&mut self, filter: &AuditFilter, before: Option<AuditId>, limit: u16) -> Res<Vec<AuditRow>>;
}
