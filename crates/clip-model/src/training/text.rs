//! The text tower on captions of like length.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::layer_norm::layer_norm;
use super::read_out::{Bias, Parts, Rows, read_out};
use super::rows::{pick, values};
use super::{Gradients, PullBack, TrainingPass};
use crate::TextTower;
use crate::mask::{HIDDEN, causal_bias};
use crate::token_tower::{TextPool, TextSight, TokenTower};

impl TokenTower {
    /// Runs the tower on captions as it reads them: to a causal tower up to the end token, which is
    /// the last that is given and is read out; to one that [reads
    /// padding](Self::reads_padding) with all of it; to others without any. They are padded to the
    /// longest here, so captions of like length should come together.
    ///
    /// # Panics
    /// If there are no captions, an empty one, or ids outside the vocabulary.
    pub fn training_pass(&self, captions: &[Vec<i64>]) -> TrainingPass<'_> {
        let batch = captions.len();
        let lengths: Vec<usize> = captions.iter().map(Vec::len).collect();
        let tokens = lengths.iter().copied().max().unwrap_or(0);
        // Nothing looks at the padding, so it can be anything.
        let mut ids = vec![0; batch * tokens];
        for (row, caption) in ids.chunks_exact_mut(tokens).zip(captions) {
            row[..caption.len()].copy_from_slice(caption);
        }
        let [vocabulary, width] = self.token_embedding.val().dims();
        let [positions, _] = self.position_embedding.val().dims();
        let device = self.token_embedding.val().device();
        let data = TensorData::new(ids.clone(), [batch, tokens]);
        let x = self.look_up(Tensor::<2, Int>::from_data(data, &device));
        let places = self.position_embedding.val().narrow(0, 0, tokens);
        let x = (x + places.unsqueeze()).reshape([batch * tokens, width]);
        let (x, pull_norm): (_, PullBack<'_>) = match &self.embedding_norm {
            Some(norm) => layer_norm(norm, "text_model.embeddings.layer_norm".into(), x),
            None => (x, Box::new(|gradient, _| Ok(gradient))),
        };
        let (embedding, pull_blocks) = self.read_out_rows(0, x, &lengths);
        let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
            let gradient = pull_blocks(gradient, into)?;
            let gradient = values(pull_norm(gradient, into)?)?;
            let mut to_tokens = vec![0.0; vocabulary * width];
            let mut to_positions = vec![0.0; positions * width];
            let add = |sum: &mut [f32], row: usize, x: &[f32]| {
                let sum = &mut sum[row * width..(row + 1) * width];
                sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            };
            let rows = gradient.chunks_exact(width).zip(&ids).enumerate();
            for (row, (gradient, &id)) in rows {
                // Padding that is not seen gets no gradient, but for zeros.
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
    /// - x: `[captions, tokens, width]`, the input of block `start`; what comes behind a caption's
    ///   own tokens is never looked at
    /// - lengths: the tokens of each caption
    ///
    /// # Panics
    /// If the tower has no block `start`, or a caption no token.
    pub fn training_pass_from(
        &self,
        start: usize,
        x: Tensor<3>,
        lengths: &[usize],
    ) -> TrainingPass<'_> {
        let [captions, tokens, width] = x.dims();
        let rows = x.reshape([captions * tokens, width]);
        let (embedding, pull_back) = self.read_out_rows(start, rows, lengths);
        TrainingPass {
            embedding,
            pull_back: Box::new(move |gradient, into| pull_back(gradient, into).map(drop)),
        }
    }

    /// # Shapes
    /// - x: `[captions · tokens, width]`
    fn read_out_rows(
        &self,
        start: usize,
        x: Tensor<2>,
        lengths: &[usize],
    ) -> (Tensor<2>, PullBack<'_>) {
        let captions = lengths.len();
        let tokens = x.dims()[0] / captions;
        let last = || lengths.iter().map(|length| length - 1).collect();
        let read = match self.shape.pool {
            TextPool::First => Rows::One(vec![0; captions]),
            TextPool::Last | TextPool::End(_) => Rows::One(last()),
            TextPool::Mean => Rows::Mean(lengths.iter().map(|&all| (0..all).collect()).collect()),
        };
        let bias = match (self.shape.sight, &read) {
            (TextSight::All, _) => Bias::default(),
            (TextSight::Causal, Rows::One(picked)) => causal(tokens, picked, &x.device()),
            (TextSight::Causal, _) => Bias {
                full: Some(causal_bias(tokens, &x.device())),
                picked: None,
            },
            (TextSight::Unpadded, _) => unpadded(tokens, lengths, &x.device()),
        };
        let norm = self.final_layer_norm.as_ref();
        let parts = Parts {
            encoder: (&self.encoder, "text_model.encoder"),
            norm: norm.map(|norm| (norm, "text_model.final_layer_norm")),
            before: self.shape.pool == TextPool::Mean,
            attention: None,
            output: (&self.output, "text_projection"),
        };
        read_out(parts, start, x, bias, read)
    }
}

/// Each token sees what is before it; of the `picked` ones, that is their own row.
fn causal(tokens: usize, picked: &[usize], device: &Device) -> Bias {
    let full = causal_bias(tokens, device);
    let rows = pick(full.clone().reshape([tokens, tokens]), picked);
    Bias {
        full: Some(full),
        picked: Some(rows.reshape([picked.len(), 1, 1, tokens])),
    }
}

/// All tokens of a caption see each other, and none what it was padded with.
fn unpadded(tokens: usize, lengths: &[usize], device: &Device) -> Bias {
    if lengths.iter().all(|&length| length == tokens) {
        return Bias::default();
    }
    let hidden = lengths.iter().flat_map(|&length| {
        (0..tokens).map(move |token| if token < length { 0.0 } else { HIDDEN as f32 })
    });
    let hidden = TensorData::new(hidden.collect::<Vec<_>>(), [lengths.len(), 1, 1, tokens]);
    let hidden = Some(Tensor::from_data(hidden, device));
    Bias {
        full: hidden.clone(),
        picked: hidden,
    }
}
