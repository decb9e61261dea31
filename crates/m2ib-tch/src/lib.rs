//! libtorch: which burn feature it needs, and the devices it gives.
//!
//! **What this crate may know:** burn's libtorch backend, and nothing else. No other crate names
//! it. Without the feature `tch` it is empty.

#![cfg(feature = "tch")]

use burn::tensor::Device;

/// libtorch's CPU device (threads: `OMP_NUM_THREADS`), or the CUDA device of that number, which
/// takes a libtorch built for CUDA.
#[expect(
    deprecated,
    reason = "deprecated in burn 0.22 and gone from 0.23; this crate goes with it"
)]
pub fn device(cuda: Option<usize>) -> Device {
    match cuda {
        None => Device::libtorch(),
        Some(index) => Device::libtorch_cuda(index),
    }
}
