//! Methods compared: the same pairs explained by each, and every explanation measured.
//!
//! A [`Plan`] says what is done, a [`Journal`](crate::journal::Journal) keeps what came of each
//! pair and method as it is made, so that a run which was stopped goes on where it was; a
//! [`Comparison`] is what the journal amounts to: means with intervals, speed, and what failed.
//!
//! What is asked for later, be it more pairs, methods or metrics, costs only itself: what is in the
//! journal stays, and what does not depend on what changed is not done again.

mod chart;
mod counts;
mod cuts;
mod demands;
mod finding;
mod gallery;
mod outcome;
mod plan;
mod probe;
mod rival;
mod roar;
mod run;
mod sanity;
mod standing;
mod table;
mod trial;
mod truth;

pub(crate) use outcome::values;

pub use finding::{Explanation, Finding, Measured};
pub use gallery::{Gallery, gallery};
pub use outcome::{Column, Comparison, Failed};
pub use plan::Plan;
pub use probe::{Rescored, covered};
pub use roar::RoarProgress;
pub use run::Progress;
pub use trial::Trial;
