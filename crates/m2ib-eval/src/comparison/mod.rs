//! Methods compared: the same pairs explained by each, and every explanation measured.
//!
//! A [`Plan`] says what is done, a [`Journal`](crate::journal::Journal) keeps what came of each
//! pair and method as it is made, so that a run which was stopped goes on where it was; a
//! [`Comparison`] is what the journal amounts to: means with intervals, speed, and what failed.
//!
//! Adding a method to a plan later costs only that method: what is in the journal stays.

mod chart;
mod demands;
mod gallery;
mod outcome;
mod plan;
mod probe;
mod roar;
mod run;
mod sanity;
mod table;
mod trial;
mod truth;

pub(crate) use outcome::values;

pub use gallery::{Gallery, gallery};
pub use outcome::{Column, Comparison, Failed};
pub use plan::Plan;
pub use roar::RoarProgress;
pub use run::Progress;
pub use trial::Trial;
