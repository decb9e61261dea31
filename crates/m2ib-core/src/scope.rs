//! What holds for all that is computed within a call: how many host threads it may have, and whether
//! it is to stop.
//!
//! Both reach through any number of calls and follow the work onto [`Lanes`](crate::Lanes), so that
//! nothing between a program and the innermost loop has to hand them on.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

thread_local! {
    static HERE: RefCell<Scope> = RefCell::default();
}

/// Tells running work to stop, from any thread. Clones tell the same work.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// One that has not been told yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, work in a [`Scope`] that has this fails with [`Error::Stopped`] where it next
    /// looks.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was told.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What holds for the work that is [run](Self::run) in it. What is not set is as outside of it.
///
/// ```
/// use m2ib_core::{Scope, Stop};
///
/// let stop = Stop::new();
/// let done = Scope::new().with_stop(&stop).run(|| {
///     Scope::check()?; // as every step of a bottleneck does
///     stop.stop(); // or from another thread
///     Scope::check()
/// });
/// assert_eq!(done, Err(m2ib_core::Error::Stopped));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Scope {
    threads: Option<NonZeroUsize>,
    stops: Vec<Stop>,
}

impl Scope {
    /// Everything as outside.
    pub fn new() -> Self {
        Self::default()
    }

    /// So many host threads, in place of [as many as there are](crate::threads).
    pub fn with_threads(self, threads: NonZeroUsize) -> Self {
        Self {
            threads: Some(threads),
            ..self
        }
    }

    /// The work stops when this is told, or whatever stops what is around it.
    pub fn with_stop(mut self, stop: &Stop) -> Self {
        self.stops.push(stop.clone());
        self
    }

    /// Runs a job.
    pub fn run<R>(&self, job: impl FnOnce() -> R) -> R {
        let outside = Self::here();
        let inside = Self {
            threads: self.threads.or(outside.threads),
            stops: outside.stops.iter().chain(&self.stops).cloned().collect(),
        };
        inside.resume(job)
    }

    /// Whether the work around the caller may go on; asked between steps, each of which is short.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn check() -> Result<()> {
        match HERE.with_borrow(|here| here.stops.iter().any(Stop::is_stopped)) {
            true => Err(Error::Stopped),
            false => Ok(()),
        }
    }

    /// The caller's.
    pub(crate) fn here() -> Self {
        HERE.with_borrow(Self::clone)
    }

    /// The threads set, if any are.
    pub(crate) fn threads_here() -> Option<NonZeroUsize> {
        HERE.with_borrow(|here| here.threads)
    }

    /// Runs what was begun in this scope on another thread.
    pub(crate) fn resume<R>(&self, job: impl FnOnce() -> R) -> R {
        /// Puts back what was there, however the job ends.
        struct Outside(Scope);
        impl Drop for Outside {
            fn drop(&mut self) {
                HERE.set(std::mem::take(&mut self.0));
            }
        }
        let _outside = Outside(HERE.replace(self.clone()));
        job()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lanes, threads};

    fn of(threads: usize) -> Scope {
        Scope::new().with_threads(NonZeroUsize::new(threads).unwrap())
    }

    #[test]
    fn a_scope_holds_within_and_not_behind() {
        let (outer, inner) = (Stop::new(), Stop::new());
        let stopped = || Scope::check().is_err();
        of(7).with_stop(&outer).run(|| {
            Scope::new().with_stop(&inner).run(|| {
                assert_eq!(threads(), 7);
                assert!(!stopped());
                inner.stop();
                assert!(stopped());
            });
            assert!(!stopped());
            outer.stop();
            assert!(Scope::new().run(stopped));
            assert_eq!(of(3).run(threads), 3);
        });
        assert!(!stopped());
        assert_eq!(Scope::threads_here(), None);
    }

    #[test]
    fn a_job_that_breaks_leaves_no_scope_behind() {
        let broken = || of(7).run(|| panic!("a broken job"));
        assert!(std::panic::catch_unwind(broken).is_err());
        assert_eq!(Scope::threads_here(), None);
    }

    #[test]
    fn a_scope_follows_its_work_onto_lanes() {
        let lanes = Lanes::new(2, 4).unwrap();
        let stop = Stop::new();
        let look = |_| (threads(), Scope::check());
        of(3).with_stop(&stop).run(|| {
            stop.stop();
            let seen = lanes.map(vec![(); 8], look);
            assert_eq!(seen, vec![(3, Err(Error::Stopped)); 8]);
            assert_eq!(lanes.together(|| look(())), (3, Err(Error::Stopped)));
        });
        // The threads that took part in it know nothing of it any more.
        let seen = lanes.map(vec![(); 8], |_| Scope::check());
        assert_eq!(seen, vec![Ok(()); 8]);
    }
}
