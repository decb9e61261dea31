//! libtorch: which burn feature it needs, and the devices it gives.
//!
//! **What this crate may know:** burn's libtorch backend, and nothing else. No other crate names
//! it. Without the feature `tch` it is empty.

#![cfg(feature = "tch")]

use burn::tensor::{Device, DeviceType};

/// libtorch's CPU device (threads: `OMP_NUM_THREADS`), or the CUDA device of that number, which
/// takes a libtorch built for CUDA.
///
/// # Errors
/// How many CUDA devices there are, if not that one.
#[expect(
    deprecated,
    reason = "deprecated in burn 0.22 and gone from 0.23; this crate goes with it"
)]
pub fn device(cuda: Option<usize>) -> Result<Device, String> {
    let Some(index) = cuda else {
        return Ok(Device::libtorch());
    };
    match Device::enumerate(DeviceType::LibTorch).len() {
        count if index < count => Ok(Device::libtorch_cuda(index)),
        count => Err(format!(
            "CUDA device {index} was asked for and libtorch finds {count}, numbered from 0; without \
             a number it computes on the CPU"
        )),
    }
}
