//! Secrets, tokens and randomness.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRng as _;
use sha2::{Digest as _, Sha256};

/// A text that no log and no debug output may show.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret in.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The secret itself, for those who need it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where randomness comes from.
pub trait Random: Send + Sync {
    /// 256 bits that nobody can guess.
    fn bits(&self) -> [u8; 32];
}

/// The operating system's generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    /// When the operating system has no randomness to give; no token may then be made.
    #[expect(clippy::expect_used, reason = "a predictable token is worse than a stop")]
    fn bits(&self) -> [u8; 32] {
        let mut bits = [0; 32];
        rand::rngs::SysRng.try_fill_bytes(&mut bits).expect("the operating system gives randomness");
        bits
    }
}

/// What a token is good for; its prefix says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens the API.
    Access,
    /// Buys the next pair of tokens.
    Refresh,
    /// Opens one socket.
    Ticket,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            TokenKind::Access => "jima_",
            TokenKind::Refresh => "jimr_",
            TokenKind::Ticket => "jimt_",
        }
    }
}

/// SHA-256 of a token in base64url: what is stored in its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash(pub String);

impl TokenHash {
    /// The hash of a secret that nobody can guess.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        TokenHash(URL_SAFE_NO_PAD.encode(Sha256::digest(secret.expose())))
    }
}

/// An opaque token: a prefix that secret scanners know, 256 bits, and a checksum that refuses typing errors
/// without asking the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(Secret);

impl Token {
    /// Makes a token of 256 bits.
    #[must_use]
    pub fn new(kind: TokenKind, bits: [u8; 32]) -> Self {
        let body = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bits));
        let sum = URL_SAFE_NO_PAD.encode(crc32fast::hash(body.as_bytes()).to_be_bytes());
        Token(Secret::new(body + &sum))
    }

    /// Reads a token of one kind; `None` for anything else.
    #[must_use]
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let plain = text.len() == 54 && text.starts_with(kind.prefix());
        let (body, sum) = plain.then(|| text.split_at_checked(48)).flatten()?;
        let right = URL_SAFE_NO_PAD.encode(crc32fast::hash(body.as_bytes()).to_be_bytes());
        (sum == right).then(|| Token(Secret::new(text)))
    }

    /// What is stored in place of the token.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }

    /// The token itself, for its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The server's own key, for what must be recognised as made here.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// Takes at least 32 bytes.
    #[must_use]
    pub fn new(secret: &Secret) -> Option<Self> {
        let bytes = Some(secret.expose().as_bytes()).filter(|bytes| bytes.len() >= 32)?;
        Hmac::new_from_slice(bytes).ok().map(Key)
    }

    /// HMAC-SHA-256 (RFC 2104) over parts that cannot run into one another.
    #[must_use]
    pub fn sign(&self, parts: &[&str]) -> [u8; 32] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Whether a tag is what [`Key::sign`] makes of the parts, or its first bytes, 16 at least. Takes as long whether it
    /// is or not.
    #[must_use]
    pub fn is_signed(&self, parts: &[&str], tag: &[u8]) -> bool {
        tag.len() >= 16 && self.mac(parts).verify_truncated_left(tag).is_ok()
    }

    fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_one_changed_character_or_of_another_kind_is_none() {
        let token = Token::new(TokenKind::Access, [7; 32]);
        assert_eq!(Token::parse(TokenKind::Access, token.expose()), Some(token.clone()));
        assert_eq!(Token::parse(TokenKind::Refresh, token.expose()), None);
        for at in 0..token.expose().len() {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(Token::parse(TokenKind::Access, &changed), None, "{at}");
        }
        assert_eq!(Token::parse(TokenKind::Access, &"é".repeat(27)), None);
    }

    #[test]
    fn signed_parts_do_not_run_into_one_another() {
        let key = Key::new(&Secret::new("k".repeat(32))).unwrap();
        assert_ne!(key.sign(&["ab", "c"]), key.sign(&["a", "bc"]));
        assert!(Key::new(&Secret::new("short")).is_none());
        let tag = key.sign(&["ab", "c"]);
        assert!(key.is_signed(&["ab", "c"], &tag) && key.is_signed(&["ab", "c"], &tag[..16]));
        assert!(!key.is_signed(&["a", "bc"], &tag) && !key.is_signed(&["ab", "c"], &tag[..15]));
    }

    #[test]
    fn debug_output_hides_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }
}
