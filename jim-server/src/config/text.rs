//! How values are written: lists, empty for none, secrets.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A list, or a text with commas, which is how the environment writes one.
pub(super) fn list<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr,
    T::Err: Display,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        Text(String),
        List(Vec<String>),
    }
    let items = match Raw::deserialize(deserializer)? {
        Raw::Text(text) => text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect(),
        Raw::List(items) => items,
    };
    items.iter().map(|item| item.parse().map_err(D::Error::custom)).collect()
}

/// Empty for none.
pub(super) mod optional {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands out the field")]
    pub(in super::super) fn serialize<T: Display, S: Serializer>(value: &Option<T>, out: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => out.collect_str(value),
            None => out.serialize_str(""),
        }
    }

    pub(in super::super) fn deserialize<'de, T, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = String::deserialize(from)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
    }
}

/// A secret is written as stars.
pub(super) mod secret {
    use jim_core::secret::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(secret: &Secret, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(if secret.expose().is_empty() { "" } else { "***" })
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

/// A URL is written without its password.
pub(super) mod url {
    use jim_core::secret::Secret;
    use serde::Serializer;

    pub(in super::super) use super::secret::deserialize;

    pub(in super::super) fn serialize<S: Serializer>(url: &Secret, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&masked(url.expose()))
    }

    /// Not by a URL parser: a list of hosts, as MongoDB's URLs have, is none to it.
    pub(in super::super) fn masked(url: &str) -> String {
        let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
        // A password may hold a bare slash or question mark; whatever stands before the last @ may belong to it.
        let Some((user_info, rest)) = rest.rsplit_once('@') else { return url.to_owned() };
        match user_info.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***@{rest}"),
            None => url.to_owned(),
        }
    }
}
