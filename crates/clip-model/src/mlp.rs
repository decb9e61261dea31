//! The two-layer perceptron of a block.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::Activation;
use crate::linear::Linear;

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
        self.fc2
            .forward(self.activation.forward(self.fc1.forward(x)))
    }
}
