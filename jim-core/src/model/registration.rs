//! Who may register, and when.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Broken;
use crate::time::Millis;

const MINUTES: u16 = 24 * 60;

/// Hours of each day in UTC, such as `08:00-18:00`: from the first minute on, up to the last and without it. Where the
/// end is before the beginning, it is that of the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
}

impl Hours {
    /// Parses hours. Equal ends are refused, because they may mean all of the day or none of it.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        let minute = |time: &str| {
            let (hour, minute) = time.split_once(':').filter(|_| time.len() == 5)?;
            let number = |digits: &str| digits.parse::<u16>().ok().filter(|_| !digits.starts_with('+'));
            let (hour, minute) = (number(hour)?, number(minute)?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let hours = text.split_once('-').and_then(|(from, to)| Some(Hours { from: minute(from)?, to: minute(to)? }));
        hours.filter(|hours| hours.from != hours.to).ok_or_else(|| Broken::new("invalid", "hours such as 08:00-18:00"))
    }

    /// Whether a time is among them.
    #[must_use]
    pub fn contain(&self, now: Millis) -> bool {
        let minute = now.0.div_euclid(60_000).rem_euclid(MINUTES.into());
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hours { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Words", into = "Words")]
pub enum Registration {
    /// Everybody.
    #[default]
    Open,
    /// Nobody.
    Closed,
    /// Everybody at these hours.
    Window(Hours),
}

/// The same in words, on the wire and in storage.
#[derive(Serialize, Deserialize)]
struct Words {
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<String>,
}

impl Registration {
    /// Parses a mode, and the hours that one of them wants and the others do not take.
    pub fn parse(mode: &str, window: Option<&str>) -> Result<Self, (&'static str, Broken)> {
        match (mode, window) {
            ("open", None) => Ok(Registration::Open),
            ("closed", None) => Ok(Registration::Closed),
            ("window", Some(hours)) => Hours::parse(hours).map(Registration::Window).map_err(|error| ("window", error)),
            ("window", None) => Err(("window", Broken::new("required", "hours such as 08:00-18:00"))),
            ("open" | "closed", Some(_)) => Err(("window", Broken::new("conflict", "only with the mode window"))),
            _ => Err(("mode", Broken::new("invalid", "one of: open closed window"))),
        }
    }

    /// The word of the mode.
    #[must_use]
    pub const fn mode(&self) -> &'static str {
        match self {
            Registration::Open => "open",
            Registration::Closed => "closed",
            Registration::Window(_) => "window",
        }
    }

    /// The hours, where they matter.
    #[must_use]
    pub fn window(&self) -> Option<Hours> {
        if let Registration::Window(hours) = self { Some(*hours) } else { None }
    }

    /// Whether people may register by themselves at a time.
    #[must_use]
    pub fn is_open(&self, now: Millis) -> bool {
        match self {
            Registration::Open => true,
            Registration::Closed => false,
            Registration::Window(hours) => hours.contain(now),
        }
    }
}

impl From<Registration> for Words {
    fn from(registration: Registration) -> Self {
        Words { mode: registration.mode().into(), window: registration.window().map(|hours| hours.to_string()) }
    }
}

impl TryFrom<Words> for Registration {
    type Error = String;

    fn try_from(words: Words) -> Result<Self, String> {
        Registration::parse(&words.mode, words.window.as_deref()).map_err(|(_, error)| error.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64, minute: i64) -> Millis {
        Millis(((20_000 * 24 + hour) * 60 + minute) * 60_000)
    }

    #[test]
    fn hours_hold_their_first_minute_and_not_their_last() {
        let day = Hours::parse("08:00-18:30").unwrap();
        for (hour, minute, inside) in [(7, 59, false), (8, 0, true), (18, 29, true), (18, 30, false), (0, 0, false)] {
            assert_eq!(day.contain(at(hour, minute)), inside, "{hour}:{minute}");
        }
    }

    #[test]
    fn hours_over_midnight_are_of_both_days() {
        let night = Hours::parse("22:00-06:00").unwrap();
        for (hour, inside) in [(21, false), (22, true), (23, true), (0, true), (5, true), (6, false), (12, false)] {
            assert_eq!(night.contain(at(hour, 0)), inside, "{hour}");
        }
        assert!(night.contain(Millis(-1)), "before 1970 too it is the last minute of a day");
    }

    #[test]
    fn what_are_no_hours_is_refused() {
        for bad in
            ["", "08:00", "8:00-18:00", "08:00-24:00", "08:60-18:00", "08:00-08:00", "+8:00-18:00", "08:00-18:00 "]
        {
            assert!(Hours::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Hours::parse("08:05-18:00").unwrap().to_string(), "08:05-18:00");
    }

    #[test]
    fn a_registration_is_read_back_as_it_was_written() {
        for (mode, window) in [("open", None), ("closed", None), ("window", Some("22:00-06:00"))] {
            let registration = Registration::parse(mode, window).unwrap();
            let text = serde_json::to_string(&registration).unwrap();
            assert_eq!(serde_json::from_str::<Registration>(&text).unwrap(), registration, "{text}");
        }
        for (mode, window, field) in [
            ("window", None, "window"),
            ("open", Some("08:00-18:00"), "window"),
            ("window", Some("never"), "window"),
            ("ajar", None, "mode"),
        ] {
            assert_eq!(Registration::parse(mode, window).unwrap_err().0, field);
        }
    }
}
