//! Whether somebody is there, and what he lets his friends see of it.

use serde::{Deserialize, Serialize};

use super::Broken;
use crate::time::Millis;

/// What a person has chosen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There, whenever a device is connected.
    #[default]
    Online,
    /// Connected and not looking.
    Away,
    /// Connected and not to be disturbed.
    Dnd,
    /// Connected and not to be seen: for friends the same as offline.
    Invisible,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 4] = [Status::Online, Status::Away, Status::Dnd, Status::Invisible];

    /// Parses the word on the wire.
    pub fn parse(word: &str) -> Result<Self, Broken> {
        let known = Status::ALL.into_iter().find(|status| status.as_str() == word);
        known.ok_or_else(|| Broken::new("invalid", "one of: online away dnd invisible"))
    }

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Online => "online",
            Status::Away => "away",
            Status::Dnd => "dnd",
            Status::Invisible => "invisible",
        }
    }

    /// What friends see of a person who is connected, or is not.
    #[must_use]
    pub const fn shown(self, connected: bool) -> Shown {
        match self {
            Status::Online if connected => Shown::Online,
            Status::Away if connected => Shown::Away,
            Status::Dnd if connected => Shown::Dnd,
            _ => Shown::Offline,
        }
    }
}

/// What friends see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// There.
    Online,
    /// There and not looking.
    Away,
    /// There and not to be disturbed.
    Dnd,
    /// Not there, or not to be seen.
    Offline,
}

impl Shown {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Shown::Online => "online",
            Shown::Away => "away",
            Shown::Dnd => "dnd",
            Shown::Offline => "offline",
        }
    }
}

/// What is stored of a person's being there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// What the person has chosen.
    pub status: Status,
    /// When the line under the name ends; `None`: it does not.
    pub text_until: Option<Millis>,
    /// When the person could last be seen; `None`: never yet.
    pub seen_at: Option<Millis>,
}

impl Standing {
    /// What a friend sees of a person who is connected, or is not: nothing, if the person blocks him.
    #[must_use]
    pub fn seen_by_friend(&self, connected: bool, blocked: bool) -> Presence {
        if blocked { Presence::HIDDEN } else { self.presence(connected) }
    }

    /// What a friend sees whom the person does not block.
    #[must_use]
    pub fn presence(&self, connected: bool) -> Presence {
        let status = self.status.shown(connected);
        Presence { status, last_seen_at: self.seen_at.filter(|_| status == Shown::Offline) }
    }
}

/// Whether somebody is there, as a friend sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// What is shown.
    pub status: Shown,
    /// Of somebody who is offline: when he could last be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Millis>,
}

impl Presence {
    /// What somebody sees whom the person has blocked: nothing.
    pub const HIDDEN: Presence = Presence { status: Shown::Offline, last_seen_at: None };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_invisible_or_not_connected_is_offline() {
        use Status::{Away, Dnd, Invisible, Online};
        for (status, connected) in [(Online, "online"), (Away, "away"), (Dnd, "dnd"), (Invisible, "offline")] {
            assert_eq!(status.shown(true).as_str(), connected);
            assert_eq!(status.shown(false), Shown::Offline);
        }
    }

    #[test]
    fn who_is_invisible_looks_to_the_byte_like_who_is_offline() {
        let seen_at = Some(Millis(1_800_000_000_000));
        let said = |status, connected| {
            serde_json::to_string(&Standing { status, text_until: None, seen_at }.presence(connected)).unwrap()
        };
        let offline = said(Status::Online, false);
        assert_eq!(offline, r#"{"status":"offline","last_seen_at":"2027-01-15T08:00:00.000Z"}"#);
        assert_eq!(said(Status::Invisible, true), offline);
        assert_eq!(said(Status::Invisible, false), offline);
        assert_eq!(said(Status::Away, true), r#"{"status":"away"}"#);
    }
}
