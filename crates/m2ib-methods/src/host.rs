//! From the device to the host.

use burn::tensor::Tensor;

use crate::{Error, Result};

/// A tensor's values, row by row, all of them finite. `what` names them in errors.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>, what: &'static str) -> Result<Vec<f32>> {
    let values = tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Device {
            what,
            reason: error.to_string(),
        })?;
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err(Error::NotFinite { what }),
    }
}

/// A traced tensor's gradient.
pub(crate) fn traced<const D: usize>(
    gradient: Option<Tensor<D>>,
    what: &'static str,
) -> Result<Tensor<D>> {
    gradient.ok_or_else(|| Error::Device {
        what,
        reason: "the similarity does not depend on it".into(),
    })
}
