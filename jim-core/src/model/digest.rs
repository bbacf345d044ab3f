//! A hash over a room's log, by which two who read it find that they have read the same.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::Entry;

/// The hash of some entries of a room, from one on in their order: each is hashed together with the hash before it.
///
/// What goes in of an entry is its JSON as [`Entry::json`] gives it, to the byte: room, number, kind, time, writer and
/// data, and of what was taken back the stub. It is what everybody in the room may read; what one person hides from
/// himself, and what a store keeps for itself, is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoomDigest([u8; 32]);

impl RoomDigest {
    /// Before the first entry: 32 bytes of zero.
    pub const EMPTY: RoomDigest = RoomDigest([0; 32]);

    /// Goes on by one entry.
    pub fn add(&mut self, entry: &Entry) {
        self.chain(&entry.json());
    }

    /// Goes on by some bytes.
    pub(crate) fn chain(&mut self, bytes: &[u8]) {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(bytes);
        self.0 = hash.finalize().into();
    }
}

impl fmt::Display for RoomDigest {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use serde_json::value::RawValue;

    use super::*;
    use crate::id::{RoomId, Seq, UserId};
    use crate::model::{ClientRef, Kind, Limits};
    use crate::time::Millis;

    /// Digests are kept by clients and compared years later: this one never changes.
    #[test]
    fn the_digest_of_an_entry_is_this_for_ever() {
        let body = RawValue::from_string(r#"{"content":{"kind":"text","text":"é"}}"#.into()).unwrap();
        let entry = Entry {
            room: RoomId::Private(UserId(3), UserId(17)),
            seq: Seq(1),
            ord: 1,
            fence: Seq(0),
            at: Millis(1_800_000_000_000),
            by: UserId(3),
            client_ref: ClientRef::parse("one", &Limits::default()).unwrap(),
            kind: Kind::MESSAGE_SENT,
            digest: None,
            body: Some(body.into()),
            json: OnceLock::new(),
        };
        let mut digest = RoomDigest::EMPTY;
        assert_eq!(digest.to_string(), "0".repeat(64));
        digest.add(&entry);
        assert_eq!(digest.to_string(), "f64c3b5b8da354b8c3ce1ea58968751d0746ea3a592291d5afc1664af10f4eed");
    }
}
