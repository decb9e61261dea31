//! The subcommands.

pub(crate) mod measure;
pub(crate) mod train;
mod window;

use clip_input::Content;
use clip_model::ModelFiles;

/// The embedded model's files.
pub(crate) fn emoji() -> ModelFiles {
    ModelFiles {
        name: "emoji".into(),
        config: Content::Bytes("embedded config.json", m2ib_emoji::CONFIG),
        preprocessor: Content::Bytes(
            "embedded preprocessor_config.json",
            m2ib_emoji::PREPROCESSOR,
        ),
        tokenizer: Content::Bytes("embedded tokenizer.json", m2ib_emoji::TOKENIZER),
        weights: vec![Content::Bytes(
            "embedded model.safetensors",
            m2ib_emoji::WEIGHTS,
        )],
    }
}
