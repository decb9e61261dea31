//! BERT, RoBERTa and XLM-RoBERTa as text towers: norms behind attention and MLP, no mask but of padding.

use serde::Deserialize;

use crate::block::{BlockForm, Norms};
use crate::checked::{activation, check_heads, depth, epsilon, invalid, positive};
use crate::output::OutputShape;
use crate::token_tower::{TextPool, TextSight, TokenShape};
use crate::{BlockShape, Result};

/// Their `config.json`. Absent keys take the defaults of transformers' `BertConfig`, with the
/// vocabulary and the depth of the base size.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct BertConfig {
    pub(crate) model_type: Option<String>,
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) max_position_embeddings: usize,
    pub(crate) type_vocab_size: usize,
    pub(crate) hidden_act: String,
    pub(crate) layer_norm_eps: f64,
    pub(crate) pad_token_id: Option<usize>,
    pub(crate) position_embedding_type: String,
}

impl Default for BertConfig {
    fn default() -> Self {
        Self {
            model_type: None,
            vocab_size: 30522,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            hidden_act: "gelu".into(),
            layer_norm_eps: 1e-12,
            pad_token_id: None,
            position_embedding_type: "absolute".into(),
        }
    }
}

/// Values that were held against what makes a model.
pub(crate) struct Checked(BertConfig, BlockShape);

impl BertConfig {
    /// Whether its positions begin behind the padding token's id, as RoBERTa's do.
    fn counts_from_padding(&self) -> bool {
        let name = self.model_type.as_deref().unwrap_or("bert");
        name.contains("roberta") || name == "xlm" || name == "camembert"
    }

    /// The id of padding.
    pub(crate) fn padding(&self) -> usize {
        let usual = usize::from(self.counts_from_padding());
        self.pad_token_id.unwrap_or(usual)
    }

    /// `vocabulary` is what the key is called in messages.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) for values that make no model, by key.
    pub(crate) fn check(self, file: &str, vocabulary: &'static str) -> Result<Checked> {
        positive(file, vocabulary, self.vocab_size)?;
        let width = positive(file, "hidden_size", self.hidden_size)?;
        check_heads(file, "hidden_size", width, self.num_attention_heads)?;
        depth(file, "num_hidden_layers", self.num_hidden_layers)?;
        positive(file, "type_vocab_size", self.type_vocab_size)?;
        let positions = positive(
            file,
            "max_position_embeddings",
            self.max_position_embeddings,
        )?;
        if self.counts_from_padding() && positions <= self.padding() + 1 {
            let expected = format!("more than pad_token_id + 1, {}", self.padding() + 1);
            return Err(invalid(
                file,
                "max_position_embeddings",
                positions,
                expected,
            ));
        }
        if self.position_embedding_type != "absolute" {
            let found = format!("\"{}\"", self.position_embedding_type);
            let expected = "\"absolute\"";
            return Err(invalid(file, "position_embedding_type", found, expected));
        }
        let block = BlockShape {
            width,
            inner: positive(file, "intermediate_size", self.intermediate_size)?,
            heads: self.num_attention_heads,
            activation: activation(file, "hidden_act", &self.hidden_act)?,
            epsilon: epsilon(file, "layer_norm_eps", self.layer_norm_eps)?,
        };
        Ok(Checked(self, block))
    }
}

impl Checked {
    /// A tower that takes so many tokens, where its table has as many.
    pub(crate) fn shape(
        self,
        context: Option<usize>,
        pool: TextPool,
        output: OutputShape,
    ) -> TokenShape {
        let Self(config, block) = self;
        let first_position = match config.counts_from_padding() {
            true => config.padding() + 1,
            false => 0,
        };
        let table = config.max_position_embeddings;
        let positions = table - first_position;
        TokenShape {
            vocabulary: config.vocab_size,
            table,
            first_position,
            positions: context.map_or(positions, |context| context.min(positions)),
            depth: config.num_hidden_layers,
            block,
            form: BlockForm {
                norms: Norms::After,
                layer_scale: false,
            },
            types: config.type_vocab_size,
            embedding_norm: true,
            final_norm: false,
            sight: TextSight::Unpadded,
            pool,
            output,
        }
    }
}
