//! Which cores hash. A hash keeps one busy for some milliseconds, and whatever its priority, the kernel may let a thread
//! that serves wait behind it for several of its ticks. So half of the cores are the hashes' own, and the others are lent
//! to them while nobody writes (ADR 0014).

use std::sync::Arc;
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::sleep;

use crate::error::{Error, Result};
use crate::log::LastWrite;

/// So long after a message the cores of those who serve are not lent.
const QUIET: Duration = Duration::from_secs(1);
/// How often who waits for a lent core looks whether it is quiet.
const LOOK: Duration = Duration::from_millis(50);

/// The cores, as hashes see them. A cheap clone.
#[derive(Clone)]
pub(super) struct Cores {
    own: Arc<Half>,
    lent: Arc<Half>,
    last_write: LastWrite,
}

/// A core that is free for one hash until this is dropped.
pub(super) struct Core {
    half: Arc<Half>,
    _place: OwnedSemaphorePermit,
}

/// Cores that are used alike.
struct Half {
    count: usize,
    places: Arc<Semaphore>,
    set: Set,
    /// A thread for each place. They stay: the system takes a new one for light, and wakes others on its core.
    threads: OnceCell<ThreadPool>,
}

impl Cores {
    pub(super) fn new(last_write: LastWrite) -> Self {
        Cores::of(std::thread::available_parallelism().map_or(1, usize::from), last_write)
    }

    /// So many as the process may use at a time: fewer than it may choose from, where it has a quota.
    fn of(count: usize, last_write: LastWrite) -> Self {
        let own = (count / 2).max(1);
        let [first, last] = if count < 2 { [Set::default(); 2] } else { halves() };
        Cores { own: Half::new(own, last), lent: Half::new(count - own, first), last_write }
    }

    /// Waits for a core.
    pub(super) async fn take(&self) -> Result<Core> {
        tokio::select! {
            biased;
            core = self.own.take() => core,
            core = self.lent() => core,
        }
    }

    async fn lent(&self) -> Result<Core> {
        let core = self.lent.take().await?;
        while !self.last_write.is_older_than(QUIET) {
            sleep(LOOK).await;
        }
        Ok(core)
    }
}

impl Half {
    fn new(count: usize, set: Set) -> Arc<Self> {
        Arc::new(Half { count, places: Arc::new(Semaphore::new(count)), set, threads: OnceCell::new() })
    }

    async fn take(self: &Arc<Self>) -> Result<Core> {
        let place = self.places.clone().acquire_owned().await.map_err(|error| Error::Internal(error.into()))?;
        Ok(Core { half: self.clone(), _place: place })
    }

    async fn threads(&self) -> Result<&ThreadPool> {
        let set = self.set;
        let made = self.threads.get_or_try_init(|| async move {
            ThreadPoolBuilder::new()
                .num_threads(self.count)
                .thread_name(|_| "hash".into())
                .start_handler(move |_| set.enter())
                // Who waits for the work learns of it.
                .panic_handler(|_| ())
                .build()
        });
        made.await.map_err(|error| Error::Internal(error.into()))
    }
}

impl Core {
    /// Does the work on a thread there. The core is the work's: a caller that goes away does not make room for another.
    pub(super) async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let half = self.half.clone();
        half.threads().await?.spawn(move || {
            let _ = answer.send(work());
            drop(self);
        });
        answered.await.map_err(|error| Error::Internal(error.into()))
    }
}

