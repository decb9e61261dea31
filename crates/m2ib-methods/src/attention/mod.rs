//! Methods that follow attention from block to block.

mod chefer;
mod rollout;

pub use chefer::Chefer;
pub use rollout::Rollout;

use burn::tensor::Tensor;
use m2ib::clip_input::Read;
use ndarray::{Array1, Array2};

use crate::Result;
use crate::host::host;

/// Attention of one block, `[1, heads, tokens, tokens]`, head by head on the host.
fn heads(attention: Tensor<4>, what: &'static str) -> Result<Vec<Array2<f32>>> {
    let [_, heads, tokens, _] = attention.dims();
    let values = host(attention, what)?;
    let matrix = |head: usize| {
        Array2::from_shape_fn((tokens, tokens), |(row, column)| {
            values[(head * tokens + row) * tokens + column]
        })
    };
    Ok((0..heads).map(matrix).collect())
}

/// What a tower reads out of rows that say how much of each token is in each.
fn read(rows: &Array2<f32>, read: &Read) -> Vec<f32> {
    match read {
        &Read::Row(row) => rows.row(row).to_vec(),
        read => Array1::from(read.shares(rows.nrows())).dot(rows).to_vec(),
    }
}

/// Mean over heads.
fn mean(heads: &[Array2<f32>]) -> Array2<f32> {
    let sum = heads[1..]
        .iter()
        .fold(heads[0].clone(), |sum, head| sum + head);
    sum / heads.len() as f32
}
