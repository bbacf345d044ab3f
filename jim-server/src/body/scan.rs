//! One pass over a JSON text that finds what serde lets through: a key twice in an object, and endless nesting.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::problem::ApiError;
use crate::problem::table::http;

/// Why a text is not taken as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is no JSON from this place on, both counted from 1.
    Syntax {
        /// Line.
        line: usize,
        /// Column, in bytes.
        column: usize,
    },
    /// An object has a key twice.
    TwinKey,
    /// It nests too deep.
    TooDeep,
}

impl Fault {
    /// 400 `request.malformed` that says what is wrong.
    pub(super) fn refused(self) -> ApiError {
        let error = ApiError::new(http::MALFORMED);
        match self {
            Fault::Syntax { line, column } => error.detail(
                format!("The body is not JSON (line {line}, column {column})."),
                format!("请求体不是有效的 JSON（第 {line} 行，第 {column} 列）。"),
            ),
            Fault::TwinKey => error.detail("An object of the body has a key twice.", "请求体中存在重复的键。"),
            Fault::TooDeep => error.detail("The body nests too deep.", "请求体嵌套过深。"),
        }
    }
}

/// Takes a text that is one JSON value, has no key twice in an object, and nests at most `depth` deep.
pub fn scan(text: &str, depth: usize) -> Result<(), Fault> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut found = Found { keys: Vec::new(), fault: None };
    let ended = Value { found: &mut found, depth }.deserialize(&mut json).and_then(|()| json.end());
    ended.map_err(|error| found.fault.unwrap_or(Fault::Syntax { line: error.line(), column: error.column() }))
}

struct Found<'de> {
    /// Keys of the objects that are open, the innermost last: one list for all of them.
    keys: Vec<Cow<'de, str>>,
    fault: Option<Fault>,
}

struct Value<'f, 'de> {
    found: &'f mut Found<'de>,
    /// How many more levels may open.
    depth: usize,
}

impl Value<'_, '_> {
    fn fail<E: serde::de::Error>(&mut self, fault: Fault) -> E {
        self.found.fault = Some(fault);
        E::custom("")
    }

    fn inner<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        self.depth.checked_sub(1).ok_or_else(|| self.fail(Fault::TooDeep))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let depth = self.inner()?;
        while items.next_element_seed(Value { found: self.found, depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let depth = self.inner()?;
        let start = self.found.keys.len();
        while let Some(Key(key)) = entries.next_key_seed(KeySeed)? {
            self.found.keys.push(key);
            entries.next_value_seed(Value { found: self.found, depth })?;
        }
        let keys = &mut self.found.keys[start..];
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.fail(Fault::TwinKey));
        }
        self.found.keys.truncate(start);
        Ok(())
    }
}

/// A key, borrowed from the text unless it is written with escapes.
struct Key<'de>(Cow<'de, str>);

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_passes() {
        for text in [
            "{}",
            " [ ] ",
            "null",
            r#"{"a":1,"b":{"a":1,"b":[{"a":-1.5e3},{"a":"\u00e9"}]},"c":true}"#,
            r#"{"":0," ":0}"#,
        ] {
            assert_eq!(scan(text, 8), Ok(()), "{text}");
        }
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(scan(&deep(32), 32), Ok(()));
        assert_eq!(scan(&deep(33), 32), Err(Fault::TooDeep));
        assert_eq!(scan(&"[".repeat(60_000), 32), Err(Fault::TooDeep));
        assert_eq!(scan(&r#"{"a":"#.repeat(33), 32), Err(Fault::TooDeep));
    }

    #[test]
    fn a_key_twice_is_found_however_it_is_written() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"\u0061":3}"#,
            r#"{"x":{"y":[{"a":1,"b":1,"a":1}]}}"#,
            r#"{"a":{"b":1},"c":1,"a":{"b":1}}"#,
        ] {
            assert_eq!(scan(text, 8), Err(Fault::TwinKey), "{text}");
        }
        let many: Vec<String> = (0..20_000).map(|n| format!("\"{n}\":0")).collect();
        assert_eq!(scan(&format!("{{{}}}", many.join(",")), 8), Ok(()));
        assert_eq!(scan(&format!("{{{},\"7\":0}}", many.join(",")), 8), Err(Fault::TwinKey));
    }

    #[test]
    fn what_is_no_json_is_told_where() {
        assert_eq!(scan("{\n  \"a\": tru}", 8), Err(Fault::Syntax { line: 2, column: 11 }));
        for text in
            ["", " ", "{", "{}x", "{} {}", "[1,]", "{\"a\" 1}", "'a'", "nan", "01", "\"\u{1}\"", "\"\\ud800\"", "1e999"]
        {
            assert!(matches!(scan(text, 8), Err(Fault::Syntax { .. })), "{text}");
        }
    }
}
