//! The text tower on captions of like length.

use burn::tensor::{Int, Tensor, TensorData};

use super::rows::values;
use super::{Gradients, PullBack, TrainingPass, read_out};
use crate::TextTower;
use crate::clip::ClipTextTower;
use crate::mask::causal_bias;

impl ClipTextTower {
    /// Runs the tower on captions, each pooled at its last token. They are padded to the longest,
    /// so captions of like length should come together.
    ///
    /// # Panics
    /// If there are no captions, an empty one, or ids outside the vocabulary.
    pub fn training_pass(&self, captions: &[Vec<i64>]) -> TrainingPass<'_> {
        let batch = captions.len();
        let tokens = captions.iter().map(Vec::len).max().unwrap_or(0);
        // Nothing looks ahead to the padding, so it can be anything.
        let mut ids = vec![0; batch * tokens];
        for (row, caption) in ids.chunks_exact_mut(tokens).zip(captions) {
            row[..caption.len()].copy_from_slice(caption);
        }
        let last: Vec<usize> = captions.iter().map(|caption| caption.len() - 1).collect();
        let [vocabulary, width] = self.token_embedding.val().dims();
        let [positions, _] = self.position_embedding.val().dims();
        let device = self.token_embedding.val().device();
        let data = TensorData::new(ids.clone(), [batch, tokens]);
        let x = self.embed(Tensor::<2, Int>::from_data(data, &device));
        let (embedding, pull_blocks) = self.read_out_rows(0, x, &last);
        let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
            let gradient = values(pull_blocks(gradient, into)?)?;
            let mut to_tokens = vec![0.0; vocabulary * width];
            let mut to_positions = vec![0.0; positions * width];
            let add = |sum: &mut [f32], row: usize, x: &[f32]| {
                let sum = &mut sum[row * width..(row + 1) * width];
                sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            };
            let rows = gradient.chunks_exact(width).zip(&ids).enumerate();
            for (row, (gradient, &id)) in rows {
                // Padding gets no gradient, but for zeros.
                add(&mut to_tokens, id as usize, gradient);
                add(&mut to_positions, row % tokens, gradient);
            }
            let name = |table| format!("text_model.embeddings.{table}_embedding.weight");
            into.add(name("token"), to_tokens);
            into.add(name("position"), to_positions);
            Ok(())
        };
        TrainingPass {
            embedding,
            pull_back: Box::new(pull_back),
        }
    }

    /// Runs the blocks `start..` on what the others made of captions: only what lies behind gets
    /// gradients.
    ///
    /// # Shapes
    /// - x: `[captions, tokens, width]`, the input of block `start`; what comes after the pooled
    ///   token is never looked at
    /// - pooled: the token of each caption that is read out
    ///
    /// # Panics
    /// If the tower has no block `start`, or a caption no such token.
    pub fn training_pass_from(
        &self,
        start: usize,
        x: Tensor<3>,
        pooled: &[usize],
    ) -> TrainingPass<'_> {
        let (embedding, pull_back) = self.read_out_rows(start, x, pooled);
        TrainingPass {
            embedding,
            pull_back: Box::new(move |gradient, into| pull_back(gradient, into).map(drop)),
        }
    }

    /// # Shapes
    /// - x: `[captions, tokens, width]`
    fn read_out_rows(
        &self,
        start: usize,
        x: Tensor<3>,
        pooled: &[usize],
    ) -> (Tensor<2>, PullBack<'_>) {
        let [captions, tokens, width] = x.dims();
        let mask = causal_bias(tokens, &x.device());
        read_out(
            (&self.encoder, "text_model.encoder"),
            (&self.final_layer_norm, "text_model.final_layer_norm"),
            (&self.projection, "text_projection"),
            start,
            x.reshape([captions * tokens, width]),
            Some(&mask),
            pooled,
        )
    }
}
