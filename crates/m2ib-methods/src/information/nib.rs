//! NIB: a bottleneck without noise.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use m2ib::m2ib_core::Fitted;
use m2ib::{Calibration, DualEncoder, Modality, Unit};
use ndarray::Array2;

use crate::host::host;
use crate::places::{Named, depths};
use crate::{Method, MethodFactory, Result, Settings, Subject};

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

/// Points whose gradients are computed at once.
const BATCH: usize = 10;

impl Nib {
    /// The block of a tower of `depth` blocks.
    fn block(&self, modality: Modality, depth: usize) -> Result<usize> {
        let block = self.block.unwrap_or(depth.saturating_sub(3));
        let named = Named {
            method: self.name(),
            setting: "block",
        };
        named.block(block, modality, depth)
    }

    /// `[1, tokens, width]` to `[tokens]`.
    fn narrow(
        &self,
        h: Tensor<3>,
        fit: impl Fn(Tensor<3>) -> Result<Fitted<3>>,
    ) -> Result<Vec<f32>> {
        let points = (1..=self.steps).map(|i| i as f32 / self.steps as f32);
        let points: Vec<f32> = points.collect();
        let mut sum = h.zeros_like();
        for points in points.chunks(BATCH) {
            let points = TensorData::new(points.to_vec(), [points.len(), 1, 1]);
            let points = Tensor::<3>::from_data(points, &h.device());
            sum = sum + fit(h.clone() * points)?.gradient.sum_dim(0);
        }
        host((h * sum / self.steps as f64).sum_dim(2), "NIB")
    }
}

impl MethodFactory for Nib {
    fn name(&self) -> &str {
        "nib"
    }

    fn description(&self) -> &str {
        "A bottleneck without noise: a block's input times the mean gradient on the way to it, signed (Zhu et al. 2025)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let takes = "a block's number, or auto for depth − 3";
        Arc::new(Self {
            block: settings.optional("block", takes, |_| true, self.block, "auto"),
            steps: settings.count("steps", self.steps, Self::default().steps),
        })
    }

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        for (modality, depth) in depths(model) {
            self.block(modality, depth)?;
        }
        Ok(())
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for Nib {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn unit(&self) -> Unit {
        Unit::Cosine
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        self.check_settings()?;
        let block = self.block(Modality::Image, subject.model().image().depth())?;
        let h = subject.image_latent(block)?;
        let values = self.narrow(h, |x| subject.image_fit(block, x))?;
        Ok(subject.on_grid(&values))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        self.check_settings()?;
        let block = self.block(Modality::Text, subject.model().text().depth())?;
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
