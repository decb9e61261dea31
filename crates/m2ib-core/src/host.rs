//! Tensors' values on the host.

use burn::tensor::Tensor;

use crate::{Error, Result};

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Device {
            reason: error.to_string(),
        })
}

pub(crate) fn finite(number: f32, what: &'static str, step: usize) -> Result<()> {
    if number.is_finite() {
        Ok(())
    } else {
        Err(Error::NotFinite { what, step })
    }
}
