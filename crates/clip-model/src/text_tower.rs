//! CLIP's causal text transformer.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData, module::embedding};

use crate::block::BlockShape;
use crate::checkpoint::Checkpoint;
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::pullback::{self, ReadOut};
use crate::{Encoder, Error, Precision, Result, TextConfig, Trace, TraceOptions};

/// Which token of a caption is pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The first token with this id.
    FirstEos(i64),
    /// The token with the largest id. OpenAI conversions state `eos_token_id` 2 and mean this:
    /// their end token is the last of the vocabulary.
    LargestId,
}

impl Pooling {
    /// The rule for a configuration, `tokenizer_eos` being the end token that captions really
    /// carry, where known (MetaCLIP 2's is truly 2).
    pub fn new(config: &TextConfig, tokenizer_eos: Option<i64>) -> Self {
        match config.eos_token_id {
            2 if tokenizer_eos != Some(2) => Self::LargestId,
            eos => Self::FirstEos(eos),
        }
    }

    /// Position of the pooled token in `ids`.
    ///
    /// # Errors
    /// [`Error::TokenIds`] if there is no end token.
    pub fn position(self, ids: &[i64]) -> Result<usize> {
        let position = match self {
            Self::FirstEos(eos) => ids.iter().position(|&id| id == eos),
            Self::LargestId => {
                // The first maximum, as torch's argmax.
                let largest = ids.iter().max();
                ids.iter().position(|id| Some(id) == largest)
            }
        };
        position.ok_or_else(|| Error::TokenIds {
            reason: format!("found no end token ({self:?}) in {ids:?}, expected one to pool"),
        })
    }
}

/// The text tower: tokens through causal pre-norm blocks; the end token is pooled.
#[derive(Module, Debug)]
pub struct TextTower {
    pub(crate) token_embedding: Param<Tensor<2>>,
    pub(crate) position_embedding: Param<Tensor<2>>,
    pub(crate) encoder: Encoder,
    pub(crate) final_layer_norm: LayerNorm,
    pub(crate) projection: Linear,
}

impl TextTower {
    pub(crate) fn load(weights: &mut Checkpoint, config: &TextConfig, output: usize) -> Self {
        let width = config.hidden_size;
        let shape = BlockShape {
            width,
            inner: config.intermediate_size,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
            epsilon: config.layer_norm_eps,
        };
        let mut table = |name: &str, rows| {
            let name = format!("text_model.embeddings.{name}_embedding.weight");
            Param::from_tensor(weights.tensor(&name, [rows, width]))
        };
        Self {
            token_embedding: table("token", config.vocab_size),
            position_embedding: table("position", config.max_position_embeddings),
            encoder: Encoder::load(
                weights,
                "text_model.encoder",
                config.num_hidden_layers,
                shape,
            ),
            final_layer_norm: weights.layer_norm(
                "text_model.final_layer_norm",
                width,
                config.layer_norm_eps,
            ),
            projection: weights.linear("text_projection", width, output, false),
        }
    }

