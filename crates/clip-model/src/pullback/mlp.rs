//! y = a(x W₁ + b₁) W₂ + b₂, so x̄ = (ȳ W₂ᵀ ⊙ a′) W₁ᵀ.

use burn::tensor::Tensor;

use crate::Mlp;

/// # Shapes
/// - x, output and both gradients: `[.., width]`
pub(super) fn mlp<const D: usize>(
    layer: &Mlp,
    x: Tensor<D>,
) -> (Tensor<D>, impl FnOnce(Tensor<D>) -> Tensor<D> + '_) {
    let inner = layer.fc1.forward(x);
    let (active, slope) = layer.activation.with_slope(inner);
    let output = layer.fc2.forward(active);
    let pull_back = move |gradient| layer.fc1.pull_back(layer.fc2.pull_back(gradient) * slope);
    (output, pull_back)
}
