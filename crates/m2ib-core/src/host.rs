//! Tensors' values on the host.

use burn::tensor::Tensor;

use crate::{Error, Result};

/// # Errors
/// [`Error::OutOfMemory`] and [`Error::Device`], of this tensor or any it was computed from.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor.try_into_vec_as::<f32>().map_err(Error::from_device)
}

/// Values of several tensors of one length, one after another, in a single transfer.
///
/// # Errors
/// As [`values`].
pub(crate) fn joined_values(mut tensors: Vec<Tensor<1>>) -> Result<Vec<f32>> {
    // A GPU backend forgets a failed part of a joined tensor when a later part is written to it. A
    // last part made of all the others fails with any of them.
    let each = tensors.iter().map(|tensor| tensor.dims()[0]);
    let count: usize = each.sum();
    tensors.extend(tensors.iter().cloned().reduce(|a, b| a + b));
    let mut values = values(Tensor::cat(tensors, 0))?;
    values.truncate(count);
    Ok(values)
}

pub(crate) fn finite(number: f32, what: &'static str, step: usize) -> Result<()> {
    if number.is_finite() {
        Ok(())
    } else {
        Err(Error::NotFinite { what, step })
    }
}
