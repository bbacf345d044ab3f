//! Pages of lists.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Code, Error, Result};
use crate::id::Seq;
use crate::secret::Key;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The things of this page, in the order of the list.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<String>,
    /// The number of the caller's own log that this page includes.
    pub log: Seq,
}

impl<T> Page<T> {
    /// The same page of other things.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next, log: self.log }
    }
}

/// Makes and reads the cursors of one list: the position where a page ended, signed together with the list's
/// name, so that no cursor fits another list, person or server.
pub struct Cursors<'a> {
    key: &'a Key,
    list: String,
}

impl<'a> Cursors<'a> {
    /// Cursors of the list of this name.
    #[must_use]
    pub fn new(key: &'a Key, list: impl Into<String>) -> Self {
        Cursors { key, list: list.into() }
    }

    /// The cursor that stands for a position.
    #[must_use]
    pub fn make(&self, position: &str) -> String {
        let mut bytes = self.key.sign(&["cursor", &self.list, position])[..12].to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position that a cursor stands for; no cursor is the list's beginning.
    pub fn read<T: FromStr>(&self, cursor: Option<&str>) -> Result<Option<T>> {
        let Some(cursor) = cursor else { return Ok(None) };
        let position = || {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
            let (sum, position) = bytes.split_at_checked(12)?;
            let position = std::str::from_utf8(position).ok()?;
            (self.key.sign(&["cursor", &self.list, position])[..12] == *sum).then(|| position.parse().ok())?
        };
        position().map(Some).ok_or(Error::Refused(Code::CursorInvalid))
    }

    /// A page of at most `limit` things out of one more than that, which was asked for to see whether there is a
    /// next page.
    pub fn page<T>(&self, mut items: Vec<T>, limit: u16, log: Seq, position: impl Fn(&T) -> String) -> Page<T> {
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next = items.last().filter(|_| more).map(|last| self.make(&position(last)));
        Page { items, next, log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_cursor_fits_only_the_list_it_was_made_for() {
        let key = Key::new(&Secret::new("k".repeat(32))).unwrap();
        let cursor = Cursors::new(&key, "friends:3").make("17");
        assert_eq!(Cursors::new(&key, "friends:3").read::<i64>(Some(&cursor)).unwrap(), Some(17));
        for other in ["friends:4", "blocks:3"] {
            assert!(Cursors::new(&key, other).read::<i64>(Some(&cursor)).is_err());
        }
        for bad in ["", "AAAA", "!", "é", &cursor[1..]] {
            assert!(Cursors::new(&key, "friends:3").read::<i64>(Some(bad)).is_err());
        }
    }
}
