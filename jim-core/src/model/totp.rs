//! Codes that an authenticator shows and that change every thirty seconds (RFC 6238).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::secret::Secret;
use crate::time::Millis;

/// How long a code is shown, in milliseconds: a step.
pub const STEP: i64 = 30_000;
/// How many steps the clock of the authenticator may be wrong, either way.
const DRIFT: i64 = 1;
/// Signs of base32 (RFC 4648, section 6), in which authenticators take a key.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an authenticator and the server share: 160 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpKey([u8; 20]);

impl TotpKey {
    /// Makes a key of random bits.
    #[must_use]
    pub fn new(bits: [u8; 32]) -> Self {
        let mut key = [0; 20];
        key.copy_from_slice(&bits[..20]);
        TotpKey(key)
    }

    /// In base32, as people type it into an authenticator.
    #[must_use]
    pub fn text(&self) -> Secret {
        let sign = |five: &[u8]| {
            let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            (0..8).rev().map(move |at| char::from(BASE32[usize::try_from(bits >> (at * 5) & 31).unwrap_or_default()]))
        };
        Secret::new(self.0.chunks_exact(5).flat_map(sign).collect::<String>())
    }

    /// Reads what [`TotpKey::text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = Vec::with_capacity(20);
        for eight in text.as_bytes().chunks(8) {
            let mut bits = 0_u64;
            for sign in eight {
                bits = bits << 5 | BASE32.iter().position(|known| known == sign)? as u64;
            }
            key.extend_from_slice(&bits.to_be_bytes()[3..]);
        }
        key.try_into().ok().filter(|_| text.len() == 32).map(TotpKey)
    }

    /// What an authenticator takes from a picture: the key, and whose it is.
    #[must_use]
    pub fn uri(&self, username: &str) -> Secret {
        let escaped = |byte: u8| match char::from(byte) {
            plain if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => plain.to_string(),
            _ => format!("%{byte:02X}"),
        };
        let name: String = username.bytes().map(escaped).collect();
        Secret::new(format!("otpauth://totp/Jim:{name}?secret={}&issuer=Jim", self.text().expose()))
    }

    /// The step in which an authenticator shows this code about now; `None` for any other code.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Millis) -> Option<i64> {
        let now = now.0.div_euclid(STEP);
        (now - DRIFT..=now + DRIFT).find(|step| self.code(*step) == code)
    }

    /// What an authenticator shows in a step.
    #[must_use]
    pub fn code(&self, step: i64) -> String {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.0) else { return String::new() };
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        // Dynamic truncation (RFC 4226, section 5.3).
        let at = usize::from(hash[19] & 15);
        let number = hash[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TotpKey {
        TotpKey(*b"12345678901234567890")
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // The last six of the eight digits of RFC 6238, appendix B.
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(key().step_of(code, Millis(seconds * 1000)), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_in_its_step_and_one_beside_it() {
        // It is shown from the 30th second on.
        let taken = |seconds: i64| key().step_of("287082", Millis(seconds * 1000)).is_some();
        assert_eq!([0, 29, 30, 59, 60, 89, 90].map(taken), [true, true, true, true, true, true, false]);
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        assert_eq!(key().text().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(TotpKey::parse(key().text().expose()) == Some(key()));
        for bad in ["", "GEZDGNBVGY3TQOJQ", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", "gezdgnbvgy3tqojqgezdgnbvgy3tqojq"] {
            assert!(TotpKey::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_uri_names_the_owner_whatever_the_name_is() {
        let uri = key().uri("张 a&b=c");
        let expected = "otpauth://totp/Jim:%E5%BC%A0%20a%26b%3Dc?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Jim";
        assert_eq!(uri.expose(), expected);
    }
}
