//! Codes that people type: made of signs that no one takes for another.

use crate::secret::Secret;

/// What codes are made of: of signs that look alike, such as 0 and O, 5 and S, none stands here.
const SIGNS: &[u8; 25] = b"34679ACDEFGHJKMNPQRTUVWXY";
/// The most signs that 256 bits are enough for.
pub const LONGEST: usize = 16;

/// What a code that was sent by mail is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Shows that an address is one's own.
    Email,
    /// Stands for a forgotten password.
    Recovery,
}

impl Purpose {
    /// Its name in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::Email => "email",
            Purpose::Recovery => "recovery",
        }
    }

    /// The purpose of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Purpose::Email, Purpose::Recovery].into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// Spells random bits as a code of at most [`LONGEST`] signs.
#[must_use]
pub fn spell(bits: [u8; 32], signs: usize) -> Secret {
    // Two bytes for each sign: how often one comes differs by less than one in two thousand.
    let pairs = bits.chunks_exact(2).take(signs);
    let sign = |pair: &[u8]| char::from(SIGNS[usize::from(u16::from_be_bytes([pair[0], pair[1]])) % SIGNS.len()]);
    Secret::new(pairs.map(sign).collect::<String>())
}

/// What somebody typed for a code: without the spaces and hyphens that group it, in capitals.
#[must_use]
pub fn read(typed: &str) -> Secret {
    let signs = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
    Secret::new(signs.map(|c| c.to_ascii_uppercase()).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Random as _, SystemRandom};

    #[test]
    fn a_code_is_long_enough_and_none_of_its_signs_looks_like_another() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let code = spell(SystemRandom.bits(), 16);
            assert_eq!(code.expose().len(), 16);
            seen.extend(code.expose().chars());
        }
        assert_eq!(seen.into_iter().collect::<String>().as_bytes(), SIGNS);
        for look_alikes in ["0OQ", "1IL", "2Z", "5S", "8B"] {
            let there = look_alikes.bytes().filter(|sign| SIGNS.contains(sign)).count();
            assert!(there <= 1, "{look_alikes}");
        }
    }

    #[test]
    fn a_code_is_read_however_it_is_grouped() {
        assert_eq!(read(" abcd-EFGH ").expose(), "ABCDEFGH");
        assert_eq!(read("AB CD\u{a0}EF GH\n").expose(), "ABCDEFGH");
    }

    #[test]
    fn a_purpose_is_known_by_its_name() {
        for purpose in [Purpose::Email, Purpose::Recovery] {
            assert_eq!(Purpose::of(purpose.as_str()), Some(purpose));
        }
        assert_eq!(Purpose::of("other"), None);
    }
}
