//! Captchas. One is told by its id alone: the id holds a nonce, its end, its kind, a seal over them and the answer, and a
//! seal over all of that. So who only asks for captchas makes the store do nothing; each try to answer spends the nonce.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::Context;
use crate::captcha::{CaptchaProvider, Challenge};
use crate::error::{Code, Error, Result};
use crate::time::Millis;

/// How long a captcha can be answered.
const GOOD_FOR: Duration = Duration::from_mins(3);
/// For how long after that they are remembered all the same: clocks are set back.
const REMEMBER: Duration = Duration::from_hours(1);
/// Bytes of the nonce, of the end, and of each seal.
const PARTS: [usize; 4] = [16, 8, 16, 16];

/// A captcha to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captcha {
    /// Names it.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// What is to be read: a PNG as a data URL.
    pub image: Option<String>,
    /// What is to be computed.
    pub challenge: Option<Challenge>,
    /// Until when it can be answered.
    pub until: Millis,
}

/// An answer to a captcha.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptchaAnswer {
    /// The captcha's id.
    pub id: String,
    /// The answer.
    pub answer: String,
}

/// What an id holds.
struct Id {
    nonce: String,
    until: Millis,
    seal: Vec<u8>,
    answer_seal: Vec<u8>,
    kind: String,
}

impl Id {
    /// Reads an id. Every bit of its text counts.
    fn parse(text: &str) -> Option<Id> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut rest = &bytes[..];
        let [nonce, until, seal, answer_seal] = PARTS.map(|length| rest.split_off(..length).unwrap_or_default());
        Some(Id {
            nonce: URL_SAFE_NO_PAD.encode(nonce),
            until: Millis(i64::from_be_bytes(until.try_into().ok()?)),
            seal: seal.into(),
            answer_seal: answer_seal.into(),
            kind: std::str::from_utf8(rest).ok()?.into(),
        })
    }
}

/// Captchas.
#[derive(Clone)]
pub struct Captchas {
    context: Context,
    providers: Arc<[Arc<dyn CaptchaProvider>]>,
    places: Arc<Semaphore>,
}

impl Captchas {
    pub(crate) fn new(context: Context, providers: Vec<Arc<dyn CaptchaProvider>>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Captchas { context, providers: providers.into(), places: Arc::new(Semaphore::new(cores)) }
    }

    /// The kinds there are; the first is made for who names none.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static str> {
        self.providers.iter().map(|provider| provider.kind()).collect()
    }

    fn provider(&self, kind: &str) -> Option<&Arc<dyn CaptchaProvider>> {
        self.providers.iter().find(|provider| provider.kind() == kind)
    }

    /// Makes a captcha. Nothing is stored of it.
    pub async fn make(&self, kind: Option<&str>) -> Result<Captcha> {
        let provider = kind.map_or(self.providers.first(), |kind| self.provider(kind));
        let unknown = || Error::field("kind", "unknown", format!("one of {}", self.kinds().join(", ")));
        let provider = provider.ok_or_else(unknown)?.clone();
        let (kind, nonce) = (provider.kind(), self.context.random.bits());
        let text = URL_SAFE_NO_PAD.encode(&nonce[..PARTS[0]]);
        let until = self.context.now().plus(GOOD_FOR);
        let place = self.places.clone().acquire_owned().await.map_err(|error| Error::Internal(error.into()))?;
        let work = {
            let text = text.clone();
            move || {
                let _place = place;
                provider.make(&text)
            }
        };
        let question = tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))??;
        let end = until.0.to_string();
        let answer_seal = self.context.key.sign(&["captcha answer", &text, &end, kind, &question.answer]);
        let answer_text = URL_SAFE_NO_PAD.encode(&answer_seal[..PARTS[3]]);
        let seal = self.context.key.sign(&["captcha", &text, &end, kind, &answer_text]);
        let parts =
            [&nonce[..PARTS[0]], &until.0.to_be_bytes(), &seal[..PARTS[2]], &answer_seal[..PARTS[3]], kind.as_bytes()];
        let id = URL_SAFE_NO_PAD.encode(parts.concat());
        Ok(Captcha { id, kind, image: question.image, challenge: question.challenge, until })
    }

    /// Takes an answer, right or wrong: there is one try. What was not made here costs the store nothing.
    pub(super) async fn take(&self, given: &CaptchaAnswer) -> Result<()> {
        let key = &self.context.key;
        let id = Id::parse(&given.id).filter(|id| id.until > self.context.now()).ok_or(Code::CaptchaInvalid)?;
        let end = id.until.0.to_string();
        let answer_text = URL_SAFE_NO_PAD.encode(&id.answer_seal);
        if !key.is_signed(&["captcha", &id.nonce, &end, &id.kind, &answer_text], &id.seal) {
            return Err(Code::CaptchaInvalid.into());
        }
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&id.nonce));
        let mut unit = self.context.write(&[]).await?;
        let is_first = unit.spent().spend(&hash, id.until).await?;
        self.context.logs.finish(unit).await?;
        let answer = given.answer.trim();
        let known = self.context.options.captcha_test_answer.as_ref();
        let is_right = known.is_some_and(|known| known.expose() == answer)
            || self.provider(&id.kind).and_then(|provider| provider.fold(&id.nonce, answer)).is_some_and(|folded| {
                key.is_signed(&["captcha answer", &id.nonce, &end, &id.kind, &folded], &id.answer_seal)
            });
        if is_first && is_right { Ok(()) } else { Err(Code::CaptchaInvalid.into()) }
    }

    /// Forgets what was spent and is over; called now and then.
    pub(crate) async fn sweep(&self) -> Result<()> {
        let mut unit = self.context.write(&[]).await?;
        unit.spent().forget_before(self.context.now().minus(REMEMBER)).await?;
        self.context.logs.finish(unit).await
    }
}
