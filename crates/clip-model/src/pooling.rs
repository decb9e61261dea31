//! Pooling: from the last block's output, one row a token, to one row.

use burn::tensor::{Device, Int, Tensor, TensorData};
use clip_input::Read;

/// # Shapes
/// - x: `[batch, tokens, width]`
/// - output: `[batch, width]`
pub(crate) fn pool(read: &Read, x: Tensor<3>) -> Tensor<2> {
    match read {
        Read::Row(row) => x.narrow(1, *row, 1).squeeze_dim(1),
        read => {
            let shares = shares(read, x.dims()[1], &x.device());
            (x * shares).sum_dim(1).squeeze_dim(1)
        }
    }
}

/// As [`pool`], with the way back: a row's gradient goes to that row, a mean's to each of its rows
/// in equal shares.
///
/// # Shapes
/// - gradients: `[batch, width]` to `[batch, tokens, width]`
pub(crate) fn pool_with_pullback(
    read: &Read,
    x: Tensor<3>,
) -> (Tensor<2>, impl FnOnce(Tensor<2>) -> Tensor<3> + use<>) {
    let shares = shares(read, x.dims()[1], &x.device());
    let pull_back = move |gradient: Tensor<2>| gradient.unsqueeze_dim::<3>(1) * shares;
    (pool(read, x), pull_back)
}

/// `[1, tokens, 1]`
fn shares(read: &Read, tokens: usize, device: &Device) -> Tensor<3> {
    // An attention is its head's to compute, which has its weights.
    let shares = read.shares(tokens).unwrap_or_else(|| vec![0.0; tokens]);
    let shares = TensorData::new(shares, [1, tokens, 1]);
    Tensor::from_data(shares, device)
}

/// Some rows of each sequence, in the order given.
///
/// # Shapes
/// - x: `[batch, tokens, width]`, output: `[batch, rows, width]`
pub(crate) fn pick(x: Tensor<3>, rows: &[usize]) -> Tensor<3> {
    match is_all(rows, x.dims()[1]) {
        true => x,
        false => {
            let rows = indices(rows, &x.device());
            x.select(1, rows)
        }
    }
}

/// The way back of [`pick`]: zeros for the other rows.
///
/// # Shapes
/// - x: `[batch, rows, width]`, output: `[batch, tokens, width]`
pub(crate) fn put(x: Tensor<3>, rows: &[usize], tokens: usize) -> Tensor<3> {
    if is_all(rows, tokens) {
        return x;
    }
    // The place of each token among the rows, or a row of zeros behind them.
    let [batch, count, width] = x.dims();
    let mut places = vec![count; tokens];
    for (place, &row) in rows.iter().enumerate() {
        places[row] = place;
    }
    let places = indices(&places, &x.device());
    let zeros = Tensor::<3>::zeros([batch, 1, width], &x.device()).cast(x.dtype());
    Tensor::cat(vec![x, zeros], 1).select(1, places)
}

fn is_all(rows: &[usize], tokens: usize) -> bool {
    rows.len() == tokens && rows.iter().enumerate().all(|(place, &row)| place == row)
}

fn indices(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    Tensor::from_data(TensorData::from(&rows[..]), device)
}
