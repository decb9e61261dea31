//! Methods that follow attention from block to block, or take its place in the last.

mod chefer;
mod legrad;
mod patch_text;
mod rollout;

pub use chefer::Chefer;
pub use legrad::{LeGrad, Pool};
pub use patch_text::{LastAttention, PatchText, Rest};
pub use rollout::Rollout;

use burn::tensor::Tensor;
use m2ib::clip_input::Read;
use ndarray::{Array1, Array2};

use crate::Result;
use crate::host::host;

/// Attention `[1, heads, queries, tokens]`, head by head on the host.
fn heads(attention: Tensor<4>, what: &'static str) -> Result<Vec<Array2<f32>>> {
    let [_, heads, queries, tokens] = attention.dims();
    let values = host(attention, what)?;
    let matrix = |head: usize| {
        Array2::from_shape_fn((queries, tokens), |(row, column)| {
            values[(head * queries + row) * tokens + column]
        })
    };
    Ok((0..heads).map(matrix).collect())
}

/// What a tower reads out of rows that say how much of each token is in each. `attention` is how much
/// the head's own gives to each of the rows that it reads, where one does: the last step.
fn read(rows: &Array2<f32>, read: &Read, attention: Option<&Array2<f32>>) -> Vec<f32> {
    match (read, attention) {
        (&Read::Row(row), _) => rows.row(row).to_vec(),
        (Read::Attention(read), Some(attention)) => {
            let mut shares = Array1::zeros(rows.nrows());
            for (&row, &share) in read.iter().zip(attention.row(0)) {
                shares[row] += share;
            }
            shares.dot(rows).to_vec()
        }
        (read, _) => {
            let shares = read.shares(rows.nrows());
            let none = || vec![0.0; rows.nrows()];
            Array1::from(shares.unwrap_or_else(none)).dot(rows).to_vec()
        }
    }
}

/// Mean over heads.
fn mean(heads: &[Array2<f32>]) -> Array2<f32> {
    let sum = heads[1..]
        .iter()
        .fold(heads[0].clone(), |sum, head| sum + head);
    sum / heads.len() as f32
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn what_is_read_is_a_row_a_mean_or_what_the_head_attends_to() {
        let rows = array![[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.5, 0.0, 0.5]];
        assert_eq!(read(&rows, &Read::Row(1), None), [0.0, 1.0, 1.0]);
        assert_eq!(read(&rows, &Read::Mean(vec![0, 1]), None), [0.5, 0.5, 0.5]);
        // A quarter of the last row and three of the first.
        let attention = array![[0.25, 0.75]];
        let attended = read(&rows, &Read::Attention(vec![2, 0]), Some(&attention));
        assert_eq!(attended, [0.875, 0.0, 0.125]);
    }
}
