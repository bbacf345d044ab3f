//! Addresses of mail.

use std::fmt;

use email_address::{EmailAddress, Options};

use super::Broken;
use super::user::fold;

/// The longest address that fits into a command of SMTP (RFC 5321, section 4.5.3.1.3, without the brackets).
const LONGEST: usize = 254;

/// One address: no display name, no list, nothing that could end a line of a mail's head. Unique in its folded form.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    key: String,
}

impl Email {
    /// Parses an address.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        const OPTIONS: Options =
            Options { minimum_sub_domains: 2, allow_domain_literal: false, allow_display_text: false };
        // What else may stand in an address are signs of quoting, comments and lists, which no mailbox of a person
        // needs, and letters that not every mail server takes.
        let plain =
            text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&b));
        let domain = text.rsplit('@').next().unwrap_or_default();
        // As hosts of mail are called: what else the syntax takes is nobody's (RFC 5321, section 2.3.5).
        let is_host = domain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
            && domain.rsplit('.').next().is_some_and(|last| last.bytes().any(|b| b.is_ascii_alphabetic()));
        if !plain || !is_host || EmailAddress::parse_with_options(text, OPTIONS).is_err() {
            return Err(Broken::new("invalid", "one address such as ann@example.org"));
        }
        Ok(Email { text: text.into(), key: fold(text) })
    }

    /// An address that was taken before, by whatever rules; for storage.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Email { text: text.into(), key: fold(text) }
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

impl fmt::Debug for Email {
    /// No log is to show an address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_plain_address_and_nothing_more() {
        let long = format!("{}@{}.org", "a".repeat(64), "b".repeat(60));
        for good in ["ann@example.org", "Ann.B+tag@mail.example.org", "a_b-c@x-y.example", "o'neill@example.org", &long]
        {
            assert_eq!(Email::parse(good).map(|email| email.as_str().to_owned()), Ok(good.to_owned()));
        }
        let longest = format!("{}@{}.org", "a".repeat(64), [&*"b".repeat(60); 4].join("."));
        for bad in [
            "",
            "ann",
            "ann@b.c?subject=x",
            "ann@b.c/x",
            "ann@b_c.example",
            "ann@b.1",
            "ann@192.0.2.1",
            "@example.org",
            "ann@",
            "ann@localhost",
            "ann@@example.org",
            "ann@[192.0.2.1]",
            "ann@example.org ",
            " ann@example.org",
            "ann@example.org\r\nBcc: ben@example.org",
            "ann@example.org\n",
            "ann@example.org,ben@example.org",
            "ann@example.org;ben@example.org",
            "ann@example.org ben@example.org",
            "Ann <ann@example.org>",
            "<ann@example.org>",
            "\"ann b\"@example.org",
            "ann(comment)@example.org",
            "ann@example..org",
            ".ann@example.org",
            "ann.@example.org",
            "änn@example.org",
            "ann@exämple.org",
            "ann\0@example.org",
            &longest,
        ] {
            assert_eq!(Email::parse(bad).map_err(|broken| broken.code), Err("invalid"), "{bad:?}");
        }
    }

    #[test]
    fn addresses_that_differ_in_case_alone_are_one() {
        let key = |text| Email::parse(text).unwrap().key().to_owned();
        assert_eq!(key("Ann@Example.ORG"), key("ann@example.org"));
        assert_ne!(key("ann@example.org"), key("anne@example.org"));
    }
}
