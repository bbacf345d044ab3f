//! Passwords are hashed with argon2id (RFC 9106; 19 MiB, two passes, one lane), off the runtime's workers, one at a time
//! on each core that hashes.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash};

use super::cores::Cores;
use crate::error::{Error, Result};
use crate::log::LastWrite;
use crate::secret::{Random, Secret};

/// What is hashed for names that nobody has, so that the answer takes as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(b"nobody", &[0; 16]).unwrap_or_default());

/// Memory that hashes have worked on, kept for those that wait. To get it from the system takes half as long as a hash.
static MEMORY: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Each hash that waits for a core holds it once more.
static WAITING: LazyLock<Arc<()>> = LazyLock::new(Arc::default);

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
    cores: Cores,
}

impl Passwords {
    pub(super) fn new(random: Arc<dyn Random>, last_write: LastWrite) -> Self {
        Passwords { random, cores: Cores::new(last_write) }
    }

    pub(super) async fn hash(&self, password: &Secret) -> Result<String> {
        let salt = self.random.bits();
        let password = password.clone();
        self.work(move || hash(password.expose().as_bytes(), &salt[..16])).await?
    }

    /// Holds a password to a hash, or, for a name that nobody has and for an account without a password, whose hash is
    /// empty, takes as long and says no.
    pub(super) async fn verify(&self, password: &Secret, known: Option<String>) -> Result<Verdict> {
        let password = password.clone();
        self.work(move || {
            let has_password = known.as_ref().is_some_and(|known| !known.is_empty());
            let known = known.filter(|_| has_password).unwrap_or_else(|| NOBODY.clone());
            match is_right(password.expose().as_bytes(), &known).unwrap_or(false) && has_password {
                false => Verdict::Wrong,
                true if is_ours(&known) => Verdict::Right,
                true => Verdict::Old,
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let waits = WAITING.clone();
        let core = self.cores.take().await?;
        let work = move || {
            drop(waits);
            work()
        };
        core.run(work).await
    }
}

fn hash(password: &[u8], salt: &[u8]) -> Result<String> {
    let failed = |_| Error::internal("a password could not be hashed");
    let salt = Salt::new(salt).map_err(|_| Error::internal("a salt has the wrong length"))?;
    let hash = derive(password, salt, Params::default()).map_err(failed)?;
    Ok(hash.to_string())
}

fn is_right(password: &[u8], known: &str) -> password_hash::Result<bool> {
    let known = PasswordHash::new(known)?;
    let salt = known.salt.ok_or(password_hash::Error::SaltInvalid)?;
    // Outputs are compared in constant time.
    Ok(derive(password, salt, Params::try_from(&known)?)?.hash == known.hash)
}

/// Blocks of 1 KiB that are asked for, though fewer are used and so ever touched. The C library's allocator gives a block
/// of more than 32 MiB back when it is freed; one of the 19 that a hash needs it would keep for ever.
const ASKED: usize = 33 * 1024;

fn derive(password: &[u8], salt: Salt, params: Params) -> password_hash::Result<PasswordHash> {
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    let string = ParamsString::try_from(&params)?;
    let blocks = params.block_count();
    let mut memory = kept().pop().unwrap_or_default();
    if memory.len() < blocks {
        memory = Vec::with_capacity(blocks.max(ASKED));
        memory.resize(blocks, Block::default());
    }
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = argon2.hash_password_into_with_memory(password, &salt, &mut output, &mut memory);
    keep(memory);
    hashed?;
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: string,
        salt: Some(salt),
        hash: Some(Output::new(&output)?),
    })
}

fn kept() -> MutexGuard<'static, Vec<Vec<Block>>> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who waits goes on with the memory; a hash that ends when nobody does leaves none.
fn keep(memory: Vec<Block>) {
    let mut kept = kept();
    kept.push(memory);
    if Arc::strong_count(&WAITING) == 1 {
        // Given back to the system without the lock.
        let spare = std::mem::take(&mut *kept);
        drop(kept);
        drop(spare);
    }
}

/// Whether a hash has the parameters that new ones get.
fn is_ours(known: &str) -> bool {
    let parameters = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
    parameters(known) == parameters(&NOBODY)
}
