//! Host threads that work on shares of one job side by side.
//!
//! A CPU backend runs an operation on the thread that asks for it and forks inside the larger ones
//! only. Cut into shares that never wait for each other, everything runs in parallel, the small
//! operations too, and nothing is forked and joined hundreds of times a step.

use std::fmt;
use std::sync::Mutex;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{Error, Result};

const UNBROKEN: &str = "no job runs while a lock is held";

/// Groups of threads, each of which takes one share of a job at a time.
///
/// Backends that fork through rayon stay inside the group they are called from.
pub struct Lanes {
    /// None of them: the caller's thread does all.
    groups: Vec<ThreadPool>,
}

impl Lanes {
    /// The caller's own thread: one lane.
    pub fn one() -> Self {
        Self { groups: Vec::new() }
    }

    /// `lanes` groups that share `threads` threads as evenly as they can; each has at least one.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system refuses a thread.
    pub fn new(lanes: usize, threads: usize) -> Result<Self> {
        if lanes <= 1 {
            return Ok(Self::one());
        }
        let group = |lane: usize| {
            let share = threads / lanes + usize::from(lane < threads % lanes);
            ThreadPoolBuilder::new()
                .num_threads(share.max(1))
                .thread_name(move |_| format!("lane-{lane}"))
                .build()
        };
        let groups = (0..lanes).map(group).collect::<Result<_, _>>();
        let groups = groups.map_err(|error| Error::Threads {
            wanted: threads,
            reason: error.to_string(),
        })?;
        Ok(Self { groups })
    }

    /// How many shares are worked on at once.
    pub fn count(&self) -> usize {
        self.groups.len().max(1)
    }

    /// `job` of every share, in their order. A lane takes the next share when it is done with one.
    ///
    /// Called from a thread of any rayon pool, a lane's among them, it works through the shares on
    /// the spot: that thread would otherwise take up further jobs of its pool while it waits, one
    /// inside the other.
    pub fn map<S, R>(&self, shares: Vec<S>, job: impl Fn(S) -> R + Sync) -> Vec<R>
    where
        S: Send,
        R: Send,
    {
        if self.groups.is_empty() || shares.len() < 2 || rayon::current_thread_index().is_some() {
            return shares.into_iter().map(job).collect();
        }
        let count = shares.len();
        let queue = Mutex::new(shares.into_iter().enumerate());
        let results = Mutex::new(Vec::with_capacity(count));
        let work = || {
            loop {
                // The lock is let go of before the job starts.
                let next = queue.lock().expect(UNBROKEN).next();
                let Some((index, share)) = next else { break };
                let result = job(share);
                results.lock().expect(UNBROKEN).push((index, result));
            }
        };
        spread(&self.groups, count, &work);
        let mut results = results.into_inner().expect(UNBROKEN);
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads: Vec<_> = self
            .groups
            .iter()
            .map(ThreadPool::current_num_threads)
            .collect();
        f.debug_tuple("Lanes").field(&threads).finish()
    }
}

/// Runs `work` in up to `count` groups at once and waits for all.
fn spread(groups: &[ThreadPool], count: usize, work: &(impl Fn() + Sync)) {
    match groups.split_first() {
        Some((group, rest)) if count > 0 => group.in_place_scope(|scope| {
            scope.spawn(|_| work());
            spread(rest, count - 1, work);
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_shares() {
        for lanes in [
            Lanes::one(),
            Lanes::new(2, 2).unwrap(),
            Lanes::new(3, 8).unwrap(),
        ] {
            let found = lanes.map((0..20).collect(), |share: usize| share * share);
            let expected: Vec<_> = (0..20).map(|share| share * share).collect();
            assert_eq!(found, expected, "{lanes:?}");
            assert!(lanes.map(Vec::<usize>::new(), |share| share).is_empty());
        }
    }

    #[test]
    fn lanes_work_at_the_same_time() {
        let lanes = Lanes::new(2, 2).unwrap();
        let both = Barrier::new(2);
        // Would hang with one lane.
        lanes.map(vec![(), ()], |()| both.wait());
    }

    #[test]
    fn a_job_sees_its_groups_threads_alone() {
        let lanes = Lanes::new(2, 5).unwrap();
        let both = Barrier::new(2);
        let threads = lanes.map(vec![(), ()], |()| {
            both.wait();
            rayon::current_num_threads()
        });
        assert_eq!(threads.iter().sum::<usize>(), 5, "{threads:?}");
    }

    #[test]
    fn inside_a_job_shares_are_worked_through_on_the_spot() {
        let lanes = Lanes::new(2, 2).unwrap();
        lanes.map(vec![1, 2], |_| {
            let here = std::thread::current().id();
            let threads = lanes.map(vec![(); 5], |()| std::thread::current().id());
            assert!(threads.into_iter().all(|thread| thread == here));
        });
    }

    #[test]
    #[should_panic(expected = "broken share")]
    fn a_panic_in_a_lane_reaches_the_caller() {
        Lanes::new(2, 2).unwrap().map(vec![0, 1], |share| {
            assert!(share == 0, "broken share");
        });
    }
}
