//! Host threads that work on shares of one job side by side.
//!
//! A CPU backend runs an operation on the thread that asks for it and forks inside the larger ones
//! only. Cut into shares that never wait for each other, everything runs in parallel, the small
//! operations too, and nothing is forked and joined hundreds of times a step.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::workers::{Grouping, in_groups};
use crate::{Result, Scope, workers};

const UNBROKEN: &str = "no job runs while a lock is held";

/// How long a job of many shares waits for its threads: alone, it takes several times as long.
const OF_MANY: Duration = Duration::from_millis(500);
/// How long a single one does.
const OF_ONE: Duration = Duration::from_millis(100);

/// Groups of threads, each of which takes one share of a job at a time.
///
/// The threads are the process's: there is one set, started when lanes first need it and grouped
/// anew when lanes of another kind are used, so that any number of lanes costs no more threads.
/// A job of other lanes that is begun on another thread meanwhile waits for a moment, and then goes ahead on one
/// thread more.
///
/// Backends that fork through rayon stay inside the group they are called from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    grouping: Grouping,
}

impl Lanes {
    /// The caller's own thread: one lane.
    pub fn one() -> Self {
        let grouping = Grouping {
            groups: 1,
            threads: 1,
        };
        Self { grouping }
    }

    /// `lanes` groups that share `threads` threads as evenly as they can; each has at least one.
    ///
    /// # Errors
    /// [`Error::Threads`](crate::Error::Threads) if the system refuses a thread.
    pub fn new(lanes: usize, threads: usize) -> Result<Self> {
        let groups = lanes.max(1);
        let threads = threads.max(groups);
        if threads > 1 {
            workers::start(threads)?;
        }
        let grouping = Grouping { groups, threads };
        Ok(Self { grouping })
    }

    /// How many shares are worked on at once.
    pub fn count(&self) -> usize {
        self.grouping.groups
    }

    /// `job` of every share, in their order. A lane takes the next share when it is done with one;
    /// a single share has all threads.
    ///
    /// Called from a thread of any rayon pool, a lane's among them, it works through the shares on
    /// the spot: that thread would otherwise take up further jobs of its pool while it waits, one
    /// inside the other.
    pub fn map<S, R>(&self, shares: Vec<S>, job: impl Fn(S) -> R + Sync) -> Vec<R>
    where
        S: Send,
        R: Send,
    {
        let count = shares.len();
        if self.count() == 1 || count < 2 || self.is_here() {
            return self.together(|| shares.into_iter().map(&job).collect());
        }
        let queue = Mutex::new(shares.into_iter().enumerate());
        let results = Mutex::new(Vec::with_capacity(count));
        let scope = Scope::here();
        let work = || {
            scope.resume(|| {
                loop {
                    // The lock is let go of before the job starts.
                    let next = queue.lock().expect(UNBROKEN).next();
                    let Some((index, share)) = next else { break };
                    let result = job(share);
                    results.lock().expect(UNBROKEN).push((index, result));
                }
            })
        };
        in_groups(self.grouping, OF_MANY, |groups| {
            spread(groups, count, &work);
        });
        let mut results = results.into_inner().expect(UNBROKEN);
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// `job` of every share, each added to the sum of those before it, in their order: the sum has the
    /// same bits for any number of lanes. Nothing is kept of a share that was added; one that is done
    /// before those ahead of it waits for them. None of no shares.
    ///
    /// On the spot where [`map`](Self::map) is.
    pub(crate) fn sum<S, R>(
        &self,
        shares: Vec<S>,
        job: impl Fn(S) -> R + Sync,
        plus: impl Fn(R, R) -> R + Sync,
    ) -> Option<R>
    where
        S: Send,
        R: Send,
    {
        let sum = Mutex::new(Sum::default());
        let shares = shares.into_iter().enumerate().collect();
        self.map(shares, |(index, share)| {
            let result = job(share);
            sum.lock().expect(UNBROKEN).waiting.insert(index, result);
            loop {
                // Nothing is added while the lock is held: that forks.
                let next = sum.lock().expect(UNBROKEN).take();
                let Some((sum_so_far, result)) = next else {
                    break;
                };
                let added = match sum_so_far {
                    Some(sum_so_far) => plus(sum_so_far, result),
                    None => result,
                };
                sum.lock().expect(UNBROKEN).put_back(added);
            }
        });
        sum.into_inner().expect(UNBROKEN).sum
    }

    /// One job on all threads: what forks inside it forks over them. On the spot where
    /// [`map`](Self::map) would be.
    pub fn together<R: Send>(&self, job: impl FnOnce() -> R + Send) -> R {
        let grouping = Grouping {
            groups: 1,
            ..self.grouping
        };
        match self.is_here() {
            true => job(),
            false => {
                let scope = Scope::here();
                in_groups(grouping, OF_ONE, |groups| {
                    groups[0].install(|| scope.resume(job))
                })
            }
        }
    }

    /// Whether the caller's thread does everything.
    fn is_here(&self) -> bool {
        self.grouping.threads == 1 || rayon::current_thread_index().is_some()
    }
}

/// What shares add up to so far.
struct Sum<R> {
    /// Taken out while something is added to it.
    sum: Option<R>,
    /// How many shares are in it.
    count: usize,
    is_taken: bool,
    /// By their place, those that were done before one ahead of them.
    waiting: BTreeMap<usize, R>,
}

impl<R> Default for Sum<R> {
    fn default() -> Self {
        Self {
            sum: None,
            count: 0,
            is_taken: false,
            waiting: BTreeMap::new(),
        }
    }
}

impl<R> Sum<R> {
    /// The sum and what is to be added to it, if nobody else is at it and the next one is done.
    fn take(&mut self) -> Option<(Option<R>, R)> {
        if self.is_taken {
            return None;
        }
        let next = self.waiting.remove(&self.count)?;
        self.is_taken = true;
        Some((self.sum.take(), next))
    }

