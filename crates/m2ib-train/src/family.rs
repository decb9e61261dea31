//! The families whose small models are trained here, and the files of each beside its weights.

use clip_input::Content;
use clip_model::ModelFiles;
use serde::{Deserialize, Serialize};

/// Whose towers and whose loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// A class token, a causal text tower, and each pair compared with all others: the embedded
    /// model.
    #[default]
    Clip,
    /// An attention that reads the patches out, a text tower that sees its padding, and each pair
    /// asked by itself: `models/emoji-siglip`. Of the same depths and widths.
    Siglip,
}

/// What a model folder has beside its weights: names and contents.
type Files = [(&'static str, &'static [u8]); 4];

const CLIP: Files = [
    ("config.json", m2ib_emoji::CONFIG),
    ("preprocessor_config.json", m2ib_emoji::PREPROCESSOR),
    ("tokenizer.json", m2ib_emoji::TOKENIZER),
    ("tokenizer_config.json", m2ib_emoji::TOKENIZER_CONFIG),
];

const SIGLIP: Files = [
    (
        "config.json",
        include_bytes!("../../../models/emoji-siglip/config.json"),
    ),
    (
        "preprocessor_config.json",
        include_bytes!("../../../models/emoji-siglip/preprocessor_config.json"),
    ),
    (
        "tokenizer.json",
        include_bytes!("../../../models/emoji-siglip/tokenizer.json"),
    ),
    (
        "tokenizer_config.json",
        include_bytes!("../../../models/emoji-siglip/tokenizer_config.json"),
    ),
];

impl Family {
    /// The model's files beside its weights, by name.
    pub fn files(self) -> Files {
        match self {
            Self::Clip => CLIP,
            Self::Siglip => SIGLIP,
        }
    }

    /// The same, as a model that has no weights yet.
    pub fn model_files(self) -> ModelFiles {
        let [config, preprocessor, tokenizer, _] = self
            .files()
            .map(|(name, bytes)| Content::bytes(name, bytes));
        ModelFiles::new(
            "in training".into(),
            config,
            preprocessor,
            tokenizer,
            Vec::new(),
        )
    }
}
