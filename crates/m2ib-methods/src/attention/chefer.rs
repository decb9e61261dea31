//! Chefer et al.'s relevance for transformers.

use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::clip_input::Layout;
use m2ib::clip_model::{Tower, TraceOptions};
use m2ib::{Calibration, DualEncoder, Modality};
use ndarray::Array2;

use super::{heads, mean, read};
use crate::host::traced;
use crate::places::{Named, depths};
use crate::{Method, MethodFactory, Result, Settings, Subject};

/// R ← R + mean over heads of relu(∂y/∂A_l ⊙ A_l) · R from a start block on, R = I at first; what is
/// read out, the pooled token's row or the mean of rows (Chefer, Gur, Wolf, *Generic Attention-model Explainability*, ICCV 2021).
/// Where an attention A reads the tower out, that is mean over heads of relu(∂y/∂A ⊙ A) · R, their rule
/// for a query that is none of the tokens.
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
        tower: &dyn Tower,
        x: Tensor<3>,
        layout: &Layout,
        start: usize,
        value: impl FnOnce(Tensor<2>) -> Result<Tensor<1>>,
    ) -> Result<Vec<f32>> {
        let depth = tower.depth();
        let mut trace = tower.trace(x, layout, OPTIONS);
        let embedding = tower.read_trace(&mut trace, layout);
        let gradients = value(embedding)?.sum().backward();
        let relevant = |attention: Option<Tensor<4>>, gradient: Option<Tensor<4>>| {
            let attention = traced(attention, "the attention")?.inner();
            let gradient = traced(gradient, "the attention's gradient")?;
            let relevant = (attention * gradient).clamp_min(0.0);
            Ok::<_, crate::Error>(mean(&heads(relevant, "relevance")?))
        };
        let block = |block| {
            let gradient = trace.attention_gradient(block, &gradients);
            relevant(trace.attention_map(block), gradient)
        };
        let relevances = (start..depth).map(block).collect::<Result<Vec<_>>>()?;
        let own = match trace.pooling_map() {
            Some(own) => Some(relevant(Some(own), trace.pooling_gradient(&gradients))?),
            None => None,
        };
        let tokens = layout.tokens.len();
        Ok(read(
            &relevance(relevances, tokens),
            &layout.read,
            own.as_ref(),
        ))
    }
}

/// R over blocks.
fn relevance(blocks: Vec<Array2<f32>>, tokens: usize) -> Array2<f32> {
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

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        for (modality, depth) in depths(model) {
            self.start(modality, depth)?;
        }
        Ok(())
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for Chefer {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let tower = subject.model().image();
        let start = self.start(Modality::Image, tower.depth())?;
        let (x, layout) = (subject.image_latent(0)?, subject.image_layout());
        let value = |embedding| subject.image_value(embedding);
        Ok(subject.on_grid(&Self::row(tower, x, layout, start, value)?))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let tower = subject.model().text();
        let start = self.start(Modality::Text, tower.depth())?;
        let (x, layout) = (subject.text_latent(0)?, subject.text_layout());
        let value = |embedding| subject.text_value(embedding);
        Self::row(tower, x, layout, start, value)
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
        assert_eq!(relevance(blocks, 2), array![[1.0, 0.5], [2.0, 2.0]]);
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
