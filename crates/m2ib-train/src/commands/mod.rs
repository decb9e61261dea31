//! The subcommands.

pub(crate) mod grow;
pub(crate) mod measure;
pub(crate) mod train;
mod window;

use std::path::Path;
use std::process::Command;

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

/// The commit of these sources, marked if they were changed since.
pub(crate) fn commit() -> String {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let describe = [
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ];
    let output = Command::new("git")
        .arg("-C")
        .arg(sources)
        .args(describe)
        .output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".into(),
    }
}
