//! A text tower as most families have it: tokens and their positions, normed or not, through blocks,
//! and one token or the mean of the caption's reads it out.

use std::fmt;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData, module::embedding};
use clip_input::{Caption, Digest, Layout, Read, Role, Sight};

use crate::block::{BlockForm, Norms};
use crate::clip::{Pooling, TextConfig};
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::output::{Output, OutputShape, ProjectionShape};
use crate::{BlockShape, Encoder, Error, Head, Precision, Result, TextTower, Tower, Weights};

/// A text tower of any family that is loaded from files. Its tensors go by the names of Hugging Face's
/// CLIP and SigLIP, and of BERT's only what those do not have by its own.
#[derive(Module, Debug)]
pub struct TokenTower {
    pub(crate) token_embedding: Param<Tensor<2>>,
    /// With what every token has of its type added.
    pub(crate) position_embedding: Param<Tensor<2>>,
    pub(crate) embedding_norm: Option<LayerNorm>,
    pub(crate) encoder: Encoder,
    pub(crate) final_layer_norm: Option<LayerNorm>,
    pub(crate) output: Output,
    #[module(skip)]
    pub(crate) shape: TokenShape,
    #[module(skip)]
    pub(crate) digest: Digest,
}

/// Its dimensions, and which parts it has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TokenShape {
    pub(crate) vocabulary: usize,
    /// Rows of the table of positions.
    pub(crate) table: usize,
    /// The row of the first token: RoBERTa leaves rows out.
    pub(crate) first_position: usize,
    /// Tokens that a caption has at most.
    pub(crate) positions: usize,
    pub(crate) depth: usize,
    pub(crate) block: BlockShape,
    pub(crate) form: BlockForm,
    /// Types of tokens, of which the first is everyone's; 0 where there is no such thing.
    pub(crate) types: usize,
    /// Whether tokens are normed before the blocks.
    pub(crate) embedding_norm: bool,
    /// Whether what is read out is normed.
    pub(crate) final_norm: bool,
    pub(crate) sight: TextSight,
    pub(crate) pool: TextPool,
    pub(crate) output: OutputShape,
}

/// Which tokens of a caption see which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextSight {
    /// All of them, padding too.
    All,
    /// Each itself and those before it.
    Causal,
    /// All but padding.
    Unpadded,
}

/// What a text tower's embedding is read out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextPool {
    First,
    /// Whatever it is, padding too.
    Last,
    /// By ids.
    End(Pooling),
    /// The mean of all but padding.
    Mean,
}

impl TokenShape {
    /// CLIP's, with a projection to so many numbers.
    pub(crate) fn of_clip(config: &TextConfig, pooling: Pooling, output: usize) -> Self {
        let positions = config.max_position_embeddings;
        Self {
            vocabulary: config.vocab_size,
            table: positions,
            first_position: 0,
            positions,
            depth: config.num_hidden_layers,
            block: BlockShape {
                width: config.hidden_size,
                inner: config.intermediate_size,
                heads: config.num_attention_heads,
                activation: config.hidden_act,
                epsilon: config.layer_norm_eps,
            },
            form: BlockForm::default(),
            types: 0,
            embedding_norm: false,
            final_norm: true,
            sight: TextSight::Causal,
            pool: TextPool::End(pooling),
            output: OutputShape::projection(ProjectionShape::Linear {
                output,
                bias: false,
            }),
        }
    }

    /// Whether captions are read with all of their padding: what fills them up is seen, or is what is
    /// read out.
    pub(crate) fn reads_padding(&self) -> bool {
        self.sight == TextSight::All || self.pool == TextPool::Last
    }
}

impl TokenTower {
    pub(crate) fn load(weights: &mut Weights, shape: &TokenShape) -> Self {
        let (block, width) = (shape.block, shape.block.width);
        let name = |part: &str| format!("text_model.embeddings.{part}");
        let tokens = weights.tensor(&name("token_embedding.weight"), [shape.vocabulary, width]);
        let table = weights.tensor(&name("position_embedding.weight"), [shape.table, width]);
        let mut positions = match table.dims()[0] == shape.table {
            true => table.narrow(0, shape.first_position, shape.positions),
            // What stands in for a misfit.
            false => table,
        };
        if shape.types > 0 {
            let types = weights.tensor(&name("token_type_embedding.weight"), [shape.types, width]);
            positions = positions + types.narrow(0, 0, 1);
        }
        // Random weights are drawn in this order.
        let norm = |weights: &mut Weights, name: &str, there: bool| {
            there.then(|| weights.layer_norm(&format!("text_model.{name}"), width, block.epsilon))
        };
        let embedding_norm = norm(weights, "embeddings.layer_norm", shape.embedding_norm);
        let blocks = "text_model.encoder";
        let encoder = Encoder::load_as(weights, blocks, shape.depth, block, shape.form);
        let final_layer_norm = norm(weights, "final_layer_norm", shape.final_norm);
        let mut tower = Self {
            token_embedding: Param::from_tensor(tokens),
            position_embedding: Param::from_tensor(positions),
            embedding_norm,
            encoder,
            final_layer_norm,
            output: Output::load(weights, "text_projection", width, &shape.output),
            shape: shape.clone(),
            digest: Digest::of([]),
        };
        tower.digest = weights.digest();
        tower
    }

