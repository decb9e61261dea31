//! Layer normalisation over the last axis: γ (x − mean)/√(var + ε) + β.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module::layer_norm};

/// burn's own keeps its ε to itself, and the reverse pass needs it.
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    pub(crate) weight: Param<Tensor<1>>,
    pub(crate) bias: Param<Tensor<1>>,
    pub(crate) epsilon: f64,
}

impl LayerNorm {
    /// # Shapes
    /// - x and output: `[.., width]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.weight.val(), Some(self.bias.val()), self.epsilon)
    }
}
