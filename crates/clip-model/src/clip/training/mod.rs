//! Forward and reverse passes that train the towers, derived by hand.
//!
//! As in [`pullback`](crate::pullback), a part f of a tower is run together with the function that
//! takes the gradient with respect to f's output to that with respect to its input; here it also
//! leaves the gradients of f's weights behind. On the emoji model (two cores, 128 images) they take
//! little more than a third of the time of automatic differentiation, whose layer norms,
//! activations and softmaxes fall apart into single operations.
//!
//! Activations lie as matrices here, one token a row, since all but attention treats rows alike.

mod attention;
mod block;
mod gradients;
mod image;
mod layer_norm;
mod linear;
mod mlp;
mod replacement;
mod rows;
mod text;

use burn::tensor::{Device, Tensor};

pub use gradients::Gradients;
pub use image::Patches;

use crate::clip::{Clip, ClipConfig};
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::weights::Weights;
use crate::{Encoder, Result};

/// From the gradient with respect to an output to that of the input, weights' gradients aside.
///
/// # Shapes
/// - gradients: `[rows, width]` of the output and of the input
type PullBack<'a> = Box<dyn FnOnce(Tensor<2>, &mut Gradients) -> Result<Tensor<2>> + Send + 'a>;

/// The same for a whole tower, which has no input to go back to.
type PullBackWhole<'a> = Box<dyn FnOnce(Tensor<2>, &mut Gradients) -> Result<()> + Send + 'a>;

/// Embeddings of a batch, and the way back from them to the tower's weights.
#[must_use]
pub struct TrainingPass<'a> {
    /// `[batch, projection]`, not normalised.
    pub embedding: Tensor<2>,
    pull_back: PullBackWhole<'a>,
}

impl TrainingPass<'_> {
    /// Adds the gradients of the tower's weights to `into`.
    ///
    /// # Shapes
    /// - gradient: `[batch, projection]`, with respect to the embeddings
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) from a device that is lost or full.
    pub fn pull_back(self, gradient: Tensor<2>, into: &mut Gradients) -> Result<()> {
        (self.pull_back)(gradient, into)
    }

    /// The embeddings' values, row by row.
    ///
    /// # Errors
    /// As [`pull_back`](Self::pull_back).
    pub fn values(&self) -> Result<Vec<f32>> {
        rows::values(self.embedding.clone())
    }
}

impl Clip {
    /// A model of these weights, by Hugging Face's names and in its layouts.
    ///
    /// # Errors
    /// [`Error::Tensors`](crate::Error::Tensors) for missing, superfluous or wrongly shaped ones.
    pub fn from_tensors(
        config: ClipConfig,
        tensors: std::collections::BTreeMap<String, burn::tensor::TensorData>,
        device: &Device,
    ) -> Result<Self> {
        Self::read(config, Weights::given(tensors, device))
    }
}

/// The blocks `start..` of a tower, the final norm and the projection, reading out one row a
/// sequence.
///
/// # Shapes
/// - x and its gradient: `[batch · tokens, width]`
/// - bias: `[1, 1, tokens, tokens]`
/// - positions: the token of each sequence that is read out
/// - output and its gradient: `[batch, projection]`
fn read_out<'a>(
    (encoder, encoder_name): (&'a Encoder, &str),
    (norm, norm_name): (&'a LayerNorm, &str),
    (projection, projection_name): (&'a Linear, &str),
    start: usize,
    x: Tensor<2>,
    bias: Option<&Tensor<4>>,
    positions: &[usize],
) -> (Tensor<2>, PullBack<'a>) {
    let mut x = x;
    let batch = positions.len();
    let tokens = x.dims()[0] / batch;
    let picked: Vec<usize> = (0..batch).map(|i| i * tokens + positions[i]).collect();
    let mut blocks: Vec<PullBack<'a>> = Vec::new();
    let (last, full) = encoder.layers[start..]
        .split_last()
        .expect("at least the last block is trained");
    for (index, block) in (start..).zip(full) {
        let name = format!("{encoder_name}.layers.{index}");
        let (output, pull_back) = block::block(block, name, x, batch, bias);
        blocks.push(pull_back);
        x = output;
    }
    let name = format!("{encoder_name}.layers.{}", start + full.len());
    let (pooled, pull_pooled) = block::pooled_block(last, name, x, picked, tokens, bias);
    let (normed, pull_norm) = layer_norm::layer_norm(norm, norm_name.into(), pooled);
    let (embedding, pull_projection) = linear::linear(projection, projection_name.into(), normed);
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let gradient = pull_projection(gradient, into)?;
        let gradient = pull_norm(gradient, into)?;
        let gradient = pull_pooled(gradient, into)?;
        let mut back = blocks.into_iter().rev();
        back.try_fold(gradient, |gradient, pull_back| pull_back(gradient, into))
    };
    (embedding, Box::new(pull_back))
}

#[cfg(test)]
mod tests;
