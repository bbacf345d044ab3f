//! What people have on their phones.

use jim_core::model::totp::{STEP, TotpKey};
use jim_core::time::{Clock as _, SystemClock};
use serde_json::Value;

/// An authenticator with one key.
pub(crate) struct Authenticator(TotpKey);

impl Authenticator {
    pub(crate) fn new(secret: &Value) -> Self {
        Authenticator(TotpKey::parse(secret.as_str().expect("a key")).expect("a key in base32"))
    }

    /// The step that it is in.
    pub(crate) fn now() -> i64 {
        SystemClock.now().0 / STEP
    }

    /// What it shows in a step.
    pub(crate) fn code(&self, step: i64) -> String {
        self.0.code(step)
    }
}
