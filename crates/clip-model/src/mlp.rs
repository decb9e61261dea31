//! The two-layer perceptron of a block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::Activation;
use crate::linear::apply;

/// fc2(act(fc1(x))).
#[derive(Module, Debug)]
pub struct Mlp {
    pub(crate) fc1: Linear,
    pub(crate) fc2: Linear,
    #[module(skip)]
    pub(crate) activation: Activation,
}

impl Mlp {
    /// # Shapes
    /// - x and output: `[.., width]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        apply(&self.fc2, self.activation.forward(apply(&self.fc1, x)))
    }
}
