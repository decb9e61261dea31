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
        config: Content::bytes("embedded config.json", m2ib_emoji::CONFIG),
        preprocessor: Content::bytes(
            "embedded preprocessor_config.json",
            m2ib_emoji::PREPROCESSOR,
        ),
        tokenizer: Content::bytes("embedded tokenizer.json", m2ib_emoji::TOKENIZER),
        weights: vec![Content::bytes(
            "embedded model.safetensors",
            m2ib_emoji::WEIGHTS,
        )],
    }
}
