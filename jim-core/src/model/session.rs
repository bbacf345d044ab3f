//! Log-ins.

use std::net::IpAddr;

use super::{Broken, text};
use crate::id::{SessionId, UserId};
use crate::model::limits::Range;
use crate::time::Millis;

/// What a person calls the device that logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device(pub(crate) String);

impl Device {
    /// Parses a device name of 1 to 64 characters.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        text::line(text, Range { min: 1, max: 64 }).map(Device)
    }
}

/// Where a call comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The peer's address, behind trusted proxies.
    pub ip: IpAddr,
    /// The name that the device gives itself.
    pub device: Option<Device>,
}

/// A log-in of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What the device calls itself.
    pub device: Option<String>,
    /// Where it logged in from.
    pub ip: String,
    /// When it logged in.
    pub created_at: Millis,
    /// When it was last used, to the minute.
    pub seen_at: Millis,
}
