//! Pooling: from the last block's output, one row a token, to one row.

use burn::tensor::{Device, Tensor, TensorData};
use clip_input::Read;

/// # Shapes
/// - x: `[batch, tokens, width]`
/// - output: `[batch, width]`
pub(crate) fn pool(read: &Read, x: Tensor<3>) -> Tensor<2> {
    match read {
        Read::Row(row) => x.narrow(1, *row, 1).squeeze_dim(1),
        Read::Mean(_) => {
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
    let shares = TensorData::new(read.shares(tokens), [1, tokens, 1]);
    Tensor::from_data(shares, device)
}
