//! What administrators did.

use serde::Serialize;
use serde_json::Value;

use crate::id::{AuditId, UserId};
use crate::time::Millis;

/// One act, as it is written down for ever. Holds no password, no token and nothing that people wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditRow {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Millis,
    /// Who; nobody where it was done on the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// What, such as `user.disabled`.
    pub action: String,
    /// To whom or what, such as `user/3`.
    pub target: String,
    /// Where the call came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// What was changed, as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The same, as it was then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Which acts; what is absent does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Who did them.
    pub by: Option<UserId>,
    /// What was done.
    pub action: Option<String>,
    /// To whom or what.
    pub target: Option<String>,
}
