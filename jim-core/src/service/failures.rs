//! Failed log-ins, counted by account and source together, and by source alone; never by account alone, or anybody could
//! lock anybody out.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::Context;
use super::captchas::{CaptchaAnswer, Captchas};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::model::session::{Source, counted_as};
use crate::model::user::fold;
use crate::repo::{CounterRepo, Noted};

/// A source may fail so many times as often as one account from it, before a captcha is asked for whatever the account:
/// many people may have one address.
const SOURCE: u32 = 10;
/// Who is half in may guess so many times as often as a log-in.
const GUESSES: u32 = 2;

/// Failed log-ins. What is counted lasts `lock_for` from the last failure on.
#[derive(Clone)]
pub(super) struct Failures {
    context: Context,
    captchas: Captchas,
    shared: Option<Arc<dyn CounterRepo>>,
    local: Arc<dyn CounterRepo>,
}

/// A try that was let in. It counts as failed until it is said what became of it.
pub(super) struct Attempt {
    pair: Count,
    source: Count,
    captcha_next: bool,
}

/// What is counted under a key, and what was before.
struct Count {
    key: String,
    before: Noted,
}

impl Failures {
    pub(super) fn new(
        context: Context,
        captchas: Captchas,
        shared: Option<Arc<dyn CounterRepo>>,
        local: Arc<dyn CounterRepo>,
    ) -> Self {
        Failures { context, captchas, shared, local }
    }

    /// Lets a try in, before anything dear is done for it. Of many at once no more come in than one by one.
    pub(super) async fn admit(
        &self,
        username: &str,
        from: &Source,
        captcha: Option<&CaptchaAnswer>,
    ) -> Result<Attempt> {
        let options = &self.context.options;
        let (captcha_after, lock_after) = (options.captcha_after, options.lock_after);
        let of_source = captcha_after.saturating_mul(SOURCE);
        // Hashed: a counter must hold no name, however long.
        let source = counted_as(from.ip);
        let name = URL_SAFE_NO_PAD.encode(Sha256::digest(fold(username)));
        let (pair, source) = (format!("login:{source}:{name}"), format!("login:{source}"));

        let pair = self.count(pair).await;
        if pair.before.count >= lock_after {
            return Err(locked(pair.before));
        }
        let source = self.count(source).await;
        let wanted = pair.before.count >= captcha_after || source.before.count >= of_source;
        match captcha {
            Some(answer) if wanted => self.captchas.take(answer).await?,
            None if wanted => return Err(Code::CaptchaRequired.into()),
            _ => {}
        }
        let (noted, noted_source) = (self.note(&pair.key).await, self.note(&source.key).await);
        let attempt =
            Attempt { pair, source, captcha_next: noted.count >= captcha_after || noted_source.count >= of_source };
        // Others may have come meanwhile.
        let refusal = if noted.count > lock_after {
            Some(locked(noted))
        } else if !wanted && (noted.count > captcha_after || noted_source.count > of_source) {
            Some(Code::CaptchaRequired.into())
        } else {
            None
        };
        match refusal {
            None => Ok(attempt),
            Some(refusal) => {
                self.take_back(&attempt.pair).await;
                self.take_back(&attempt.source).await;
                Err(refusal)
            }
        }
    }

    /// Says what became of a try: only a wrong password leaves its mark, and the right one takes away those before it.
    pub(super) async fn settle<T>(&self, attempt: Attempt, done: Result<T>) -> Result<T> {
        match &done {
            Err(Error::Refused(Code::InvalidCredentials)) => {
                return if attempt.captcha_next { Err(Error::CaptchaNext(Code::InvalidCredentials)) } else { done };
            }
            Ok(_) | Err(Error::Refused(Code::AccountDisabled)) => self.forget(&attempt.pair.key).await,
            Err(_) => self.take_back(&attempt.pair).await,
        }
        self.take_back(&attempt.source).await;
        done
    }

    /// Counts a guess of somebody who is half in already, at what keeps him from the rest: so nobody else can use up what
    /// he has. To be forgotten when it was right.
    pub(super) async fn guess(&self, at: &str, who: UserId) -> Result<String> {
        let most = self.context.options.lock_after.saturating_mul(GUESSES);
        let key = format!("{at}:{who}");
        let guesses = self.count(key).await;
        if guesses.before.count >= most {
            return Err(locked(guesses.before));
        }
        let noted = self.note(&guesses.key).await;
        if noted.count > most {
            self.take_back(&guesses).await;
            return Err(locked(noted));
        }
        Ok(guesses.key)
    }

    // Counters that cannot be reached hinder nobody: this node counts by itself.

    async fn note(&self, key: &str) -> Noted {
        let lasting = self.context.options.lock_for;
        match &self.shared {
            Some(shared) => match shared.note(key, lasting).await {
                Ok(noted) => noted,
                Err(_) => self.local.note(key, lasting).await.unwrap_or_default(),
            },
            None => self.local.note(key, lasting).await.unwrap_or_default(),
        }
    }

    async fn noted(&self, key: &str) -> Noted {
        let shared = match &self.shared {
            Some(shared) => shared.noted(key).await.ok(),
            None => None,
        };
        match shared {
            Some(noted) => noted,
            None => self.local.noted(key).await.unwrap_or_default(),
        }
    }

    async fn count(&self, key: String) -> Count {
        let before = self.noted(&key).await;
        Count { key, before }
    }

    async fn take_back(&self, count: &Count) {
        if let Some(shared) = &self.shared
            && shared.take_back(&count.key, count.before).await.is_ok()
        {
            return;
        }
        let _ = self.local.take_back(&count.key, count.before).await;
    }

    /// Forgets what was counted.
    pub(super) async fn forget(&self, key: &str) {
        if let Some(shared) = &self.shared {
            let _ = shared.forget(key).await;
        }
        let _ = self.local.forget(key).await;
    }
}

fn locked(noted: Noted) -> Error {
    Error::Limited { code: Code::Locked, retry_after: noted.left }
}
