//! What is told of work as it goes, and whether it goes on.

use std::ops::ControlFlow;

use m2ib_core::{Scope, Step, Stop};

use crate::solving::Tell;
use crate::{Error, Explainer, Modality, Result};

/// One evaluation of an objective, as it is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Whose bottleneck.
    pub modality: Modality,
    /// The evaluation, from 1.
    pub step: usize,
    /// How many there will be.
    pub steps: usize,
    /// What it found.
    pub report: Step,
}

/// Told of every step, from whichever thread made it, one at a time; work for which it answers
/// [`ControlFlow::Break`] ends with [`Error::Stopped`], and is told of no more.
pub type OnStep<'a> = dyn FnMut(Progress) -> ControlFlow<()> + Send + 'a;

/// For work that nobody watches: `&mut unwatched`.
pub fn unwatched(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

impl Explainer {
    /// Runs work on as many threads as were asked for.
    pub(crate) fn scoped<R>(&self, work: impl FnOnce() -> R) -> R {
        self.scope().run(work)
    }

    /// Runs work whose steps are told, and stops it where the answer says so.
    pub(crate) fn watched<R>(
        &self,
        on_step: &mut OnStep<'_>,
        work: impl FnOnce(&mut Tell<'_>) -> Result<R>,
    ) -> Result<R> {
        let stop = Stop::new();
        let mut tell = |progress| {
            if !stop.is_stopped() && on_step(progress).is_break() {
                stop.stop();
            }
        };
        let result = self.scope().with_stop(&stop).run(|| work(&mut tell));
        match stop.is_stopped() {
            true => Err(Error::Stopped),
            false => result,
        }
    }

    fn scope(&self) -> Scope {
        let scope = Scope::new();
        match self.threads {
            Some(threads) => scope.with_threads(threads),
            None => scope,
        }
    }
}
