//! Passwords are hashed with argon2id (RFC 9106; 19 MiB, two passes, one lane), on threads of their own, as many as there
//! are cores.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash};
use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result};
use crate::secret::{Random, Secret};

/// What is hashed for names that nobody has, so that the answer takes as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(b"nobody", &[0; 16], &mut Memory::new()).unwrap_or_default());

/// What a hash works on.
type Memory = Vec<Block>;
type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// How long a thread that has hashed keeps its memory for the next: to get it from the system takes half as long as a
/// hash.
const IDLE: Duration = Duration::from_millis(5);

/// Threads that hash. They stand back behind those who serve, and rest after each hash until somebody who waits for a
/// place has got it: the system then gives their core to whoever has been waiting. Threads that take the next hash
/// from a queue, or that are made for each, keep who writes waiting for longer.
struct Threads {
    jobs: Sender<Job>,
    /// One for each core.
    places: Arc<Semaphore>,
}

static THREADS: LazyLock<Threads> = LazyLock::new(|| {
    let (jobs, waiting) = unbounded();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..cores {
        let waiting = waiting.clone();
        if let Err(error) = std::thread::Builder::new().name("hash".into()).spawn(move || serve(&waiting)) {
            tracing::error!(error.cause = %error, "a thread for hashes was not started");
        }
    }
    Threads { jobs, places: Arc::new(Semaphore::new(cores)) }
});

/// Hashes for ever.
fn serve(jobs: &Receiver<Job>) {
    stand_back();
    let mut memory = Memory::new();
    loop {
        let job = jobs.recv_timeout(IDLE).or_else(|_| {
            memory = Memory::new();
            jobs.recv()
        });
        let Ok(job) = job else { return };
        // Whose answer is dropped by it learns that it went wrong.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
    }
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
        work(move |memory| hash(password.expose().as_bytes(), &salt[..16], memory)).await?
    }

    /// Holds a password to a hash, or, for a name that nobody has and for an account without a password, whose hash is
    /// empty, takes as long and says no.
    pub(super) async fn verify(&self, password: &Secret, known: Option<String>) -> Result<Verdict> {
        let password = password.clone();
        work(move |memory| {
            let has_password = known.as_ref().is_some_and(|known| !known.is_empty());
            let known = known.filter(|_| has_password).unwrap_or_else(|| NOBODY.clone());
            match is_right(password.expose().as_bytes(), &known, memory).unwrap_or(false) && has_password {
                false => Verdict::Wrong,
                true if is_ours(&known) => Verdict::Right,
                true => Verdict::Old,
            }
        })
        .await
    }
}

async fn work<T: Send + 'static>(work: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T> {
    let place = THREADS.places.clone().acquire_owned().await.map_err(|error| Error::Internal(error.into()))?;
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |memory| {
        // The place is the work's: a caller that hangs up does not make room for another.
        let _place = place;
        let _ = answer.send(work(memory));
    });
    THREADS.jobs.send(job).map_err(|_| Error::internal("there is no thread for hashes"))?;
    answered.await.map_err(|error| Error::Internal(error.into()))
}

/// Lets this thread go on when no other has something to do, or nearly so.
fn stand_back() {
    // On Linux the priority of no process in particular is that of the thread that asks (setpriority(2)).
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
}

fn hash(password: &[u8], salt: &[u8], memory: &mut Memory) -> Result<String> {
    let failed = |_| Error::internal("a password could not be hashed");
    let salt = Salt::new(salt).map_err(|_| Error::internal("a salt has the wrong length"))?;
    let hash = derive(password, salt, Params::default(), memory).map_err(failed)?;
    Ok(hash.to_string())
}

fn is_right(password: &[u8], known: &str, memory: &mut Memory) -> password_hash::Result<bool> {
    let known = PasswordHash::new(known)?;
    let salt = known.salt.ok_or(password_hash::Error::SaltInvalid)?;
    // Outputs are compared in constant time.
    Ok(derive(password, salt, Params::try_from(&known)?, memory)?.hash == known.hash)
}

/// Blocks of 1 KiB that are asked for, though fewer are used and so ever touched. The C library's allocator gives a block
/// of more than 32 MiB back when it is freed; one of the 19 that a hash needs it would keep for ever.
const ASKED: usize = 33 * 1024;

fn derive(password: &[u8], salt: Salt, params: Params, memory: &mut Memory) -> password_hash::Result<PasswordHash> {
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    let string = ParamsString::try_from(&params)?;
    let blocks = params.block_count();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    if memory.len() < blocks {
        *memory = Vec::with_capacity(blocks.max(ASKED));
        memory.resize(blocks, Block::default());
    }
    argon2.hash_password_into_with_memory(password, &salt, &mut output, memory)?;
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
