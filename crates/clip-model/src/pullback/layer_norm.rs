//! y = γ x̂ + β with x̂ = (x − mean)/σ, σ = √(var + ε). With g = γ ȳ,
//! x̄ = (g − mean(g) − x̂ mean(g x̂))/σ, means over the features.

use burn::tensor::Tensor;

use crate::layer_norm::LayerNorm;

/// # Shapes
/// - x, output and both gradients: `[.., width]`
pub(super) fn layer_norm<const D: usize>(
    layer: &LayerNorm,
    x: Tensor<D>,
) -> (Tensor<D>, impl FnOnce(Tensor<D>) -> Tensor<D> + '_) {
    let output = layer.forward(x.clone());
    let pull_back = move |gradient| layer.pull_back(x, gradient);
    (output, pull_back)
}
