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
mod map_head;
mod mlp;
mod read_out;
mod rows;
mod text;

use burn::tensor::Tensor;

pub use gradients::Gradients;
pub use image::Patches;

use crate::Result;

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

#[cfg(test)]
mod tests;
