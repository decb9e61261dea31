//! NIB: a bottleneck without noise.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use m2ib::Unit;
use m2ib::m2ib_core::Fitted;
use ndarray::Array2;

use crate::host::host;
use crate::settings::{Given, listed};
use crate::{Method, Result, Subject};

/// h ⊙ (1/n) Σ_{i=1..n} ∂y/∂x at x = (i/n) h, summed over features, signed (Zhu et al., *Narrowing
/// Information Bottleneck Theory*, ICLR 2025). h is the input of a block.
#[derive(Debug, Clone, Copy)]
pub struct Nib {
    /// The block whose input is narrowed; depth − 3 if not given (9 of 12, as published).
    pub block: Option<usize>,
    /// Points on the way, n.
    pub steps: usize,
}

impl Default for Nib {
    fn default() -> Self {
        Self {
            block: None,
            steps: 10,
        }
    }
}

impl Nib {
    pub(crate) fn read(mut given: Given) -> Result<Self> {
        let steps = given.count("steps")?.unwrap_or(Self::default().steps);
        let block = given.take("block", "a block's number", |_| true)?;
        given.finish("block, steps")?;
        Ok(Self { block, steps })
    }

    fn block(&self, depth: usize) -> usize {
        self.block.unwrap_or(depth.saturating_sub(3)).min(depth - 1)
    }

    /// `[1, tokens, width]` to `[tokens]`.
    fn narrow(
        &self,
        h: Tensor<3>,
        fit: impl Fn(Tensor<3>) -> Result<Fitted<3>>,
    ) -> Result<Vec<f32>> {
        let points = (1..=self.steps).map(|i| i as f32 / self.steps as f32);
        let points = TensorData::new(points.collect(), [self.steps, 1, 1]);
        let points = Tensor::<3>::from_data(points, &h.device());
        let gradient = fit(h.clone() * points)?.gradient.mean_dim(0);
        host((h * gradient).sum_dim(2), "NIB")
    }
}

impl Method for Nib {
    fn name(&self) -> &'static str {
        "nib"
    }

    fn settings(&self) -> BTreeMap<String, String> {
        let block = self
            .block
            .map_or("depth − 3".into(), |block| block.to_string());
        listed([("block", &block), ("steps", &self.steps)])
    }

    fn unit(&self) -> Unit {
        Unit::Cosine
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let block = self.block(subject.model().clip.image.depth());
        let h = subject.image_latent(block)?;
        let values = self.narrow(h, |x| subject.image_fit(block, x))?;
        Ok(subject.grid(&values))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let block = self.block(subject.model().clip.text.depth());
        let h = subject.text_latent(block)?;
        self.narrow(h, |x| subject.text_fit(block, x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

    /// With many points, the sum stands for the integral of ∂y along the way from 0 to h.
    #[test]
    fn all_of_it_is_what_lies_between_nothing_and_the_whole() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let block = 1;
        let nib = Nib {
            block: Some(block),
            steps: 400,
        };
        let h = subject.text_latent(block).unwrap();
        let at = |x| {
            let cosine = subject.text_fit(block, x).unwrap().value;
            cosine.into_scalar::<f32>()
        };
        // Layer norm jumps at 0, so the way starts a little behind it.
        let expected = at(h.clone()) - at(h * (1.0 / 800.0));
        let total: f32 = nib.tokens(&subject).unwrap().iter().sum();
        assert!((total - expected).abs() < 0.05, "{total} {expected}");
    }
}
