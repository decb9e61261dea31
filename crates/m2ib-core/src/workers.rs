//! The threads of this process that lanes are made of.
//!
//! They are started once and never more than the widest lanes ask for. A group is a rayon pool whose
//! threads are taken from among them; where other groups are wanted, the pools go and the threads
//! stay.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{
    Arc, LazyLock, Mutex, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};
use std::time::{Duration, Instant};

use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuilder};

use crate::{Error, Result, Scope};

const UNBROKEN: &str = "no job runs while a lock is held";
/// More threads are asked for by a slip only, and would leave the machine none for anybody else.
const MOST: usize = 4096;

/// How threads are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grouping {
    pub(crate) groups: usize,
    /// At least one a group.
    pub(crate) threads: usize,
}

/// Threads to compute with on this machine: the cores, unless `RAYON_NUM_THREADS` or the caller's
/// [`Scope`] says otherwise.
pub fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    if let Some(threads) = Scope::threads_here() {
        return threads.get();
    }
    *THREADS.get_or_init(|| {
        // As rayon counts them; to ask it would start its own.
        let wanted = std::env::var("RAYON_NUM_THREADS").ok();
        let wanted = wanted.and_then(|text| text.parse().ok());
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        wanted.filter(|&wanted| wanted > 0).unwrap_or_else(cores)
    })
}

/// Starts threads until there are `count`.
///
/// # Errors
/// [`Error::Threads`] for more than any machine has cores, or if the system refuses one; then there
/// are as many as before.
pub(crate) fn start(count: usize) -> Result<()> {
    if count > MOST {
        return Err(Error::Threads {
            wanted: count,
            reason: format!("{MOST} are the most"),
        });
    }
    STAFF.lock().expect(UNBROKEN).grow(count)
}

/// Runs `work` with the threads grouped as it wants them; in the same groups, several jobs may run at once.
/// While they are at work in other groups it waits, but not for longer than its patience: then it goes ahead
/// on a thread of its own, so that a short job never waits for the end of a long one.
pub(crate) fn in_groups<R>(
    wanted: Grouping,
    patience: Duration,
    work: impl FnOnce(&[ThreadPool]) -> R,
) -> R {
    if let Some(set) = grouped(wanted, patience) {
        return work(&set.groups);
    }
    match ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(alone) => work(&[alone]),
        // The system has no thread more: then there is nothing but to wait.
        Err(_) => work(
            &grouped(wanted, Duration::MAX)
                .expect("it waits for ever")
                .groups,
        ),
    }
}

/// The threads in these groups, as soon as they can be had.
fn grouped(wanted: Grouping, patience: Duration) -> Option<RwLockReadGuard<'static, Set>> {
    /// Between two looks; to wait for the lock itself would have jobs of the groups at work wait as well.
    const PAUSE: Duration = Duration::from_millis(1);
    /// So long nobody is let in before one who waits: jobs of two kinds that are short take turns.
    const TURN: Duration = Duration::from_millis(20);
    let mut turn = Some(NEXT.lock().expect(UNBROKEN));
    let begun = Instant::now();
    loop {
        let set = SET.read().expect(UNBROKEN);
        if set.grouping == Some(wanted) {
            return Some(set);
        }
        drop(set);
        match SET.try_write() {
            Ok(mut set) => {
                if set.grouping != Some(wanted) {
                    set.regroup(wanted);
                }
                return Some(RwLockWriteGuard::downgrade(set));
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Poisoned(_)) => unreachable!("{UNBROKEN}"),
        }
        let waited = begun.elapsed();
        if waited >= patience {
            return None;
        }
        turn = turn.filter(|_| waited < TURN);
        std::thread::sleep(PAUSE);
    }
}

/// Held by who is the next to have threads.
static NEXT: Mutex<()> = Mutex::new(());

static SET: RwLock<Set> = RwLock::new(Set {
    grouping: None,
    groups: Vec::new(),
});

static STAFF: LazyLock<Mutex<Staff>> = LazyLock::new(|| Mutex::new(Staff::new()));

/// The groups as they are now.
struct Set {
    grouping: Option<Grouping>,
    groups: Vec<ThreadPool>,
}

impl Set {
    fn regroup(&mut self, wanted: Grouping) {
        // Their threads leave them, and take up the posts of the new ones.
        self.groups.clear();
        let Grouping { groups, threads } = wanted;
        let posts = STAFF.lock().expect(UNBROKEN).posts.clone();
        let group = |group: usize| {
            let share = threads / groups + usize::from(group < threads % groups);
            let posts = posts.clone();
            ThreadPoolBuilder::new()
                .num_threads(share)
                .spawn_handler(move |post| {
                    posts
                        .send(Some(post))
                        .map_err(|_| std::io::ErrorKind::NotConnected.into())
                })
                .build()
                .expect("the threads are there")
        };
        self.groups = (0..groups).map(group).collect();
        self.grouping = Some(wanted);
    }
}

/// All threads there are, each at its post in a group or waiting for one.
struct Staff {
    count: usize,
    /// Posts to be taken up; none sends whoever takes it away.
    posts: Sender<Option<ThreadBuilder>>,
    open: Arc<Mutex<Receiver<Option<ThreadBuilder>>>>,
}

impl Staff {
    fn new() -> Self {
        let (posts, open) = channel();
        let open = Arc::new(Mutex::new(open));
        Self {
            count: 0,
            posts,
            open,
        }
    }

    fn grow(&mut self, count: usize) -> Result<()> {
        let before = self.count;
        while self.count < count {
            let open = self.open.clone();
            let work = move || {
                loop {
                    // The lock is let go of before the post is taken up.
                    let post = open.lock().expect(UNBROKEN).recv();
                    let Ok(Some(post)) = post else { break };
                    post.run();
                }
            };
            let thread = std::thread::Builder::new().name(format!("lane-{}", self.count));
            if let Err(error) = thread.spawn(work) {
                // Else those that were started would have taken what the system has, for nothing.
                self.shrink(before);
                return Err(Error::Threads {
                    wanted: count,
                    reason: error.to_string(),
                });
            }
            self.count += 1;
        }
        Ok(())
    }

    /// Sends away as many as wait for a post beyond `count`.
    fn shrink(&mut self, count: usize) {
        for _ in count..self.count {
            self.posts.send(None).expect("the other end is here");
        }
        self.count = self.count.min(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_thread() {
        assert!(threads() > 0);
    }

    #[test]
    fn threads_that_are_sent_away_end() {
        let mut staff = Staff::new();
        staff.grow(3).unwrap();
        staff.shrink(1);
        assert_eq!(staff.count, 1);
        let begun = std::time::Instant::now();
        // Each thread holds the end that posts come out of.
        while Arc::strong_count(&staff.open) > 2 {
            assert!(begun.elapsed().as_secs() < 60, "threads go on");
            std::thread::yield_now();
        }
        staff.grow(2).unwrap();
        assert_eq!(Arc::strong_count(&staff.open), 3);
    }

    #[test]
    fn more_threads_than_any_machine_has_are_refused_at_once() {
        let error = start(MOST + 1).unwrap_err().to_string();
        assert!(error.contains("4097 threads"), "{error}");
        assert!(STAFF.lock().unwrap().count <= MOST);
    }
}
