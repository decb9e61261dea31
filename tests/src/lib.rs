//! Tests that cross crates, and what they share: reference cases and how to compare with them.
//!
//! **What this crate may know:** everything.

pub mod case;
pub mod mutation;
pub mod parity;
pub mod readers;
pub mod toy;

/// The Rust in the README and the guide, compiled and run. It is here since packages hold nothing of
/// what lies outside them.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;

    #[doc = include_str!("../../docs/asking.md")]
    struct Asking;

    #[doc = include_str!("../../docs/rust.md")]
    struct Rust;
}
