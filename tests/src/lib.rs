//! Tests that cross crates, and what they share: reference cases and how to compare with them.
//!
//! **What this crate may know:** everything.

pub mod case;
pub mod mutation;
pub mod parity;
pub mod readers;
pub mod toy;
