//! Accounts and what others see of them.

use chrono::NaiveDate;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::presence::Standing;
use super::{Broken, Limits, Status, text};
use crate::id::UserId;
use crate::model::limits::Range;
use crate::time::Millis;

/// The form under which names are compared: NFKC, case folded, NFKC again (Unicode Technical Report 36).
#[must_use]
pub fn fold(text: &str) -> String {
    caseless::default_case_fold_str(&text.nfkc().collect::<String>()).nfkc().collect()
}

/// The name an account logs in with: letters, digits and `._-`; unique in its folded form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    text: String,
    key: String,
}

impl Username {
    /// Parses a user name.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Broken> {
        text::length(text, limits.username)?;
        let key = fold(text);
        let plain = |name: &str| name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
        if !plain(text) || !plain(&key) {
            return Err(Broken::new("invalid", "letters, digits, dots, underscores and hyphens only"));
        }
        text::length(&key, Range { min: 1, max: 64 })?;
        Ok(Username { text: text.into(), key })
    }

    /// A name that an account has, under whatever limits it was given.
    pub(crate) fn stored(text: &str) -> Self {
        Username { text: text.into(), key: fold(text) }
    }

    /// As its owner wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The folded form under which it is unique.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// The name that others see; not unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nickname(String);

impl Nickname {
    /// Parses a nickname.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Broken> {
        text::line(text, limits.nickname).map(Nickname)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folded form under which it is searched.
    #[must_use]
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

impl From<&Username> for Nickname {
    fn from(name: &Username) -> Self {
        Nickname(name.as_str().into())
    }
}

/// A line under one's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusText(pub(crate) String);

impl StatusText {
    /// Parses a status text.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Broken> {
        text::line(text, Range { min: 1, max: limits.status_text }).map(StatusText)
    }
}

/// When a line under one's name ends: a time to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEnd(pub(crate) Millis);

impl TextEnd {
    /// Parses a time as in RFC 3339.
    pub fn parse(text: &str, now: Millis) -> Result<Self, Broken> {
        let end: Millis = text.parse().map_err(|_| Broken::new("invalid", "a time as in RFC 3339"))?;
        if end <= now {
            return Err(Broken::new("in_the_past", "a time to come"));
        }
        Ok(TextEnd(end))
    }
}

/// A day of birth between 1900 and today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BirthDate(pub(crate) NaiveDate);

impl BirthDate {
    /// Parses `YYYY-MM-DD`.
    pub fn parse(text: &str, now: Millis) -> Result<Self, Broken> {
        let wrong = |detail| Broken::new("invalid", detail);
        if text.len() != 10 {
            return Err(wrong("a date as YYYY-MM-DD"));
        }
        let date: NaiveDate = text.parse().map_err(|_| wrong("a date as YYYY-MM-DD"))?;
        // A day more than now: somewhere it is tomorrow already.
        let latest = now.plus(std::time::Duration::from_hours(24)).to_utc().date_naive();
        let earliest = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default();
        if date < earliest || date > latest {
            return Err(wrong("between 1900-01-01 and today"));
        }
        Ok(BirthDate(date))
    }
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// In use.
    Active,
    /// Switched off by an administrator.
    Disabled,
    /// Gone for good; only its id is left.
    Deleted,
}

impl UserState {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            UserState::Active => "active",
            UserState::Disabled => "disabled",
            UserState::Deleted => "deleted",
        }
    }
}

/// What an account may do on the whole server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRole {
    /// What everybody may.
    #[default]
    User,
    /// Runs the server: moderates the world channel.
    Admin,
}

impl AccountRole {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AccountRole::User => "user",
            AccountRole::Admin => "admin",
        }
    }
}

/// An account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// As its owner wrote it.
    pub username: String,
    /// What others see.
    pub nickname: String,
    /// `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// A line under the name; it may have ended, see [`User::current`].
    pub status_text: Option<String>,
    /// What is kept of the person's being there.
    pub standing: Standing,
    /// Whether it can be used.
    pub state: UserState,
    /// What it may do on the whole server.
    pub role: AccountRole,
    /// Since when it exists.
    pub created_at: Millis,
}

impl User {
    /// Whether its owner runs the server.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == AccountRole::Admin && self.state == UserState::Active
    }

    /// The account as it is at a time: a line under the name that has ended is not there any more.
    #[must_use]
    pub fn current(mut self, now: Millis) -> User {
        if self.standing.text_until.is_some_and(|until| until <= now) {
            self.status_text = None;
        }
        if self.status_text.is_none() {
            self.standing.text_until = None;
        }
        self
    }

    /// What others see of this account, as it is at a time.
    #[must_use]
    pub fn card(&self, now: Millis) -> UserCard {
        let current = self.clone().current(now);
        UserCard {
            id: current.id,
            nickname: current.nickname,
            status_text: current.status_text,
            status_text_until: current.standing.text_until,
            deleted: current.state == UserState::Deleted,
        }
    }
}

