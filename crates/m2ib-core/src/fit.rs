//! What is wanted of an embedding: a number that is the larger the better it fits, and its gradient.

use std::any::Any;
use std::fmt;

use burn::tensor::Tensor;

use crate::{Error, Readout, Result, cosine_similarity, cosine_with_gradient};

/// A number of an embedding, differentiable: what the bottleneck holds up while it withholds.
///
/// [`Cosine`] is the paper's, [`Contrast`](crate::Contrast) asks why this rather than that. Another needs [`value`](Self::value) and a description; its gradient
/// is traced where it is not stated:
///
/// ```
/// use burn::tensor::Tensor;
/// use m2ib_core::{Cosine, Fit, Result};
///
/// /// Why this rather than that?
/// #[derive(Debug)]
/// struct Rather {
///     this: Cosine,
///     than: Cosine,
/// }
///
/// impl Fit for Rather {
///     fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
///         Ok(self.this.value(embedding.clone())? - self.than.value(embedding)?)
///     }
///
///     fn describe(&self) -> String {
///         "cosine with one embedding minus that with another".into()
///     }
///
///     fn is_in_cosines(&self) -> bool {
///         true
///     }
/// }
/// ```
pub trait Fit: fmt::Debug + Any + Send + Sync {
    /// # Shapes
    /// - embedding: `[batch, embedding]`
    /// - output: `[batch]`
    ///
    /// # Errors
    /// [`Error::Shape`] for embeddings of another width.
    fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>>;

    /// The value of each embedding with its gradient with respect to that embedding.
    ///
    /// Traced by automatic differentiation unless overridden.
    ///
    /// # Shapes
    /// - embedding: `[batch, embedding]`
    ///
    /// # Errors
    /// As [`value`](Self::value), and [`Error::Device`] if the gradient cannot be had.
    fn with_gradient(&self, embedding: Tensor<2>) -> Result<Fitted<2>> {
        let leaf = embedding.autodiff().require_grad();
        let value = self.value(leaf.clone())?;
        let mut gradients = value.clone().sum().backward();
        let gradient = leaf
            .grad_remove(&mut gradients)
            .ok_or_else(|| Error::Device {
                reason: "the fit does not depend on the embedding".into(),
            })?;
        Ok(Fitted {
            value: value.inner(),
            gradient,
        })
    }

    /// The embeddings that it compares with, `[n, embedding]` each; they are looked at before the
    /// first step, so that a broken one is named.
    fn targets(&self) -> Vec<Tensor<2>> {
        Vec::new()
    }

    /// What it is, in a few words, for whoever reads the numbers.
    fn describe(&self) -> String;

    /// Whether its values are cosines, or sums and differences of such: what shares them out, or says
    /// what masking costs, then has numbers in cosines too.
    fn is_in_cosines(&self) -> bool {
        false
    }
}

/// How well a batch fits, with the gradients: with respect to embeddings `[batch, embedding]`, or
/// to the latents they were read out of, `[batch, tokens, width]`.
#[derive(Debug, Clone)]
pub struct Fitted<const D: usize> {
    /// `[batch]`
    pub value: Tensor<1>,
    /// Of each value with respect to its own row.
    pub gradient: Tensor<D>,
}

/// How well the embeddings read out of latents fit, with the gradient with respect to the latents.
///
/// # Shapes
/// - latent: `[batch, tokens, width]`
///
/// # Errors
/// As [`Fit::with_gradient`], and as [`ReadBack::pull_back`](crate::ReadBack::pull_back).
pub fn fit_latent(readout: &dyn Readout, latent: Tensor<3>, fit: &dyn Fit) -> Result<Fitted<3>> {
    let read = readout.read_back(latent);
    let Fitted { value, gradient } = fit.with_gradient(read.embedding.clone())?;
    Ok(Fitted {
        value,
        gradient: read.pull_back(gradient)?,
    })
}

/// Cosine similarity with one embedding.
#[derive(Debug, Clone)]
pub struct Cosine {
    target: Tensor<2>,
}

impl Cosine {
    /// How it [describes](Fit::describe) itself.
    pub const DESCRIPTION: &str = "cosine similarity";

    /// # Shapes
    /// - target: `[1, embedding]`
    pub fn new(target: Tensor<2>) -> Self {
        Self { target }
    }

    /// The embedding that others are to be similar to, `[1, embedding]`.
    pub fn target(&self) -> &Tensor<2> {
        &self.target
    }
}

impl Fit for Cosine {
    fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
        same_width(&self.target, &embedding)?;
        Ok(cosine_similarity(embedding, self.target.clone()))
    }

    fn with_gradient(&self, embedding: Tensor<2>) -> Result<Fitted<2>> {
        same_width(&self.target, &embedding)?;
        let (value, gradient) = cosine_with_gradient(embedding, self.target.clone());
        Ok(Fitted { value, gradient })
    }

    fn targets(&self) -> Vec<Tensor<2>> {
        vec![self.target.clone()]
    }

    fn describe(&self) -> String {
        Self::DESCRIPTION.into()
    }

    fn is_in_cosines(&self) -> bool {
        true
    }
}

pub(crate) fn same_width(target: &Tensor<2>, embedding: &Tensor<2>) -> Result<()> {
    let ([rows, found], [_, expected]) = (target.dims(), embedding.dims());
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what: "target",
        found: vec![rows, found],
        expected: vec![rows, expected],
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Transaction};

    use super::*;

    /// Cosine similarity whose gradient is traced.
    #[derive(Debug)]
    struct Traced(Cosine);

    impl Fit for Traced {
        fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
            self.0.value(embedding)
        }

        fn describe(&self) -> String {
            self.0.describe()
        }
    }

    #[test]
    fn a_gradient_that_is_not_stated_is_traced() {
        let device = m2ib_cpu::flex();
        let random = |shape| Tensor::<2>::random(shape, Distribution::Default, &device);
        let (cosine, batch) = (Cosine::new(random([1, 5])), random([3, 5]));
        let stated = cosine.with_gradient(batch.clone()).unwrap();
        let traced = Traced(cosine).with_gradient(batch).unwrap();
        let differences = Transaction::default()
            .register((stated.value - traced.value).abs().max())
            .register((stated.gradient - traced.gradient).abs().max())
            .execute();
        for difference in differences {
            let difference = difference.iter::<f32>().next().unwrap();
            assert!(difference < 1e-6, "{difference}");
        }
    }
}
