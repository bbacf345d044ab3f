use sha2::{Digest as _, Sha256};

use super::{CaptchaProvider, Challenge, Question};
use crate::error::Result;

/// What every right answer is folded to.
const DONE: &str = "done";
/// The longest answer, in bytes: more than any count needs.
const LONGEST: usize = 32;

/// Work for the machine instead of the eyes, for people who cannot see pictures.
#[derive(Debug, Clone, Copy)]
pub struct ProofOfWork {
    /// How many bits of the hash are to be zero. Each one more doubles the work.
    pub zero_bits: u32,
}

impl Default for ProofOfWork {
    /// About 260,000 hashes: below a second on a telephone.
    fn default() -> Self {
        ProofOfWork { zero_bits: 18 }
    }
}

impl CaptchaProvider for ProofOfWork {
    fn kind(&self) -> &'static str {
        "proof_of_work"
    }

    fn make(&self, nonce: &str) -> Result<Question> {
        let challenge = Challenge { nonce: nonce.into(), zero_bits: self.zero_bits };
        Ok(Question { answer: DONE.into(), image: None, challenge: Some(challenge) })
    }

    fn fold(&self, nonce: &str, answer: &str) -> Option<String> {
        if answer.len() > LONGEST {
            return None;
        }
        let mut hash = Sha256::new();
        for part in [nonce, ":", answer] {
            hash.update(part);
        }
        let bits = leading_zeros(&hash.finalize());
        (bits >= self.zero_bits).then(|| DONE.into())
    }
}

fn leading_zeros(bytes: &[u8]) -> u32 {
    let whole = bytes.iter().take_while(|byte| **byte == 0).count();
    let rest = bytes.get(whole).map_or(0, |byte| byte.leading_zeros());
    u32::try_from(whole).unwrap_or_default() * 8 + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_highest_of_the_first_byte() {
        for (bytes, bits) in [(&[0x80][..], 0), (&[0x01], 7), (&[0, 0x40], 9), (&[0, 0], 16), (&[], 0)] {
            assert_eq!(leading_zeros(bytes), bits, "{bytes:?}");
        }
    }

    #[test]
    fn work_for_one_nonce_is_none_for_another() {
        let work = ProofOfWork { zero_bits: 12 };
        let found: Vec<String> =
            (0..).map(|n: u32| n.to_string()).filter(|n| work.fold("a", n).is_some()).take(3).collect();
        assert!(found.iter().any(|answer| work.fold("b", answer).is_none()), "{found:?}");
        assert_eq!(work.fold("a", &"0".repeat(LONGEST + 1)), None);
    }
}
