//! Ways into a group: invitations, and requests to join.

use serde::Serialize;

use super::UserCard;
use super::friend::RequestStatus;
use crate::id::{GroupId, InvitationId, JoinRequestId, UserId};
use crate::time::Millis;

/// An invitation as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// Its id.
    pub id: InvitationId,
    /// Into which group.
    pub group: GroupId,
    /// Who is invited.
    pub user: UserId,
    /// Who invites.
    pub by: UserId,
    /// When.
    pub created_at: Millis,
}

/// What an invited person learns of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupCard {
    /// Its id.
    pub id: GroupId,
    /// What it is called.
    pub name: String,
}

/// An invitation as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Into which group.
    pub group: GroupCard,
    /// Who invites.
    pub by: UserCard,
    /// When.
    pub created_at: Millis,
}

/// A request to join as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequestRow {
    /// Its id.
    pub id: JoinRequestId,
    /// Which group.
    pub group: GroupId,
    /// Who asks.
    pub user: UserId,
    /// A few words.
    pub note: Option<String>,
    /// Where it stands.
    pub status: RequestStatus,
    /// When.
    pub created_at: Millis,
}

/// A request to join as those see it who decide it, and the one who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JoinRequest {
    /// Its id.
    pub id: JoinRequestId,
    /// Which group.
    pub group_id: GroupId,
    /// Who asks.
    pub user: UserCard,
    /// A few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where it stands.
    pub status: RequestStatus,
    /// When.
    pub created_at: Millis,
}
