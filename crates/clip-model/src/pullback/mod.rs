//! The reverse pass of a read-out, derived by hand.
//!
//! A part f of the tower, with its weights frozen, is run together with its *pullback*: the
//! function that takes the gradient with respect to f's output to the gradient with respect to its
//! input. It captures what it needs of the forward pass. Compared with automatic differentiation
//! it keeps less, computes nothing for the weights, and leaves every product with a weight a plain
//! matrix product.
//!
//! Pullbacks compose backwards: for y = x + f(g(x)), x̄ = ȳ + g*(f*(ȳ)).

mod attention;
mod block;
mod layer_norm;
mod mlp;
mod pooled_attention;

pub(crate) use attention::softmax_pull_back;

use burn::tensor::Tensor;

use crate::Encoder;
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;

/// An embedding, and the way back from it.
#[must_use]
pub struct ReadOut<'a> {
    /// `[batch, projection]`
    pub embedding: Tensor<2>,
    pull_back: Box<dyn FnOnce(Tensor<2>) -> Tensor<3> + 'a>,
}

impl ReadOut<'_> {
    /// From the gradient with respect to the embedding to that with respect to the latent it was
    /// read out of.
    ///
    /// # Shapes
    /// - gradient: `[batch, projection]`
    /// - output: `[batch, tokens, width]`
    pub fn pull_back(self, gradient: Tensor<2>) -> Tensor<3> {
        (self.pull_back)(gradient)
    }
}

/// The blocks from `start` on, of the last one only the token at `position`; then a tower's final
/// norm and projection.
///
/// # Shapes
/// - x: `[batch, tokens, width]`
/// - bias: `[1, 1, tokens, tokens]`
pub(crate) fn read_out<'a>(
    encoder: &'a Encoder,
    norm: &'a LayerNorm,
    projection: &'a Linear,
    start: usize,
    x: Tensor<3>,
    bias: Option<&Tensor<4>>,
    (position, visible): (usize, usize),
) -> ReadOut<'a> {
    let mut x = x;
    let mut blocks: Vec<Box<dyn FnOnce(Tensor<3>) -> Tensor<3> + 'a>> = Vec::new();
    let (pooled, pull_pooled): (_, Box<dyn FnOnce(Tensor<2>) -> Tensor<3> + 'a>) =
        match encoder.layers[start..].split_last() {
            Some((last, full)) => {
                for block in full {
                    let (output, pull_back) = block::block(block, x, bias);
                    blocks.push(Box::new(pull_back));
                    x = output;
                }
                let (pooled, pull_back) = block::pooled_block(last, x, position, visible);
                (pooled, Box::new(pull_back))
            }
            None => {
                let nothing = Tensor::zeros(x.dims(), &x.device());
                let pull_back = move |gradient: Tensor<2>| {
                    pooled_attention::add_at(nothing, position, gradient.unsqueeze_dim::<3>(1))
                };
                (
                    x.narrow(1, position, 1).squeeze_dim::<2>(1),
                    Box::new(pull_back),
                )
            }
        };
    let (normed, pull_norm) = layer_norm::layer_norm(norm, pooled);
    let embedding = projection.forward(normed);
    let pull_back = move |gradient: Tensor<2>| {
        let gradient = pull_pooled(pull_norm(projection.pull_back(gradient)));
        blocks
            .into_iter()
            .rev()
            .fold(gradient, |gradient, pull_back| pull_back(gradient))
    };
    let pull_back = move |gradient| match projection.is_narrow() {
        true => scaled(gradient, pull_back),
        false => pull_back(gradient),
    };
    ReadOut {
        embedding,
        pull_back: Box::new(pull_back),
    }
}

/// A way back is linear, so it may as well start from numbers of size one: as they come, with a
/// gradient of a cosine, many would be lost below the least number of f16.
fn scaled(gradient: Tensor<2>, pull_back: impl FnOnce(Tensor<2>) -> Tensor<3>) -> Tensor<3> {
    let largest = gradient.clone().abs().max().clamp_min(f32::MIN_POSITIVE);
    pull_back(gradient / largest.clone().unsqueeze()) * largest.unsqueeze()
}

#[cfg(test)]
mod tests;
