//! Files that are either whole or not there, and short names for what is too long to be compared.
//!
//! **What this crate may know:** bytes.

mod digest;
mod write;

pub use digest::digest;
pub use write::write_whole;
