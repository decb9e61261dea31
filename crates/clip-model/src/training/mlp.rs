//! y = a(h) W₂ + b₂ with h = x W₁ + b₁, so h̄ = ȳ W₂ᵀ ⊙ a′(h) and x̄ = h̄ W₁ᵀ.

use burn::tensor::Tensor;

use super::linear::{linear, weights};
use super::{Gradients, PullBack};
use crate::Mlp;

/// The names are those of its two layers.
///
/// # Shapes
/// - x, output and both gradients: `[rows, width]`
pub(super) fn mlp(
    layer: &Mlp,
    [first, second]: [String; 2],
    x: Tensor<2>,
) -> (Tensor<2>, PullBack<'_>) {
    let (active, slope) = layer.inner(x.clone());
    let (output, pull_fc2) = linear(&layer.fc2, second, active);
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let gradient = pull_fc2(gradient, into)? * slope;
        weights(&layer.fc1, &first, x, gradient.clone(), into)?;
        Ok(layer.fc1.pull_back(gradient))
    };
    (output, Box::new(pull_back))
}
