//! What lies behind the bottleneck: from a latent to an embedding, and how well that fits.

use burn::tensor::Tensor;

use crate::{Error, Result, cosine_similarity};

/// Maps a latent to an embedding; the weights in it are constants.
pub trait Readout: Sync {
    /// # Shapes
    /// - latent: `[batch, tokens, width]`
    /// - output: `[batch, embedding]`
    fn read(&self, latent: Tensor<3>) -> Tensor<2>;

    /// The cosine similarity of each embedding with its target, `[batch]`.
    ///
    /// # Shapes
    /// - latent: `[batch, tokens, width]`
    /// - target: `[batch, embedding]`, or `[1, embedding]` for all
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
        Ok(cosine_similarity(embedding, target.clone()))
    }

    /// The cosine similarity of each embedding with its target, and its gradient with respect to
    /// its latent.
    ///
    /// Traced by automatic differentiation unless overridden.
    ///
    /// # Shapes
    /// - as [`cosine`](Self::cosine)
    ///
    /// # Errors
    /// As [`cosine`](Self::cosine), and [`Error::Device`] if the gradient cannot be had.
    fn fit(&self, latent: Tensor<3>, target: &Tensor<2>) -> Result<Fit> {
        let leaf = latent.autodiff().require_grad();
        let cosine = self.cosine(leaf.clone(), target)?;
        let mut gradients = cosine.clone().sum().backward();
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

/// How well a batch fits, with the gradients.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Cosine similarities, `[batch]`.
    pub cosine: Tensor<1>,
    /// The gradient of each with respect to its own latent, `[batch, tokens, width]`.
    pub gradient: Tensor<3>,
}
