//! The subcommands.

pub(crate) mod measure;
pub(crate) mod train;
mod window;

use clip_input::Content;
use clip_model::ModelFiles;

/// The embedded model's files.
pub(crate) fn emoji() -> ModelFiles {
    ModelFiles::new(
        "emoji".into(),
        Content::bytes("embedded config.json", m2ib_emoji::CONFIG),
        Content::bytes(
            "embedded preprocessor_config.json",
            m2ib_emoji::PREPROCESSOR,
        ),
        Content::bytes("embedded tokenizer.json", m2ib_emoji::TOKENIZER),
        vec![Content::bytes(
            "embedded model.safetensors",
            m2ib_emoji::WEIGHTS,
        )],
    )
}
