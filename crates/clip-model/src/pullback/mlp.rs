//! y = a(x W₁ + b₁) W₂ + b₂, so x̄ = (ȳ W₂ᵀ ⊙ a′) W₁ᵀ.

use burn::tensor::Tensor;

use crate::Mlp;

/// # Shapes
/// - x, output and both gradients: `[.., width]`
pub(super) fn mlp<const D: usize>(
    layer: &Mlp,
    x: Tensor<D>,
) -> (Tensor<D>, impl FnOnce(Tensor<D>) -> Tensor<D> + '_) {
    let (active, slope) = layer.inner(x);
    let output = layer.fc2.forward(active);
    let pull_back = move |gradient| layer.fc1.pull_back(layer.fc2.pull_back(gradient) * slope);
    (output, pull_back)
}