/// What its owner sees of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Me {
    /// Id.
    pub id: UserId,
    /// User name.
    pub username: String,
    /// Nickname.
    pub nickname: String,
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<String>,
    /// Chosen presence.
    pub status: Status,
    /// A line under the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_text: Option<String>,
    /// When that line ends; absent: it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_text_until: Option<Millis>,
    /// The address that is bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether a log-in wants a code of a second factor; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub totp: bool,
    /// `user` or `admin`.
    pub role: AccountRole,
    /// Since when the account exists.
    pub created_at: Millis,
}

impl Me {
    /// An account as it is at a time.
    #[must_use]
    pub fn of(user: User, now: Millis) -> Self {
        let user = user.current(now);
        Me {
            id: user.id,
            username: user.username,
            nickname: user.nickname,
            birth_date: user.birth_date,
            status: user.standing.status,
            status_text: user.status_text,
            status_text_until: user.standing.text_until,
            email: None,
            totp: false,
            role: user.role,
            created_at: user.created_at,
        }
    }
}

/// What others see of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserCard {
    /// Id.
    pub id: UserId,
    /// Nickname; empty where the account is gone.
    pub nickname: String,
    /// A line under the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_text: Option<String>,
    /// When that line ends; absent: it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_text_until: Option<Millis>,
    /// The account is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// What to do with a field that can be absent: keep it, clear it, or set it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Remove its value.
    Clear,
    /// Give it this value.
    Set(T),
}

impl<T> Change<T> {
    /// The same of what a value is made into.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(value) => Change::Set(make(value)),
        }
    }

    /// Does it to a field.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Change::Keep => {}
            Change::Clear => *field = None,
            Change::Set(value) => *field = Some(value),
        }
    }
}

/// A change of one's own profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileChange {
    /// Nickname; `None` keeps it. It cannot be cleared.
    pub nickname: Option<Nickname>,
    /// Day of birth.
    pub birth_date: Change<BirthDate>,
    /// Line under the name.
    pub status_text: Change<StatusText>,
    /// When that line ends.
    pub status_text_until: Change<TextEnd>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_share_a_key() {
        let limits = Limits::default();
        let key = |text| Username::parse(text, &limits).unwrap().key().to_owned();
        assert_eq!(key("Ann"), key("ANN"));
        assert_eq!(key("ａｎｎ"), key("ann"));
        assert_eq!(key("straße"), key("STRASSE"));
        assert_ne!(key("ann"), key("anne"));
    }

    #[test]
    fn a_username_is_held_to_its_length_and_alphabet() {
        let limits = Limits::default();
        let max = "a".repeat(32);
        for good in ["abc", "a.b", "a_b-c", "张三丰", max.as_str()] {
            assert!(Username::parse(good, &limits).is_ok(), "{good}");
        }
        let long = "a".repeat(33);
        for bad in ["ab", long.as_str(), "a b", "a@b", "a/b", "", "abc\0", "ab\u{202e}c", "😀😀😀"] {
            assert!(Username::parse(bad, &limits).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_under_a_name_ends_at_its_time() {
        let mut user = User {
            id: UserId(1),
            username: "ann".into(),
            nickname: "Ann".into(),
            birth_date: None,
            status_text: Some("out".into()),
            standing: Standing { text_until: Some(Millis(10)), ..Standing::default() },
            state: UserState::Active,
            role: AccountRole::User,
            created_at: Millis(0),
        };
        let seen = |user: &User, now| (user.card(Millis(now)).status_text, user.card(Millis(now)).status_text_until);
        assert_eq!(seen(&user, 9), (Some("out".into()), Some(Millis(10))));
        assert_eq!(seen(&user, 10), (None, None));
        user.standing.text_until = None;
        assert_eq!(seen(&user, i64::MAX), (Some("out".into()), None));
        let now = Millis(1_800_000_000_000);
        for (text, good) in [
            ("2027-01-15T08:00:00.001Z", true),
            ("2027-01-15T09:00:01+01:00", true),
            ("2027-01-15T08:00:00Z", false),
            ("soon", false),
            ("2027-01-16", false),
        ] {
            assert_eq!(TextEnd::parse(text, now).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_birth_date_is_a_day_between_1900_and_tomorrow() {
        let now = Millis(1_800_000_000_000);
        for good in ["1900-01-01", "2000-02-29", "2027-01-16"] {
            assert!(BirthDate::parse(good, now).is_ok(), "{good}");
        }
        for bad in ["1899-12-31", "2027-01-17", "2001-02-29", "2000-2-9", "", "tomorrow", "2000-01-01T00:00:00Z"] {
            assert!(BirthDate::parse(bad, now).is_err(), "{bad}");
        }
    }
}
