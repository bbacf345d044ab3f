//! The password policy: long enough, not common, not the user name. No rule about kinds of characters
//! (NIST SP 800-63B, section 5.1.1.2).

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{Broken, Limits, Username, user::fold};
use crate::secret::Secret;

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// A new password that the policy allows.
#[derive(Debug, Clone)]
pub struct Password(Secret);

impl Password {
    /// Holds a new password to the policy; without a user name, by itself.
    pub fn parse(text: &Secret, username: Option<&Username>, limits: &Limits) -> Result<Self, Broken> {
        let count = text.expose().chars().count();
        if count < limits.password.min as usize {
            return Err(Broken::new("password.too_short", format!("at least {} characters", limits.password.min)));
        }
        if count > limits.password.max as usize {
            return Err(Broken::new("password.too_long", format!("at most {} characters", limits.password.max)));
        }
        let folded = fold(text.expose());
        if username.is_some_and(|name| folded.contains(name.key())) {
            return Err(Broken::new("password.contains_username", "must not contain the user name"));
        }
        if COMMON.contains(folded.as_str()) {
            return Err(Broken::new("password.common", "is one of the most common passwords"));
        }
        Ok(Password(text.clone()))
    }

    /// The password itself, to be hashed.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(password: &str) -> Option<&'static str> {
        let limits = Limits::default();
        let name = Username::parse("Carol", &limits).unwrap();
        Password::parse(&Secret::new(password), Some(&name), &limits).err().map(|broken| broken.code)
    }

    #[test]
    fn each_rule_has_its_name() {
        assert_eq!(rule("1234567"), Some("password.too_short"));
        assert_eq!(rule(&"x".repeat(129)), Some("password.too_long"));
        assert_eq!(rule("password"), Some("password.common"));
        assert_eq!(rule("PassWord"), Some("password.common"));
        assert_eq!(rule("my cAROL 99"), Some("password.contains_username"));
    }

    #[test]
    fn a_long_phrase_with_spaces_is_fine() {
        assert_eq!(rule(&"correct horse ".repeat(9)[..120]), None);
        assert_eq!(rule("еще один пароль"), None);
    }
}