    /// The tokens of a caption by their ids, which the tower reads all: those before a causal
    /// tower's end token, or what its family's tokenizer gives.
    ///
    /// # Errors
    /// [`Error::TokenIds`] for a number of tokens that the tower does not read, or no end token
    /// where that is read out.
    pub fn layout_of_ids(&self, ids: &[i64]) -> Result<Layout> {
        let end = match self.shape.pool {
            TextPool::End(rule) => Some(rule.position(ids)?),
            _ => None,
        };
        let role = |position: usize| match end {
            Some(_) if position == 0 => Role::Start,
            Some(end) if position == end => Role::End,
            Some(end) if position > end => Role::Padding,
            _ => Role::Piece,
        };
        self.layout_of((0..ids.len()).map(role).collect(), ids)
    }

    /// The rule by which the end token is found, where that is what is read out.
    pub fn pooling(&self) -> Option<Pooling> {
        match self.shape.pool {
            TextPool::End(rule) => Some(rule),
            _ => None,
        }
    }

    /// Whether captions are read with all of their padding, so that each has as many tokens as
    /// there are positions.
    pub fn reads_padding(&self) -> bool {
        self.shape.reads_padding()
    }

    fn layout_of(&self, tokens: Vec<Role>, ids: &[i64]) -> Result<Layout> {
        let count = tokens.len();
        let mut layout = Layout {
            tokens,
            grid: None,
            read: Read::Row(0),
            sight: Sight::All,
        };
        let unpadded = layout.unpadded();
        layout.sight = match self.shape.sight {
            TextSight::All => Sight::All,
            TextSight::Causal => Sight::Causal,
            TextSight::Unpadded => Sight::First(unpadded),
        };
        layout.read = match self.shape.pool {
            TextPool::First => Read::Row(0),
            TextPool::Last => Read::Row(count.saturating_sub(1)),
            TextPool::End(rule) => Read::Row(rule.position(ids)?),
            TextPool::Mean => Read::Mean((0..unpadded).collect()),
        };
        // Padding that is seen is as many tokens as the model was trained with.
        if self.shape.reads_padding() && count != self.shape.positions {
            return Err(Error::TokenIds {
                reason: format!(
                    "found {count} of them, expected {}: this model reads captions with their padding",
                    self.shape.positions
                ),
            });
        }
        Ok(layout)
    }

    /// All its dense layers.
    pub(crate) fn dense(&mut self) -> Vec<&mut Linear> {
        let blocks = self.encoder.layers.iter_mut();
        let blocks = blocks.flat_map(|block| block.dense());
        blocks.chain(self.output.dense()).collect()
    }

    /// See [`DualEncoder::set_precision`](crate::DualEncoder::set_precision).
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        for layer in self.dense() {
            layer.set_precision(precision);
        }
        let table = self.token_embedding.val().cast(precision.dtype());
        self.token_embedding = Param::from_tensor(table);
    }

    /// See [`DualEncoder::computes_on_host`](crate::DualEncoder::computes_on_host).
    pub(crate) fn computes_on_host(&mut self, yes: bool) {
        self.encoder = self.encoder.computing_on_host(yes);
    }
}

impl Tower for TokenTower {
    fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    fn head(&self) -> Head<'_> {
        // A norm acts row by row: of several, it comes before their mean.
        let norm = self.final_layer_norm.as_ref();
        let before = self.shape.pool == TextPool::Mean;
        Head {
            before: norm.filter(|_| before),
            after: norm.filter(|_| !before),
            ..self.output.head()
        }
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn describe(&self) -> String {
        let TokenShape {
            positions,
            vocabulary,
            sight,
            pool,
            form,
            ..
        } = self.shape;
        let norms = match form.norms {
            Norms::Before => "",
            Norms::After => "norms behind attention and MLP, ",
        };
        format!("{positions} positions, a vocabulary of {vocabulary}, {norms}{sight}, {pool}")
    }

    fn parameters(&self) -> usize {
        self.num_params()
    }
}

impl TextTower for TokenTower {
    fn layout(&self, caption: &Caption) -> Result<Layout> {
        let roles = caption.tokens.iter().map(|token| token.role);
        self.layout_of(roles.collect(), &caption.ids())
    }

    fn positions(&self) -> usize {
        self.shape.positions
    }

    fn vocabulary(&self) -> usize {
        self.shape.vocabulary
    }

    fn ids(&self, ids: &[i64]) -> Result<Tensor<2, Int>> {
        let (positions, vocabulary) = (self.shape.positions, self.shape.vocabulary);
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
        let data = TensorData::new(ids.to_vec(), [1, ids.len()]);
        Ok(Tensor::from_data(
            data,
            &self.token_embedding.val().device(),
        ))
    }

    fn look_up(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let positions = self.position_embedding.val();
        embedding(self.token_embedding.val(), ids).cast(positions.dtype())
    }

    fn place(&self, tokens: Tensor<3>) -> Tensor<3> {
        let count = tokens.dims()[1];
        let positions = self.position_embedding.val().narrow(0, 0, count);
        let placed = tokens + positions.unsqueeze();
        match &self.embedding_norm {
            Some(norm) => norm.forward(placed),
            None => placed,
        }
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

impl fmt::Display for TextSight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all tokens see each other and the padding",
            Self::Causal => "each token sees those before it",
            Self::Unpadded => "all tokens see each other",
        })
    }
}

impl fmt::Display for TextPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("read out at the first token"),
            Self::Last => f.write_str("read out at the last position"),
            Self::End(rule) => write!(f, "read out at {rule}"),
            Self::Mean => f.write_str("their mean is read out"),
        }
    }
}
