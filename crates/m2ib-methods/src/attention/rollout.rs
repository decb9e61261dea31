//! Attention rollout.

use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::clip_input::Layout;
use m2ib::clip_model::{Tower, TraceOptions};
use m2ib::{Calibration, DualEncoder};
use ndarray::Array2;

use super::{heads, mean, read};
use crate::{Method, MethodFactory, Result, Settings, Subject};

/// What is read out, the pooled token's row or the mean of rows, of Π (I + mean over heads A_l) / 2 (Abnar and Zuidema, *Quantifying
/// Attention Flow in Transformers*, 2020). Where an attention reads the tower out, the mean over its
/// heads is the last factor, without a residual: its query is no token. It asks the model where it looks, not what for: the
/// other modality plays no part.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rollout;

/// The product over blocks, the last block leftmost.
fn roll(blocks: impl Iterator<Item = Array2<f32>>, tokens: usize) -> Array2<f32> {
    blocks.fold(Array2::eye(tokens), |flow, attention| {
        ((attention + Array2::<f32>::eye(tokens)) / 2.0).dot(&flow)
    })
}

fn row(tower: &dyn Tower, x: Tensor<3>, layout: &Layout) -> Result<Vec<f32>> {
    let mut trace = tower.trace(x, layout, OPTIONS);
    let _ = tower.read_trace(&mut trace, layout);
    let blocks = (0..tower.depth()).filter_map(|block| trace.attention_map(block));
    let blocks = blocks.map(|attention| Ok(mean(&heads(attention, "attention")?)));
    let blocks = blocks.collect::<Result<Vec<_>>>()?;
    let flow = roll(blocks.into_iter(), layout.tokens.len());
    let own = trace.pooling_map().map(|own| heads(own, "attention"));
    let own = own.transpose()?.map(|own| mean(&own));
    Ok(read(&flow, &layout.read, own.as_ref()))
}

const OPTIONS: TraceOptions = TraceOptions {
    hidden: false,
    attention: true,
    gradients: false,
};

impl MethodFactory for Rollout {
    fn name(&self) -> &str {
        "rollout"
    }

    fn description(&self) -> &str {
        "Attention followed through all blocks, whatever the other side says (Abnar and Zuidema 2020)"
    }

    fn configure(&self, _: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(*self)
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for Rollout {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let (x, layout) = (subject.image_latent(0)?, subject.image_layout());
        Ok(subject.on_grid(&row(subject.model().image(), x, layout)?))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let (x, layout) = (subject.text_latent(0)?, subject.text_layout());
        row(subject.model().text(), x, layout)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::subject::fixture;

    /// (I + A)/2 is [[.75, .25], [0, 1]] and then [[1, 0], [.5, .5]]; the second times the first
    /// is [[.75, .25], [.375, .625]].
    #[test]
    fn two_tokens_and_two_blocks_by_hand() {
        let blocks = [
            array![[0.5, 0.5], [0.0, 1.0]],
            array![[1.0, 0.0], [1.0, 0.0]],
        ];
        let flow = roll(blocks.into_iter(), 2);
        assert_eq!(flow, array![[0.75, 0.25], [0.375, 0.625]]);
    }

    #[test]
    fn attention_flows_from_what_is_seen_and_sums_to_one() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let tokens = Rollout.tokens(&subject).unwrap();
        assert_eq!(tokens.len(), subject.caption().tokens.len());
        let total: f32 = tokens.iter().sum();
        assert!((total - 1.0).abs() < 1e-4, "{total}");
        let patches = Rollout.patches(&subject).unwrap().sum();
        assert!(
            patches > 0.0 && patches < 1.0,
            "the class token has the rest"
        );
    }
}
