//! Passwords are hashed with argon2id (RFC 9106; 19 MiB, two passes, one lane), on threads of their own, as many as there
//! are cores.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Error, Result};
use crate::secret::{Random, Secret};

/// What is hashed for names that nobody has, so that the answer takes as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(b"nobody", &[0; 16]).unwrap_or_default());

/// How long a thread waits for another hash. While it does, it keeps its memory.
const IDLE: Duration = Duration::from_millis(1);

/// The threads. They stay while there is something to hash, and stand back behind those who serve: who writes is not to
/// feel who logs in, and the system lets a thread that is new or that has just changed its priority go on for a while.
static THREADS: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = Builder::new_current_thread();
    builder.thread_name("hash").max_blocking_threads(cores).thread_keep_alive(IDLE).on_thread_start(stand_back).build()
});

thread_local! {
    /// What the hashes of a thread work on. To get it from the system takes half as long as a hash.
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

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
}

impl Passwords {
    pub(super) fn new(random: Arc<dyn Random>) -> Self {
        Passwords { random }
    }

    pub(super) async fn hash(&self, password: &Secret) -> Result<String> {
        let salt = self.random.bits();
        let password = password.clone();
        work(move || hash(password.expose().as_bytes(), &salt[..16])).await?
    }

    /// Holds a password to a hash, or, for a name that nobody has and for an account without a password, whose hash is
    /// empty, takes as long and says no.
    pub(super) async fn verify(&self, password: &Secret, known: Option<String>) -> Result<Verdict> {
        let password = password.clone();
        work(move || {
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
}

async fn work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let threads = THREADS.as_ref().map_err(|error| Error::Internal(error.to_string().into()))?;
    // Who hangs up before his turn gives it to others.
    AbortOnDropHandle::new(threads.spawn_blocking(work)).await.map_err(|error| Error::Internal(error.into()))
}

/// Lets this thread go on when no other has something to do, or nearly so.
fn stand_back() {
    // On Linux the priority of no process in particular is that of the thread that asks (setpriority(2)).
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
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
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = MEMORY.with_borrow_mut(|memory| {
        if memory.len() < blocks {
            *memory = Vec::with_capacity(blocks.max(ASKED));
            memory.resize(blocks, Block::default());
        }
        argon2.hash_password_into_with_memory(password, &salt, &mut output, memory)
    });
    hashed?;
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: string,
        salt: Some(salt),
        hash: Some(Output::new(&output)?),
    })
}

/// Whether a hash has the parameters that new ones get.
fn is_ours(known: &str) -> bool {
    let parameters = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
    parameters(known) == parameters(&NOBODY)
}
