//! The world channel: a room that everybody is in.

use serde::Serialize;

use crate::id::{RoomId, WorldId};
use crate::time::Millis;

/// A world channel as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldRow {
    /// Its id.
    pub id: WorldId,
    /// What it is called.
    pub name: String,
    /// Whether others than administrators may write.
    pub open: bool,
    /// Seconds that somebody has to wait between two messages; zero for none.
    pub slow_mode_seconds: u32,
}

/// A world channel as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct World {
    /// Its id.
    pub id: WorldId,
    /// Its room.
    pub room: RoomId,
    /// What it is called.
    pub name: String,
    /// Whether others than administrators may write.
    pub open: bool,
    /// Seconds that somebody has to wait between two messages; zero for none.
    pub slow_mode_seconds: u32,
}

impl From<WorldRow> for World {
    fn from(row: WorldRow) -> Self {
        let WorldRow { id, name, open, slow_mode_seconds } = row;
        World { id, room: RoomId::World(id), name, open, slow_mode_seconds }
    }
}

/// What of a world channel changes; what is absent stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorldChange {
    /// Whether others than administrators may write.
    pub open: Option<bool>,
    /// Seconds between two messages of one person.
    pub slow_mode_seconds: Option<u32>,
}

/// Seconds of slow mode at the most: a day.
pub const SLOWEST: u32 = 86_400;

/// What decides whether somebody may write to a world channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorldRights {
    /// An administrator.
    pub admin: bool,
    /// Others than administrators may write.
    pub open: bool,
    /// Seconds between two messages.
    pub slow_mode_seconds: u32,
    /// Until when the person may not write.
    pub muted_until: Option<Millis>,
}
