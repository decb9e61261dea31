//! Y = X W + b, so X̄ = Ȳ Wᵀ, W̄ᵀ = Ȳᵀ X and b̄ = Σ ȳ over the rows.

use burn::tensor::Tensor;

use super::rows::{column_sums, values};
use super::{Gradients, PullBack};
use crate::Result;
use crate::linear::Linear;

/// # Shapes
/// - x and its gradient: `[rows, input]`
/// - output and its gradient: `[rows, output]`
pub(super) fn linear(layer: &Linear, name: String, x: Tensor<2>) -> (Tensor<2>, PullBack<'_>) {
    let output = layer.forward(x.clone());
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        weights(layer, &name, x, gradient.clone(), into)?;
        Ok(layer.pull_back(gradient))
    };
    (output, Box::new(pull_back))
}

/// Leaves the gradients of weight (as `[output, input]`) and bias.
///
/// # Shapes
/// - x: `[rows, input]`, gradient: `[rows, output]`
pub(super) fn weights(
    layer: &Linear,
    name: &str,
    x: Tensor<2>,
    gradient: Tensor<2>,
    into: &mut Gradients,
) -> Result<()> {
    if layer.bias().is_some() {
        into.add(format!("{name}.bias"), column_sums(gradient.clone())?);
    }
    let product = gradient.transpose().matmul(x);
    into.add(format!("{name}.weight"), values(product)?);
    Ok(())
}
