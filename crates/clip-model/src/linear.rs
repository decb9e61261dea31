//! Applying a dense layer.

use burn::nn::Linear;
use burn::tensor::Tensor;

/// x W + b over the last axis.
///
/// burn's own `Linear::forward` reshapes the weight to x's rank for small batches, and that copies
/// a weight that is a transposed view; here the rows of x are folded instead.
///
/// # Shapes
/// - x: `[.., input]`, output: `[.., output]`
pub(crate) fn apply<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    let weight = layer.weight.val();
    let [input, output] = weight.dims();
    let mut shape = x.dims();
    let rows = shape.iter().product::<usize>() / input;
    let folded = x.reshape([rows, input]).matmul(weight);
    let folded = match &layer.bias {
        Some(bias) => folded + bias.val().unsqueeze(),
        None => folded,
    };
    shape[D - 1] = output;
    folded.reshape(shape)
}
