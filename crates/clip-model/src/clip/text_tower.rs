//! CLIP's causal text transformer.

use std::fmt;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData, module::embedding};
use clip_input::{Caption, Digest, Layout, Read, Role, Sight};

use crate::clip::TextConfig;
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::{BlockShape, Encoder, Error, Head, Precision, Result, TextTower, Tower, Weights};

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

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstEos(id) => write!(f, "the first token {id}"),
            Self::LargestId => f.write_str("the token of the largest id"),
        }
    }
}

/// The text tower: tokens through causal pre-norm blocks; the end token is pooled.
#[derive(Module, Debug)]
pub struct ClipTextTower {
    pub(crate) token_embedding: Param<Tensor<2>>,
    pub(crate) position_embedding: Param<Tensor<2>>,
    pub(crate) encoder: Encoder,
    pub(crate) final_layer_norm: LayerNorm,
    pub(crate) projection: Linear,
    #[module(skip)]
    config: TextConfig,
    #[module(skip)]
    pub(super) pooling: Pooling,
    #[module(skip)]
    pub(super) digest: Digest,
}

impl ClipTextTower {
    pub(crate) fn load(weights: &mut Weights, config: &TextConfig, output: usize) -> Self {
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
        let mut tower = Self {
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
            config: config.clone(),
            pooling: Pooling::new(config, None),
            digest: Digest::of([]),
        };
        tower.digest = weights.digest();
        tower
    }

    /// The dimensions.
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    /// The tokens of a caption by their ids: each sees what is before it, the end token is read
    /// out, and what follows it is padding.
    ///
    /// # Errors
    /// [`Error::TokenIds`] if there is no end token.
    pub fn layout_of_ids(&self, ids: &[i64]) -> Result<Layout> {
        let end = self.pooling.position(ids)?;
        let role = |position: usize| match position {
            0 => Role::Start,
            position if position < end => Role::Piece,
            position if position == end => Role::End,
            _ => Role::Padding,
        };
        Ok(Layout {
            tokens: (0..ids.len()).map(role).collect(),
            grid: None,
            read: Read::Row(end),
            sight: Sight::Causal,
        })
    }

    pub(super) fn set_precision(&mut self, precision: Precision) {
        self.encoder = self.encoder.with_precision(precision);
        self.projection.set_precision(precision);
        let table = self.token_embedding.val().cast(precision.dtype());
        self.token_embedding = Param::from_tensor(table);
    }

    /// The rule by which the end token is found.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }
}

impl Tower for ClipTextTower {
    fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    fn head(&self) -> Head<'_> {
        Head {
            after: Some(&self.final_layer_norm),
            projection: Some(&self.projection),
            ..Head::default()
        }
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn describe(&self) -> String {
        let TextConfig {
            max_position_embeddings: positions,
            vocab_size,
            ..
        } = self.config;
        format!(
            "{positions} positions, a vocabulary of {vocab_size}, each token sees those before it, read out at {}",
            self.pooling
        )
    }

    fn parameters(&self) -> usize {
        self.num_params()
    }
}

impl TextTower for ClipTextTower {
    fn layout(&self, caption: &Caption) -> Result<Layout> {
        let ids = caption.ids();
        Ok(Layout {
            tokens: caption.tokens.iter().map(|token| token.role).collect(),
            ..self.layout_of_ids(&ids)?
        })
    }

    fn positions(&self) -> usize {
        self.config.max_position_embeddings
    }

    fn vocabulary(&self) -> usize {
        self.config.vocab_size
    }

    fn ids(&self, ids: &[i64]) -> Result<Tensor<2, Int>> {
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

    fn look_up(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let positions = self.position_embedding.val();
        embedding(self.token_embedding.val(), ids).cast(positions.dtype())
    }

    fn place(&self, tokens: Tensor<3>) -> Tensor<3> {
        let count = tokens.dims()[1];
        let positions = self.position_embedding.val().narrow(0, 0, count);
        tokens + positions.unsqueeze()
    }

    fn mean_embedding(&self) -> Tensor<1> {
        let positions = self.position_embedding.val();
        let table = self.token_embedding.val().cast(positions.dtype());
        table.mean_dim(0).squeeze_dim(0)
    }

    fn with_encoder(&self, encoder: Encoder) -> Arc<dyn TextTower> {
        Arc::new(Self {
            encoder,
            ..self.clone()
        })
    }

    fn with_precision(&self, precision: Precision) -> Arc<dyn TextTower> {
        let mut changed = self.clone();
        changed.set_precision(precision);
        Arc::new(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::ClipConfig;

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
}
