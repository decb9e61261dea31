//! The threads of this process that lanes are made of.
//!
//! They are started once and never more than the widest lanes ask for. A group is a rayon pool whose
//! threads are taken from among them; where other groups are wanted, the pools go and the threads
//! stay.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock, RwLockWriteGuard};

use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuilder};

use crate::{Error, Result, Scope};

const UNBROKEN: &str = "no job runs while a lock is held";

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
/// [`Error::Threads`] if the system refuses one; those that there are stay.
pub(crate) fn start(count: usize) -> Result<()> {
    STAFF.lock().expect(UNBROKEN).grow(count)
}

/// Runs `work` with the threads grouped as it wants them. Waits while they are at work in other
/// groups; in the same groups, several jobs may run at once.
pub(crate) fn in_groups<R>(wanted: Grouping, work: impl FnOnce(&[ThreadPool]) -> R) -> R {
    let set = SET.read().expect(UNBROKEN);
    if set.grouping == Some(wanted) {
        return work(&set.groups);
    }
    drop(set);
    let mut set = SET.write().expect(UNBROKEN);
    if set.grouping != Some(wanted) {
        set.regroup(wanted);
    }
    work(&RwLockWriteGuard::downgrade(set).groups)
}

static SET: RwLock<Set> = RwLock::new(Set {
    grouping: None,
    groups: Vec::new(),
});

static STAFF: LazyLock<Mutex<Staff>> = LazyLock::new(|| {
    let (posts, open) = channel();
    Mutex::new(Staff {
        count: 0,
        posts,
        open: Arc::new(Mutex::new(open)),
    })
});

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
                        .send(post)
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
    posts: Sender<ThreadBuilder>,
    open: Arc<Mutex<Receiver<ThreadBuilder>>>,
}

impl Staff {
    fn grow(&mut self, count: usize) -> Result<()> {
        while self.count < count {
            let open = self.open.clone();
            let work = move || {
                loop {
                    // The lock is let go of before the post is taken up.
                    let post = open.lock().expect(UNBROKEN).recv();
                    let Ok(post) = post else { break };
                    post.run();
                }
            };
            let thread = std::thread::Builder::new().name(format!("lane-{}", self.count));
            thread.spawn(work).map_err(|error| Error::Threads {
                wanted: count,
                reason: error.to_string(),
            })?;
            self.count += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_thread() {
        assert!(threads() > 0);
    }
}
