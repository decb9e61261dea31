//! Methods that bound or integrate what a layer passes on.

mod configured;
mod m2ib;
mod nib;

pub use configured::Configured;
pub use m2ib::{M2ib, M2ibSettings};
pub use nib::Nib;
