//! Kinds of captcha: questions that one can answer cheaply, and thousands dearly.

#[cfg(feature = "captcha")]
mod picture;
mod work;

#[cfg(feature = "captcha")]
pub use picture::Picture;
pub use work::ProofOfWork;

use crate::error::Result;

/// A kind of captcha. Who asks for one gets an id that seals the answer, so nothing is stored until it is answered.
pub trait CaptchaProvider: Send + Sync {
    /// Its name on the wire, such as `image`.
    fn kind(&self) -> &'static str;
    /// Makes a question; `nonce` is unique to it. May take a while: it is called off the runtime's workers.
    fn make(&self, nonce: &str) -> Result<Question>;
    /// The form in which an answer is compared with the right one; `None` for what cannot be right.
    fn fold(&self, nonce: &str, answer: &str) -> Option<String>;
}

/// A question as its provider makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The right answer, as [`CaptchaProvider::fold`] gives it.
    pub answer: String,
    /// What is to be read: a PNG as a data URL.
    pub image: Option<String>,
    /// What is to be computed.
    pub challenge: Option<Challenge>,
}

/// A piece of work: to find a text so that SHA-256 of `nonce:text` begins with so many zero bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What the hashed text begins with.
    pub nonce: String,
    /// How many bits, from the first byte's highest on.
    pub zero_bits: u32,
}
