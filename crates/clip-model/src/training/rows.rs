//! Loops over the rows of matrices in host memory.

use burn::tensor::{Int, Tensor, TensorData};

use crate::{Error, Result};

/// A tensor's values in order, without a copy where nothing else holds them.
///
/// # Errors
/// [`Error::Device`] from a device that is lost or full.
pub(super) fn values<const D: usize>(x: Tensor<D>) -> Result<Vec<f32>> {
    let values = x.try_into_vec_as::<f32>();
    values.map_err(|error| Error::Device {
        reason: error.to_string(),
    })
}

/// A matrix of values.
pub(super) fn matrix(values: Vec<f32>, shape: [usize; 2], like: &Tensor<2>) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), &like.device())
}

/// Σ over the rows. `[rows, width]` to `[width]`
pub(super) fn column_sums(x: Tensor<2>) -> Result<Vec<f32>> {
    values(x.sum_dim(0))
}

/// Some rows of a matrix. `[rows, width]` to `[picked, width]`
pub(super) fn pick(x: Tensor<2>, rows: &[usize]) -> Tensor<2> {
    let indices: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let indices = TensorData::new(indices, [rows.len()]);
    let indices = Tensor::<1, Int>::from_data(indices, &x.device());
    x.select(0, indices)
}

/// Adds to some rows of a matrix: the way back of [`pick`].
pub(super) fn add_rows(x: Tensor<2>, rows: &[usize], more: Tensor<2>) -> Result<Tensor<2>> {
    let shape @ [_, width] = x.dims();
    let device = x.device();
    let (mut sum, more) = (values(x)?, values(more)?);
    for (&row, more) in rows.iter().zip(more.chunks_exact(width)) {
        let sum = &mut sum[row * width..(row + 1) * width];
        sum.iter_mut().zip(more).for_each(|(sum, x)| *sum += x);
    }
    Ok(Tensor::from_data(TensorData::new(sum, shape), &device))
}