    /// See [`Clip::set_precision`](crate::Clip::set_precision).
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        let blocks = self.encoder.layers.iter_mut();
        blocks.for_each(|block| block.set_precision(precision));
        self.projection.set_precision(precision);
        let table = self.token_embedding.val().cast(precision.dtype());
        self.token_embedding = Param::from_tensor(table);
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.encoder.depth()
    }

    /// The blocks themselves.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Checks token ids and brings them to the tower's device.
    ///
    /// # Shapes
    /// - output: `[1, tokens]`
    ///
    /// # Errors
    /// [`Error::TokenIds`] for no ids, more ids than positions, or ids outside the vocabulary.
    pub fn ids(&self, ids: &[i64]) -> Result<Tensor<2, Int>> {
        let [positions, _] = self.position_embedding.val().dims();
        let [vocabulary, _] = self.token_embedding.val().dims();
        if ids.is_empty() || ids.len() > positions {
            return Err(Error::TokenIds {
                reason: format!("found {} of them, expected 1 to {positions}", ids.len()),
            });
        }
        if let Some(id) = ids.iter().find(|&&id| id < 0 || id >= vocabulary as i64) {
            return Err(Error::TokenIds {
                reason: format!("found id {id}, expected 0 to {}", vocabulary - 1),
            });
        }
        let device = self.token_embedding.val().device();
        Ok(Tensor::from_data(
            TensorData::new(ids.to_vec(), [1, ids.len()]),
            &device,
        ))
    }

    /// Token ids to the input of block 0: token and position embeddings summed.
    ///
    /// # Shapes
    /// - ids: `[batch, tokens]`, see [`ids`](Self::ids)
    /// - output: `[batch, tokens, width]`
    pub fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.place(self.look_up(ids))
    }

    /// The tokens' embeddings, positions not yet added.
    ///
    /// # Shapes
    /// - ids: `[batch, tokens]`, see [`ids`](Self::ids)
    /// - output: `[batch, tokens, width]`
    pub fn look_up(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let positions = self.position_embedding.val();
        embedding(self.token_embedding.val(), ids).cast(positions.dtype())
    }

    /// Adds the position embeddings to tokens': the input of block 0.
    ///
    /// # Shapes
    /// - tokens and output: `[batch, tokens, width]`
    pub fn place(&self, tokens: Tensor<3>) -> Tensor<3> {
        let count = tokens.dims()[1];
        let positions = self.position_embedding.val().narrow(0, 0, count);
        tokens + positions.unsqueeze()
    }

    /// The mean of all of the vocabulary's embeddings.
    ///
    /// # Shapes
    /// - output: `[width]`
    pub fn mean_embedding(&self) -> Tensor<1> {
        let positions = self.position_embedding.val();
        let table = self.token_embedding.val().cast(positions.dtype());
        table.mean_dim(0).squeeze_dim(0)
    }

    /// What the blocks add to their attention's logits: a token sees itself and what is before it.
    ///
    /// # Shapes
    /// - output: `[1, 1, tokens, tokens]`
    pub fn causal_bias(&self, tokens: usize) -> Tensor<4> {
        causal_bias(tokens, &self.position_embedding.val().device())
    }

    /// Runs the blocks of `range` under the causal mask.
    ///
    /// # Shapes
    /// - x and output: `[batch, tokens, width]`
    pub fn blocks(&self, range: Range<usize>, x: Tensor<3>) -> Tensor<3> {
        let mask = causal_bias(x.dims()[1], &x.device());
        self.encoder.forward(range, x, Some(&mask))
    }

    /// Norms the last block's output and picks the token at `position` (see [`Pooling`]).
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    /// - output: `[batch, width]`
    pub fn pool(&self, x: Tensor<3>, position: usize) -> Tensor<2> {
        self.final_layer_norm
            .forward(x.narrow(1, position, 1).squeeze_dim(1))
    }

    /// Projects the pooled token into the shared space (not normalised).
    ///
    /// # Shapes
    /// - pooled: `[batch, width]`
    /// - output: `[batch, projection]`
    pub fn project(&self, pooled: Tensor<2>) -> Tensor<2> {
        self.projection.forward(pooled)
    }

    /// Blocks `start..`, pooling at `position` and projection, computing of the last block only
    /// what leaves it.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, the input of block `start`
    /// - output: `[batch, projection]`
    pub fn read_out(&self, start: usize, x: Tensor<3>, position: usize) -> Tensor<2> {
        let mask = causal_bias(x.dims()[1], &x.device());
        let range = start..self.depth();
        let pooled = self
            .encoder
            .forward_at(range, x, Some(&mask), position, position + 1);
        self.project(self.final_layer_norm.forward(pooled))
    }

    /// As [`read_out`](Self::read_out), with the way back for gradients.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    pub fn read_out_with_pullback(
        &self,
        start: usize,
        x: Tensor<3>,
        position: usize,
    ) -> ReadOut<'_> {
        let mask = causal_bias(x.dims()[1], &x.device());
        let place = (position, position + 1);
        let (norm, projection) = (&self.final_layer_norm, &self.projection);
        pullback::read_out(
            &self.encoder,
            norm,
            projection,
            start,
            x,
            Some(&mask),
            place,
        )
    }

    /// The whole tower.
    ///
    /// # Shapes
    /// - ids: `[batch, tokens]`, every row's end token at `position`
    /// - output: `[batch, projection]`
    pub fn forward(&self, ids: Tensor<2, Int>, position: usize) -> Tensor<2> {
        self.read_out(0, self.embed(ids), position)
    }

    /// Runs all blocks on an embedded caption and keeps what is asked for.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, from [`embed`](Self::embed)
    pub fn trace(&self, x: Tensor<3>, options: TraceOptions) -> Trace {
        let mask = causal_bias(x.dims()[1], &x.device());
        self.encoder.trace(x, Some(&mask), options)
    }
}

/// Zero where a token may look (itself and before), hugely negative where not. `[1, 1, T, T]`
///
/// −1e30 rather than −∞: exp gives 0 all the same, and no backend turns ∞ − ∞ into NaN.
pub(crate) fn causal_bias(tokens: usize, device: &Device) -> Tensor<4> {
    Tensor::<2>::full([tokens, tokens], -1e30, device)
        .triu(1)
        .unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClipConfig;

    #[test]
    fn pooling_follows_the_meaning_of_id_2() {
        let mut config = ClipConfig::from_json(b"{}", "config.json").unwrap().text;
        let ids = [49406, 2, 320, 49407, 49407];
        assert_eq!(Pooling::new(&config, None).position(&ids).unwrap(), 3);
        config.eos_token_id = 2;
        assert_eq!(
            Pooling::new(&config, Some(49407)).position(&ids).unwrap(),
            3
        );
        assert_eq!(Pooling::new(&config, None).position(&ids).unwrap(), 3);
        assert_eq!(Pooling::new(&config, Some(2)).position(&ids).unwrap(), 1);
        let error = Pooling::FirstEos(7).position(&ids).unwrap_err().to_string();
        assert!(error.contains("no end token"), "{error}");
    }

    #[test]
    fn the_causal_bias_opens_the_past_and_the_present() {
        let bias = causal_bias(3, &m2ib_cpu::flex());
        let open: Vec<bool> = bias.into_data().iter::<f32>().map(|x| x == 0.0).collect();
        assert_eq!(
            open,
            [true, false, false, true, true, false, true, true, true]
        );
    }
}