#[cfg(target_os = "linux")]
use linux::{Set, halves};

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::nice;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// Processors by number; none if it does not matter which.
    #[derive(Clone, Copy, Default)]
    pub(super) struct Set(Option<CpuSet>);

    impl Set {
        /// Keeps the thread that calls to these, behind all others. Where the system says no it runs as any other:
        /// slower for others, and as right.
        pub(super) fn enter(self) {
            // On Linux a thread has a priority of its own (setpriority(2)).
            let _ = nice(10);
            if let Set(Some(cores)) = self {
                let _ = sched_setaffinity(None, &cores);
            }
        }
    }

    /// Two halves of what this process may use. What shares a core stays together, but for one that is odd.
    pub(super) fn halves() -> [Set; 2] {
        let all = sched_getaffinity(None).unwrap_or_default();
        let mut cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).collect();
        if cores.len() < 2 {
            return [Set(None); 2];
        }
        cores.sort_by_cached_key(|core| (first_sibling(*core), *core));
        let (first, last) = cores.split_at(cores.len().div_ceil(2));
        [first, last].map(|half| {
            let mut set = CpuSet::new();
            for core in half {
                set.set(*core);
            }
            Set(Some(set))
        })
    }

    /// The first of the processors that share a core with one, itself if it is alone or nobody knows.
    fn first_sibling(core: usize) -> usize {
        let file = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
        let list = std::fs::read_to_string(file).unwrap_or_default();
        list.split([',', '-']).next().and_then(|first| first.trim().parse().ok()).unwrap_or(core)
    }
}

#[cfg(not(target_os = "linux"))]
use other::{Set, halves};

#[cfg(not(target_os = "linux"))]
mod other {
    /// Other systems are left to place threads as they like.
    #[derive(Clone, Copy, Default)]
    pub(super) struct Set;

    impl Set {
        pub(super) fn enter(self) {}
    }

    pub(super) fn halves() -> [Set; 2] {
        [Set; 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn taken(cores: &Cores) -> Vec<Core> {
        let mut taken = Vec::new();
        while let Ok(core) = tokio::time::timeout(LOOK * 2, cores.take()).await {
            taken.push(core.unwrap());
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn all_cores_hash_while_nobody_writes_and_half_of_them_while_somebody_does() {
        for (count, half) in [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)] {
            let last_write = LastWrite::default();
            let cores = Cores::of(count, last_write.clone());
            assert_eq!(taken(&cores).await.len(), count);
            last_write.note();
            assert_eq!(taken(&cores).await.len(), half, "of {count}");
            last_write.note();
            sleep(QUIET).await;
            let began = tokio::time::Instant::now();
            let mut at_once = Vec::new();
            for _ in 0..count {
                at_once.push(cores.take().await.unwrap());
            }
            assert!(began.elapsed().is_zero(), "quiet is when nobody wrote, not when somebody looked");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_lent_core_takes_one_that_becomes_free_before() {
        let last_write = LastWrite::default();
        let cores = Cores::of(2, last_write.clone());
        last_write.note();
        let first = cores.take().await.unwrap();
        let second = tokio::spawn({
            let cores = cores.clone();
            async move { cores.take().await.map(drop) }
        });
        sleep(LOOK).await;
        assert!(!second.is_finished());
        drop(first);
        tokio::time::timeout(LOOK, second).await.unwrap().unwrap().unwrap();
        sleep(QUIET).await;
        assert_eq!(taken(&cores).await.len(), 2, "the place it waited for is free again");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_thread_that_hashes_stands_back_on_half_of_the_cores() {
        let all = rustix::thread::sched_getaffinity(None).unwrap();
        let before = rustix::process::getpriority_process(None).unwrap();
        let count = std::thread::available_parallelism().unwrap().get();
        let cores = Cores::new(LastWrite::default());
        let mut seen = rustix::thread::CpuSet::new();
        for core in taken(&cores).await {
            let (priority, set) = core
                .run(|| {
                    let set = rustix::thread::sched_getaffinity(None).unwrap();
                    (rustix::process::getpriority_process(None).unwrap(), set)
                })
                .await
                .unwrap();
            assert_eq!(priority, (before + 10).min(19));
            assert!(count < 2 || set.count() < all.count());
            for core in (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)) {
                seen.set(core);
            }
        }
        assert!(seen == all, "nobody writes: they all hash");
        assert!(rustix::thread::sched_getaffinity(None).unwrap() == all, "the others are left alone");
    }

    #[tokio::test]
    async fn work_that_fails_frees_its_core_and_leaves_its_thread() {
        let cores = Cores::of(1, LastWrite::default());
        for _ in 0..3 {
            let failed: Result<()> = cores.take().await.unwrap().run(|| panic!("as hashes never do")).await;
            assert!(failed.is_err());
        }
        assert_eq!(cores.take().await.unwrap().run(|| 7).await.unwrap(), 7);
    }
}
