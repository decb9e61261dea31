//! Layer normalisation over the last axis: γ (x − mean)/√(var + ε) + β.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module::layer_norm};

use crate::host;

/// A norm with its weights; burn's own keeps its ε to itself, and the reverse pass needs it.
#[derive(Module, Debug)]
pub struct LayerNorm {
    pub(crate) weight: Param<Tensor<1>>,
    pub(crate) bias: Param<Tensor<1>>,
    pub(crate) epsilon: f64,
    /// The device computes in host memory.
    pub(crate) on_host: bool,
}

impl LayerNorm {
    /// Norms every row.
    ///
    /// # Shapes
    /// - x and output: `[.., width]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.weight.val(), Some(self.bias.val()), self.epsilon)
    }

    /// From the gradient with respect to the output for x to that with respect to x (see
    /// [`pullback`](crate::pullback)).
    ///
    /// # Shapes
    /// - x, gradient and output: `[.., width]`
    pub(crate) fn pull_back<const D: usize>(&self, x: Tensor<D>, gradient: Tensor<D>) -> Tensor<D> {
        let weight = self.weight.val();
        if self.on_host && host::takes(&x) && host::takes(&gradient) {
            host::layer_norm_pull_back(x, gradient, weight, self.epsilon)
        } else {
            Self::pull_back_on_device(x, gradient, weight, self.epsilon)
        }
    }

    pub(crate) fn pull_back_on_device<const D: usize>(
        x: Tensor<D>,
        gradient: Tensor<D>,
        weight: Tensor<1>,
        epsilon: f64,
    ) -> Tensor<D> {
        let centred = x.clone() - x.mean_dim(D - 1);
        let variance = centred.clone().square().mean_dim(D - 1);
        let inverse = (variance + epsilon).sqrt().recip();
        let normed = centred * inverse.clone();
        let scaled = gradient * weight.unsqueeze();
        let along = (scaled.clone() * normed.clone()).mean_dim(D - 1);
        let mean = scaled.clone().mean_dim(D - 1);
        (scaled - mean - normed * along) * inverse
    }
}
