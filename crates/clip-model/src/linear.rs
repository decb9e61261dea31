//! A dense layer, y = x W + b.

use std::sync::{Arc, OnceLock};

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};

use crate::Precision;

/// A dense layer with its weights.
///
/// The weight lies in memory as `[input, output]`: seen as a transposed view of the file's
/// `[output, input]`, a matrix product spends up to half its time on bringing it in order (and
/// burn's own layer copies it whole for small batches).
#[derive(Module, Debug)]
pub struct Linear {
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    by_output: Cache,
}

/// A second copy of a weight, made when it is first needed.
#[derive(Debug, Clone, Default)]
struct Cache(Arc<OnceLock<Tensor<2>>>);

impl Linear {
    /// # Shapes
    /// - weight: `[output, input]`, as in a file
    /// - bias: `[output]`
    pub(crate) fn new(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        Self {
            weight: Param::from_tensor(transposed(weight)),
            bias: bias.map(Param::from_tensor),
            by_output: Cache::default(),
        }
    }

    /// The same with every output multiplied by a factor of its own.
    ///
    /// # Shapes
    /// - factors: `[output]`
    pub(crate) fn times(&self, factors: Tensor<1>) -> Self {
        // A misfit that was noted stands in for weights; it fits no factors.
        if factors.dims() != [self.outputs()] {
            return self.clone();
        }
        let weight = self.weight.val() * factors.clone().unsqueeze();
        Self {
            weight: Param::from_tensor(weight),
            bias: self.bias().map(|bias| Param::from_tensor(bias * factors)),
            by_output: Cache::default(),
        }
    }

    /// Multiplies, and adds the bias where there is one.
    ///
    /// # Shapes
    /// - x: `[.., input]`, output: `[.., output]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.add_bias(self.product(x))
    }

    /// x W alone.
    pub(crate) fn product<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        rows_times(x, self.weight.val())
    }

    /// Width of the output.
    pub(crate) fn outputs(&self) -> usize {
        let [_, outputs] = self.weight.val().dims();
        outputs
    }

    /// The format of the weight.
    pub(crate) fn precision(&self) -> Precision {
        match self.weight.val().dtype() {
            DType::F16 => Precision::F16,
            DType::BF16 => Precision::Bf16,
            _ => Precision::F32,
        }
    }

    /// See [`DualEncoder::set_precision`](crate::DualEncoder::set_precision).
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        let weight = self.weight.val().cast(precision.dtype());
        self.weight = Param::from_tensor(weight);
        self.by_output = Cache::default();
    }

    /// Forgets the second copy, of a weight that was replaced.
    pub(crate) fn forget_copy(&mut self) {
        self.by_output = Cache::default();
    }

    pub(crate) fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }

    /// From the gradient with respect to the output to that of the input: x̄ = ȳ Wᵀ.
    ///
    /// # Shapes
    /// - gradient: `[.., output]`, output: `[.., input]`
    pub(crate) fn pull_back<const D: usize>(&self, gradient: Tensor<D>) -> Tensor<D> {
        rows_times(gradient, self.by_output())
    }

    /// # Shapes
    /// - x and output: `[.., output]`
    pub(crate) fn add_bias<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match &self.bias {
            Some(bias) => x + bias.val().unsqueeze(),
            None => x,
        }
    }

    /// The weight as `[output, input]`, in that order in memory. The copy is kept, so this is for
    /// the few blocks behind a mask, not for whole towers.
    pub(crate) fn by_output(&self) -> Tensor<2> {
        let weight = self.weight.val();
        match self.by_output.0.get() {
            Some(kept) if kept.device() == weight.device() => kept.clone(),
            // Not by `get_or_init`: a backend that forks may, while it waits, be handed a job that
            // comes here again and would wait for itself. (A copy on another device stays: the
            // layer was moved.)
            _ => {
                let made = transposed(weight);
                let _ = self.by_output.0.set(made.clone());
                made
            }
        }
    }
}

/// `[.., inner]` times `[inner, columns]`, multiplied in the weight's format.
fn rows_times<const D: usize>(x: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    let [inner, columns] = weight.dims();
    let mut shape = x.dims();
    let rows = shape.iter().product::<usize>() / inner;
    shape[D - 1] = columns;
    let outer = x.dtype();
    let x = x.reshape([rows, inner]).cast(weight.dtype());
    x.matmul(weight).cast(outer).reshape(shape)
}

/// Transposed in memory, not only in view: a view cannot be flattened without bringing it in order.
fn transposed(x: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = x.dims();
    x.transpose()
        .reshape([rows * columns])
        .reshape([columns, rows])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_and_back_use_the_same_weight() {
        let device = m2ib_cpu::flex();
        let weight = Tensor::from_floats([[1.0, 2.0, 3.0], [0.0, -1.0, 5.0]], &device);
        let layer = Linear::new(weight, Some(Tensor::from_floats([0.5, 0.0], &device)));
        let y = layer.forward(Tensor::<3>::from_floats([[[1.0, 1.0, 1.0]]], &device));
        assert_eq!(y.into_data().try_to_vec::<f32>().unwrap(), [6.5, 4.0]);
        let x = layer.pull_back(Tensor::<2>::from_floats([[1.0, 2.0]], &device));
        assert_eq!(x.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0, 13.0]);
    }
}
