//! The two-layer perceptron of a block.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::Activation;
use crate::host::{self, Gated};
use crate::linear::Linear;

/// fc2(act(fc1(x))).
#[derive(Module, Debug)]
pub struct Mlp {
    pub(crate) fc1: Linear,
    pub(crate) fc2: Linear,
    #[module(skip)]
    pub(crate) activation: Activation,
    /// The device computes in host memory.
    pub(crate) on_host: bool,
}

impl Mlp {
    /// # Shapes
    /// - x and output: `[.., width]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let inner = self.fc1.product(x);
        let active = match self.fused(&inner) {
            Some((gate, bias)) => host::gated(gate, inner, bias),
            None => self.activation.forward(self.fc1.add_bias(inner)),
        };
        self.fc2.forward(active)
    }

    /// The inner layer after the activation, and the activation's slope there.
    ///
    /// # Shapes
    /// - x: `[.., width]`, outputs: `[.., inner]`
    pub(crate) fn inner<const D: usize>(&self, x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
        let inner = self.fc1.product(x);
        match self.fused(&inner) {
            Some((gate, bias)) => host::gated_with_slope(gate, inner, bias),
            None => self.activation.with_slope(self.fc1.add_bias(inner)),
        }
    }

    /// The bias, where adding it and the activation can be one loop on the host.
    fn fused<const D: usize>(&self, inner: &Tensor<D>) -> Option<(Gated, Tensor<1>)> {
        let gate = match self.activation {
            Activation::QuickGelu => Gated::Quick,
            Activation::GeluTanh => Gated::Tanh,
            Activation::Gelu => return None,
        };
        let bias = self.fc1.bias()?;
        (self.on_host && host::takes(inner)).then_some((gate, bias))
    }
}
