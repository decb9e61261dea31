//! What lies behind the bottleneck: from a latent to an embedding, and the way back.

use burn::tensor::Tensor;

use crate::{Error, Result};

/// Maps a latent to an embedding; the weights in it are constants.
///
/// What is wanted of the embedding is not its business: that is a [`Fit`](crate::Fit).
pub trait Readout: Sync {
    /// # Shapes
    /// - latent: `[batch, tokens, width]`
    /// - output: `[batch, embedding]`
    fn read(&self, latent: Tensor<3>) -> Tensor<2>;

    /// The embedding together with the way back from it.
    ///
    /// Traced by automatic differentiation unless overridden.
    ///
    /// # Shapes
    /// - latent: `[batch, tokens, width]`
    fn read_back(&self, latent: Tensor<3>) -> ReadBack<'_> {
        let leaf = latent.autodiff().require_grad();
        let traced = self.read(leaf.clone());
        ReadBack::new(traced.clone().inner(), move |gradient| {
            // Of the product with a constant, the gradient is the way back from that constant.
            let product = (traced * gradient).sum();
            let mut gradients = product.backward();
            let found = leaf.grad_remove(&mut gradients);
            found.ok_or_else(|| Error::Device {
                reason: "the readout does not depend on its latent".into(),
            })
        })
    }
}

/// An embedding, and the way back from it.
#[must_use]
pub struct ReadBack<'a> {
    /// `[batch, embedding]`
    pub embedding: Tensor<2>,
    pull_back: Box<dyn FnOnce(Tensor<2>) -> Result<Tensor<3>> + 'a>,
}

impl<'a> ReadBack<'a> {
    /// `pull_back` takes the gradient with respect to the embedding, `[batch, embedding]`, to that
    /// with respect to the latent it was read out of, `[batch, tokens, width]`.
    pub fn new(
        embedding: Tensor<2>,
        pull_back: impl FnOnce(Tensor<2>) -> Result<Tensor<3>> + 'a,
    ) -> Self {
        Self {
            embedding,
            pull_back: Box::new(pull_back),
        }
    }

    /// From the gradient with respect to the embedding to that with respect to the latent.
    ///
    /// # Shapes
    /// - gradient: `[batch, embedding]`
    /// - output: `[batch, tokens, width]`
    ///
    /// # Errors
    /// [`Error::Device`] if the gradient cannot be had.
    pub fn pull_back(self, gradient: Tensor<2>) -> Result<Tensor<3>> {
        (self.pull_back)(gradient)
    }
}
