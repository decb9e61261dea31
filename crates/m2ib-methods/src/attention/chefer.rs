//! Chefer et al.'s relevance for transformers.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use m2ib::clip_model::{Trace, TraceOptions};
use ndarray::Array2;

use super::{heads, mean};
use crate::host::traced;
use crate::settings::{Given, listed};
use crate::{Method, Result, Subject};

/// R ← R + mean over heads of relu(∂y/∂A_l ⊙ A_l) · R from a start block on, R = I at first; the
/// pooled token's row (Chefer, Gur, Wolf, *Generic Attention-model Explainability*, ICCV 2021).
#[derive(Debug, Clone, Copy, Default)]
pub struct Chefer {
    /// The first block that counts; the last one if not given, as the authors do for CLIP.
    pub start: Option<usize>,
}

impl Chefer {
    pub(crate) fn read(mut given: Given) -> Result<Self> {
        let start = given.take("start", "a block's number", |_| true)?;
        given.finish("start")?;
        Ok(Self { start })
    }

    fn row(
        &self,
        trace: &Trace,
        depth: usize,
        value: Tensor<1>,
        position: usize,
    ) -> Result<Vec<f32>> {
        let gradients = value.sum().backward();
        let start = self.start.unwrap_or(depth - 1).min(depth - 1);
        let mut blocks = Vec::new();
        for block in start..depth {
            let attention = trace.attention_map(block);
            let attention = traced(attention, "the attention")?.inner();
            let gradient = trace.attention_gradient(block, &gradients);
            let gradient = traced(gradient, "the attention's gradient")?;
            let relevant = (attention * gradient).clamp_min(0.0);
            blocks.push(mean(&heads(relevant, "relevance")?));
        }
        Ok(relevance(blocks).row(position).to_vec())
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

impl Method for Chefer {
    fn name(&self) -> &'static str {
        "chefer"
    }

    fn settings(&self) -> BTreeMap<String, String> {
        let start = self.start.map_or("last".into(), |block| block.to_string());
        listed([("start", &start)])
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let tower = &subject.model().clip.image;
        let trace = tower.trace(subject.image_latent(0)?, OPTIONS);
        let embedding = tower.project(tower.pool(trace.output()));
        let value = subject.image_value(embedding)?;
        let row = self.row(&trace, tower.depth(), value, 0)?;
        Ok(subject.grid(&row))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let tower = &subject.model().clip.text;
        let position = subject.position();
        let trace = tower.trace(subject.text_latent(0)?, OPTIONS);
        let embedding = tower.project(tower.pool(trace.output(), position));
        let value = subject.text_value(embedding)?;
        self.row(&trace, tower.depth(), value, position)
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
