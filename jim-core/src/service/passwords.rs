//! Passwords are hashed with argon2id (RFC 9106; 19 MiB, two passes, one lane), off the runtime's workers, as many at
//! a time as there are cores.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::secret::{Random, Secret};

/// What is hashed for names that nobody has, so that the answer takes as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(b"nobody", &[0; 16]).unwrap_or_default());

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    /// Right, and hashed with parameters that are no longer ours.
    Old,
    Wrong,
}

#[derive(Clone)]
pub(super) struct Passwords {
    random: Arc<dyn Random>,
    places: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new(random: Arc<dyn Random>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Passwords { random, places: Arc::new(Semaphore::new(cores)) }
    }

    pub(super) async fn hash(&self, password: &Secret) -> Result<String> {
        let salt = self.random.bits();
        let password = password.clone();
        self.work(move || hash(password.expose().as_bytes(), &salt[..16])).await?
    }

    /// Holds a password to a hash, or, for a name that nobody has, takes as long and says no.
    pub(super) async fn verify(&self, password: &Secret, known: Option<String>) -> Result<Verdict> {
        let password = password.clone();
        self.work(move || {
            let known = known.unwrap_or_else(|| NOBODY.clone());
            let right = Argon2::default().verify_password(password.expose().as_bytes(), known.as_str()).is_ok();
            match right {
                false => Verdict::Wrong,
                true if is_ours(&known) => Verdict::Right,
                true => Verdict::Old,
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = self.places.clone().acquire_owned().await.map_err(|error| Error::Internal(error.into()))?;
        // The place is the work's: a caller that hangs up does not make room for another.
        let work = move || {
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
    }
}

fn hash(password: &[u8], salt: &[u8]) -> Result<String> {
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password, salt)
        .map_err(|_| Error::internal("a password could not be hashed"))?;
    Ok(hash.to_string())
}

/// Whether a hash has the parameters that new ones get.
fn is_ours(known: &str) -> bool {
    let parameters = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
    parameters(known) == parameters(&NOBODY)
}