    fn put_back(&mut self, sum: R) {
        self.sum = Some(sum);
        self.count += 1;
        self.is_taken = false;
    }
}

/// Runs `work` in up to `count` groups at once and waits for all.
fn spread(groups: &[rayon::ThreadPool], count: usize, work: &(impl Fn() + Sync)) {
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_shares() {
        for lanes in [
            Lanes::one(),
            Lanes::new(1, 3).unwrap(),
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
    fn a_sum_is_taken_in_the_order_of_the_shares() {
        for lanes in [
            Lanes::one(),
            Lanes::new(1, 3).unwrap(),
            Lanes::new(2, 2).unwrap(),
            Lanes::new(3, 8).unwrap(),
        ] {
            // The first are the slowest.
            let job = |share: u64| {
                std::thread::sleep(Duration::from_millis(20_u64.saturating_sub(share)));
                share.to_string()
            };
            let found = lanes.sum((0..40).collect(), job, |sum, share| sum + "," + &share);
            let expected: Vec<_> = (0..40).map(|share: u64| share.to_string()).collect();
            assert_eq!(found.unwrap(), expected.join(","), "{lanes:?}");
            assert_eq!(lanes.sum(Vec::new(), job, |sum, _| sum), None);
        }
    }

    /// A number that counts how many of it there are.
    struct Counted<'a> {
        number: usize,
        living: &'a AtomicUsize,
    }

    impl<'a> Counted<'a> {
        fn new(number: usize, living: &'a AtomicUsize) -> Self {
            living.fetch_add(1, Ordering::Relaxed);
            Self { number, living }
        }
    }

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.living.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn more_shares_need_no_more_memory() {
        for lanes in [Lanes::one(), Lanes::new(2, 2).unwrap()] {
            let (living, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let job = |share| {
                std::thread::sleep(Duration::from_micros(50));
                let counted = Counted::new(share, &living);
                most.fetch_max(living.load(Ordering::Relaxed), Ordering::Relaxed);
                counted
            };
            let plus = |sum: Counted, share: Counted| {
                let number = sum.number + share.number;
                drop((sum, share));
                Counted::new(number, &living)
            };
            let sum = lanes.sum((0..1000).collect(), job, plus).unwrap();
            assert_eq!(sum.number, 499_500);
            // Kept to the end, there would be a thousand.
            let most = most.into_inner();
            assert!(most < 100, "{lanes:?}: {most}");
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
    fn one_job_has_all_threads() {
        for lanes in [1, 2, 5] {
            let lanes = Lanes::new(lanes, 5).unwrap();
            assert_eq!(lanes.together(rayon::current_num_threads), 5);
            let single = lanes.map(vec![()], |()| rayon::current_num_threads());
            assert_eq!(single, [5]);
        }
        let here = std::thread::current().id();
        assert_eq!(Lanes::one().together(|| std::thread::current().id()), here);
    }

    #[test]
    fn inside_a_job_shares_are_worked_through_on_the_spot() {
        let lanes = Lanes::new(2, 2).unwrap();
        lanes.map(vec![1, 2], |_| {
            let here = std::thread::current().id();
            for lanes in [lanes, Lanes::new(3, 4).unwrap()] {
                let threads = lanes.map(vec![(); 5], |()| std::thread::current().id());
                assert!(threads.into_iter().all(|thread| thread == here));
                assert_eq!(lanes.together(|| std::thread::current().id()), here);
            }
        });
    }

    /// Lanes of two kinds from two threads, over and over: neither is lost nor mixed.
    /// A similarity that is asked for while an explanation runs, on a server.
    #[test]
    fn a_short_job_does_not_wait_for_the_end_of_a_long_one_of_other_lanes() {
        let begun = Barrier::new(3);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let ended = Mutex::new(ended);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                Lanes::new(2, 2).unwrap().map(vec![0, 1], |share| {
                    begun.wait();
                    if share == 0 {
                        ended.lock().unwrap().recv().unwrap();
                    }
                });
            });
            begun.wait();
            let others = Lanes::new(1, 2).unwrap();
            assert_eq!(others.together(|| 5), 5);
            let many = Lanes::new(3, 3).unwrap();
            assert_eq!(many.map(vec![1, 2, 3, 4], |share| share * 2), [2, 4, 6, 8]);
            end.send(()).unwrap();
        });
    }

    #[test]
    fn lanes_of_two_kinds_take_turns() {
        let work = |lanes: usize, threads: usize| {
            let lanes = Lanes::new(lanes, threads).unwrap();
            for _ in 0..200 {
                let found = lanes.map((0..lanes.count()).collect(), |_| {
                    rayon::current_num_threads()
                });
                // Or, where the others' jobs never ended for long, on a thread of its own.
                let share = threads / lanes.count();
                let alone = found.iter().all(|&threads| threads == 1);
                assert!(alone || found == vec![share; lanes.count()], "{found:?}");
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| work(2, 4));
            scope.spawn(|| work(4, 4));
            scope.spawn(|| work(2, 4));
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
