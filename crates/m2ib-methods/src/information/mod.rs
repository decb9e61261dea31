//! Methods that bound or integrate what a layer passes on.

mod coiba;
mod configured;
mod m2ib;
mod nib;

pub use coiba::CoIba;
pub use configured::Configured;
pub use m2ib::{M2ib, M2ibSettings};
pub use nib::Nib;
