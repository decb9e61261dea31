//! Chefer et al.'s relevance for transformers.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::clip_model::{Trace, TraceOptions};
use m2ib::{Calibration, Modality, Pretrained};
use ndarray::Array2;

use super::{heads, mean};
use crate::host::traced;
use crate::places::{Named, depths};
use crate::{Method, MethodFactory, Result, Settings, Subject};

/// R ← R + mean over heads of relu(∂y/∂A_l ⊙ A_l) · R from a start block on, R = I at first; the
/// pooled token's row (Chefer, Gur, Wolf, *Generic Attention-model Explainability*, ICCV 2021).
#[derive(Debug, Clone, Copy, Default)]
pub struct Chefer {
    /// The first block that counts; the last one if not given, as the authors do for CLIP.
    pub start: Option<usize>,
}

impl Chefer {
    /// The first block that counts.
    fn start(&self, modality: Modality, depth: usize) -> Result<usize> {
        let start = self.start.unwrap_or(depth - 1);
        let named = Named {
            method: self.name(),
            setting: "start",
        };
        named.block(start, modality, depth)
    }

    fn row(
        trace: &Trace,
        blocks: Range<usize>,
        value: Tensor<1>,
        position: usize,
    ) -> Result<Vec<f32>> {
        let gradients = value.sum().backward();
        let mut relevances = Vec::new();
        for block in blocks {
            let attention = trace.attention_map(block);
            let attention = traced(attention, "the attention")?.inner();
            let gradient = trace.attention_gradient(block, &gradients);
            let gradient = traced(gradient, "the attention's gradient")?;
            let relevant = (attention * gradient).clamp_min(0.0);
            relevances.push(mean(&heads(relevant, "relevance")?));
        }
        Ok(relevance(relevances).row(position).to_vec())
    }
}

/// R over blocks.
fn relevance(blocks: Vec<Array2<f32>>) -> Array2<f32> {
    let tokens = blocks.first().map_or(0, Array2::nrows);
    let identity = Array2::<f32>::eye(tokens);
    blocks
        .into_iter()
        .fold(identity, |r, block| &r + &block.dot(&r))
}

const OPTIONS: TraceOptions = TraceOptions {
    hidden: false,
    attention: true,
    gradients: true,
};

impl MethodFactory for Chefer {
    fn name(&self) -> &str {
        "chefer"
    }

    fn description(&self) -> &str {
        "Attention times its gradient from a block on, at the pooled token (Chefer, Gur and Wolf 2021)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let takes = "a block's number, or auto for the last";
        Arc::new(Self {
            start: settings.optional("start", takes, |_| true, self.start, "auto"),
        })
    }

    fn check(&self, model: &Pretrained, _: Option<&Calibration>) -> Result<()> {
        for (modality, depth) in depths(model) {
            self.start(modality, depth)?;
        }
        Ok(())
    }

    fn build(
        &self,
        model: &Pretrained,
        calibration: Option<&Calibration>,
    ) -> Result<Box<dyn Method>> {
        self.check(model, calibration)?;
        Ok(Box::new(*self))
    }
}

impl Method for Chefer {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let tower = &subject.model().clip.image;
        let trace = tower.trace(subject.image_latent(0)?, OPTIONS);
        let embedding = tower.project(tower.pool(trace.output()));
        let value = subject.image_value(embedding)?;
        let start = self.start(Modality::Image, tower.depth())?;
        let row = Self::row(&trace, start..tower.depth(), value, 0)?;
        Ok(subject.grid(&row))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let tower = &subject.model().clip.text;
        let position = subject.position();
        let trace = tower.trace(subject.text_latent(0)?, OPTIONS);
        let embedding = tower.project(tower.pool(trace.output(), position));
        let value = subject.text_value(embedding)?;
        let start = self.start(Modality::Text, tower.depth())?;
        Self::row(&trace, start..tower.depth(), value, position)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::subject::fixture;

    /// R₁ = I + C₁ = [[1, ½], [0, 1]]; R₂ = R₁ + C₂ R₁ with C₂ = [[0, 0], [2, 0]]: the second row
    /// becomes (0, 1) + 2 · (1, ½) = (2, 2).
    #[test]
    fn two_tokens_and_two_blocks_by_hand() {
        let blocks = vec![
            array![[0.0, 0.5], [0.0, 0.0]],
            array![[0.0, 0.0], [2.0, 0.0]],
        ];
        assert_eq!(relevance(blocks), array![[1.0, 0.5], [2.0, 2.0]]);
    }

    #[test]
    fn the_last_block_alone_and_all_blocks_differ_and_nothing_is_negative() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let [last, all] = [None, Some(0)].map(|start| Chefer { start }.patches(&subject).unwrap());
        assert_ne!(last, all);
        assert!(last.iter().chain(&all).all(|&value| value >= 0.0));
        let text = Chefer::default().tokens(&subject).unwrap();
        assert_eq!(text.len(), subject.caption().tokens.len());
        assert!(text.iter().all(|&value| value >= 0.0));
    }
}
