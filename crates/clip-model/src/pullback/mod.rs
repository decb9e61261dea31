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
mod map_head;
mod mlp;
mod pooled_attention;

pub(crate) use attention::softmax_pull_back;

use burn::tensor::Tensor;
use clip_input::{Layout, Read};

use crate::head::Projection;
use crate::layer_norm::LayerNorm;
use crate::{Encoder, Head, Precision, attention_bias, pooling};

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

type PullBack<'a, const D: usize> = Box<dyn FnOnce(Tensor<D>) -> Tensor<3> + 'a>;

/// A way back between tensors of one shape.
type Back<'a, const D: usize> = Box<dyn FnOnce(Tensor<D>) -> Tensor<D> + 'a>;

/// The blocks from `start` on, and what is read out behind them. Of one row, the last block
/// computes nothing else.
///
/// # Shapes
/// - x: `[batch, tokens, width]`
pub(crate) fn read_out<'a>(
    encoder: &'a Encoder,
    head: Head<'a>,
    start: usize,
    x: Tensor<3>,
    layout: &Layout,
) -> ReadOut<'a> {
    let bias = attention_bias(layout, &x.device());
    let layers = &encoder.layers[start..];
    let (full, last) = match (&layout.read, layers.split_last()) {
        (&Read::Row(row), Some((last, full))) => (full, Some((last, row))),
        _ => (layers, None),
    };
    let mut x = x;
    let mut blocks: Vec<PullBack<'a, 3>> = Vec::new();
    for block in full {
        let (output, pull_back) = block::block(block, x, bias.as_ref());
        blocks.push(Box::new(pull_back));
        x = output;
    }
    let (pooled, pull_pooled): (Tensor<2>, PullBack<'a, 2>) = match last {
        Some((last, row)) => {
            let (x, pull_row) = block::pooled_block(last, x, row, layout.visible(row));
            let (x, pull_norm) = norm(head.before, x);
            (x, Box::new(move |gradient| pull_row(pull_norm(gradient))))
        }
        None => {
            let (x, pull_norm) = norm(head.before, x);
            let (x, pull_rows) = pool(head, &layout.read, x);
            (x, Box::new(move |gradient| pull_norm(pull_rows(gradient))))
        }
    };
    let (pooled, pull_norm) = norm(head.after, pooled);
    let (pooled, pull_pooler) = pooler(head, pooled);
    let (embedding, pull_projection) = project(head, pooled);
    let pull_back = move |gradient: Tensor<2>| {
        let gradient = pull_pooler(pull_projection(gradient));
        let gradient = pull_pooled(pull_norm(gradient));
        blocks
            .into_iter()
            .rev()
            .fold(gradient, |gradient, pull_back| pull_back(gradient))
    };
    // Numbers met by such weights must be kept from leaving their narrow range.
    let is_narrow = encoder.precision() == Precision::F16;
    let pull_back = move |gradient| match is_narrow {
        true => scaled(gradient, pull_back),
        false => pull_back(gradient),
    };
    ReadOut {
        embedding,
        pull_back: Box::new(pull_back),
    }
}

/// Many rows to one.
fn pool<'a>(head: Head<'a>, read: &Read, x: Tensor<3>) -> (Tensor<2>, PullBack<'a, 2>) {
    match (read, head.attention) {
        (Read::Attention(rows), Some(attention)) => {
            let (pooled, pull_back) = map_head::map_head(attention, rows, x);
            (pooled, Box::new(pull_back))
        }
        _ => {
            let (pooled, pull_back) = pooling::pool_with_pullback(read, x);
            (pooled, Box::new(pull_back))
        }
    }
}

/// tanh of a dense layer, where there is one: with y = tanh h, h̄ = ȳ (1 − y²).
fn pooler<'a>(head: Head<'a>, x: Tensor<2>) -> (Tensor<2>, Back<'a, 2>) {
    match head.pooler {
        Some(layer) => {
            let y = layer.forward(x).tanh();
            let slope = y.clone().square().neg() + 1.0;
            (
                y,
                Box::new(move |gradient| layer.pull_back(gradient * slope)),
            )
        }
        None => (x, Box::new(|gradient| gradient)),
    }
}

fn project<'a>(head: Head<'a>, x: Tensor<2>) -> (Tensor<2>, Back<'a, 2>) {
    match head.into_shared() {
        Projection::None => (x, Box::new(|gradient| gradient)),
        Projection::Linear(layer) => (
            layer.forward(x),
            Box::new(|gradient| layer.pull_back(gradient)),
        ),
        Projection::Mlp(layers) => {
            let (embedding, pull_back) = mlp::mlp(layers, x);
            (embedding, Box::new(pull_back))
        }
    }
}

/// A norm, where there is one.
fn norm<'a, const D: usize>(
    layer: Option<&'a LayerNorm>,
    x: Tensor<D>,
) -> (Tensor<D>, Back<'a, D>) {
    match layer {
        Some(layer) => {
            let (output, pull_back) = layer_norm::layer_norm(layer, x);
            (output, Box::new(pull_back))
        }
        None => (x, Box::new(|gradient| gradient)),
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
