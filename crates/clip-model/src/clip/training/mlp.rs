//! y = a(h) W₂ + b₂ with h = x W₁ + b₁, so h̄ = ȳ W₂ᵀ ⊙ a′(h) and x̄ = h̄ W₁ᵀ.

use burn::tensor::Tensor;

use super::Gradients;
use super::linear::{linear, weights};
use crate::{Mlp, Result};

/// # Shapes
/// - x, output and both gradients: `[rows, width]`
pub(super) fn mlp(
    layer: &Mlp,
    name: String,
    x: Tensor<2>,
) -> (
    Tensor<2>,
    impl FnOnce(Tensor<2>, &mut Gradients) -> Result<Tensor<2>> + Send + '_,
) {
    let (active, slope) = layer.inner(x.clone());
    let (output, pull_fc2) = linear(&layer.fc2, format!("{name}.fc2"), active);
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let gradient = pull_fc2(gradient, into)? * slope;
        weights(
            &layer.fc1,
            &format!("{name}.fc1"),
            x,
            gradient.clone(),
            into,
        )?;
        Ok(layer.fc1.pull_back(gradient))
    };
    (output, pull_back)
}
