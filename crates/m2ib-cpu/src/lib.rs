//! CPU backends: which burn features they need, and the devices they give.
//!
//! **What this crate may know:** burn's CPU backends, and nothing else. No other crate names them.

use burn::tensor::Device;

/// burn's own CPU backend: pure Rust, threads through rayon (`RAYON_NUM_THREADS`).
#[cfg(feature = "flex")]
pub fn flex() -> Device {
    Device::flex()
}

/// The ndarray backend, kept as a second opinion on every number; about eight times slower.
#[cfg(feature = "ndarray")]
#[expect(
    deprecated,
    reason = "deprecated in burn 0.22 and gone from 0.23; this feature goes with it"
)]
pub fn ndarray() -> Device {
    Device::ndarray()
}
