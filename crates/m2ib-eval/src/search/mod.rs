//! Settings of a method chosen on evidence: every combination of some values is tried, one metric or
//! ROAR+ decides.
//!
//! A [`Grid`] says what is tried. Its [candidates](Grid::candidates) are methods like any other, so
//! a [`Plan`](crate::comparison::Plan) explains the pairs with each and keeps what came of them;
//! [`Search`] is what that amounts to: who is best, who is as good as the best within the
//! data's noise, and the settings as a file that explanations can be made by.
//!
//! The best of many looks better than it is on the pairs that it was chosen by, so a part of the
//! pairs should be [held out](m2ib_data::Dataset::split), and the chosen one measured on them.

mod axis;
mod chart;
mod cuts;
mod goal;
mod grid;
mod outcome;
mod table;

pub use axis::Axis;
pub use cuts::Cuts;
pub use goal::Goal;
pub use grid::{Candidate, Dimension, Grid};
pub use outcome::{HeldOut, Search, Tried};
