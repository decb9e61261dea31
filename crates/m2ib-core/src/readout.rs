//! What lies behind the bottleneck: from a latent to an embedding, and how well that fits.

use burn::tensor::Tensor;

use crate::{Error, Result, cosine_similarity};

/// Maps a latent to an embedding; the weights in it are constants.
pub trait Readout {
    /// # Shapes
    /// - latent: `[batch, tokens, width]`
    /// - output: `[batch, embedding]`
    fn read(&self, latent: Tensor<3>) -> Tensor<2>;

    /// The mean cosine similarity with `target`, `[1]`.
    ///
    /// # Shapes
    /// - latent: `[batch, tokens, width]`
    /// - target: `[1, embedding]`
    ///
    /// # Errors
    /// [`Error::Shape`] if the target is not as wide as the readout's embedding.
    fn cosine(&self, latent: Tensor<3>, target: &Tensor<2>) -> Result<Tensor<1>> {
        let embedding = self.read(latent);
        let ([_, found], [_, expected]) = (target.dims(), embedding.dims());
        if found != expected {
            return Err(Error::Shape {
                what: "target",
                found: vec![1, found],
                expected: vec![1, expected],
            });
        }
        Ok(cosine_similarity(embedding, target.clone()).mean())
    }

    /// The mean cosine similarity with `target`, and its gradient with respect to the latent.
    ///
    /// Traced by automatic differentiation unless overridden.
    ///
    /// # Shapes
    /// - latent: `[batch, tokens, width]`
    /// - target: `[1, embedding]`
    ///
    /// # Errors
    /// As [`cosine`](Self::cosine), and [`Error::Device`] if the gradient cannot be had.
    fn fit(&self, latent: Tensor<3>, target: &Tensor<2>) -> Result<Fit> {
        let leaf = latent.autodiff().require_grad();
        let cosine = self.cosine(leaf.clone(), target)?;
        let mut gradients = cosine.backward();
        let gradient = leaf
            .grad_remove(&mut gradients)
            .ok_or_else(|| Error::Device {
                reason: "the readout does not depend on its latent".into(),
            })?;
        Ok(Fit {
            cosine: cosine.inner(),
            gradient,
        })
    }
}

/// A fit with its gradient.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Mean cosine similarity over the batch, `[1]`.
    pub cosine: Tensor<1>,
    /// Its gradient with respect to the latent, `[batch, tokens, width]`.
    pub gradient: Tensor<3>,
}
