//! How a folder is laid out, told by the files in it.

use std::path::{Path, PathBuf};

use clip_input::{Content, json_object};
use serde::Deserialize;

use super::adapter::{is_adapter, named_base};
use super::require;
use super::weights::{WEIGHTS, index_of};
use crate::{Error, Result};

/// How a folder is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FileLayout {
    /// `config.json` with a `model_type`.
    #[default]
    HuggingFace,
    /// `open_clip_config.json`.
    OpenClip,
    /// Weights alone.
    OpenAi,
    /// `image_encoder` and `text_encoder`.
    Split,
}

const OPEN_CLIP: &str = "open_clip_config.json";

/// Folders of other layouts: a file or folder that they are known by, what they are, and what to do.
const LAYOUTS: [(&str, &str, &str); 3] = [
    (
        "0_CLIPModel",
        "a folder of sentence-transformers",
        "give the folder 0_CLIPModel within it",
    ),
    (
        "model_index.json",
        "a pipeline of diffusers",
        "its text_encoder is half a CLIP model; take the whole model that it was made from",
    ),
    (
        "snapshots",
        "a model's place in the hub's cache",
        "give the folder within its folder snapshots, or the model's id, owner/name",
    ),
];

/// What `config.json` says of itself, as far as it takes to tell whose it is.
#[derive(Deserialize)]
struct Config {
    model_type: Option<serde_json::Value>,
    model_cfg: Option<serde::de::IgnoredAny>,
}

/// How a folder (or a file of weights) is laid out, and its configuration.
pub(super) fn layout_of(path: &Path) -> Result<(FileLayout, Content)> {
    if path.is_file() {
        return Ok((FileLayout::OpenAi, Content::Path(path.into())));
    }
    if !path.is_dir() {
        return Err(Error::NotAFolder { path: path.into() });
    }
    let has = |file: &str| path.join(file).is_file();
    let content = |file: &str| Content::Path(path.join(file));
    let has_weights = |names: &[&str]| names.iter().any(|name| has(name) || has(&index_of(name)));
    if is_adapter(path) {
        return Err(Error::Adapter {
            folder: path.into(),
            base: named_base(path)?.unwrap_or_else(|| "its base".into()),
        });
    }
    if has("config.json") {
        let config = content("config.json");
        // What is no configuration at all is told where it is read.
        let found = json_object::<Config>(&config.read()?, &config.name());
        let (named, open_clips) = found.map_or((false, false), |found| {
            (found.model_type.is_some(), found.model_cfg.is_some())
        });
        if open_clips {
            return Ok((FileLayout::OpenClip, config));
        }
        // timm's own configuration lies beside open_clip's, and transformers' may, with or without
        // weights in its own layout.
        if !has(OPEN_CLIP) || (named && has_weights(&WEIGHTS)) {
            return Ok((FileLayout::HuggingFace, config));
        }
    }
    if has(OPEN_CLIP) {
        return Ok((FileLayout::OpenClip, content(OPEN_CLIP)));
    }
    if path.join("image_encoder").is_dir() && path.join("text_encoder").is_dir() {
        let config = require(&path.join("image_encoder"), "config.json", "")?;
        return Ok((FileLayout::Split, config));
    }
    let mut layouts = LAYOUTS.into_iter();
    if let Some((_, what, advice)) = layouts.find(|(mark, ..)| path.join(mark).exists()) {
        return Err(Error::OtherLayout {
            folder: path.into(),
            what,
            advice,
        });
    }
    match only_weights(path) {
        Some(weights) => Ok((FileLayout::OpenAi, Content::Path(weights))),
        None => Err(Error::MissingFile {
            folder: path.into(),
            file: "config.json",
            hint: "is this a model's folder?".into(),
        }),
    }
}

/// The one file of weights in a folder, if there is one and no other.
fn only_weights(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let is_weights = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("safetensors" | "pt" | "pth" | "bin"))
    };
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(is_weights)
        .collect();
    found.sort();
    let safe = |path: &&PathBuf| path.extension().is_some_and(|end| end == "safetensors");
    match (&found[..], found.iter().filter(safe).count()) {
        ([one], _) => Some(one.clone()),
        // The same in two formats.
        (_, 1) => found.iter().find(safe).cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelFiles;

    #[test]
    fn an_adapter_and_folders_of_other_layouts_are_called_so() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let error = || ModelFiles::in_folder(folder).unwrap_err().to_string();
        for (mark, ..) in LAYOUTS {
            std::fs::write(folder.join(mark), "{}").unwrap();
            let message = error();
            let name = folder.display().to_string();
            assert!(message.starts_with(&format!("{name} is a ")), "{message}");
            std::fs::remove_file(folder.join(mark)).unwrap();
        }
        let adapter = r#"{"peft_type": "LORA", "base_model_name_or_path": "openai/clip"}"#;
        std::fs::write(folder.join("adapter_config.json"), adapter).unwrap();
        std::fs::write(folder.join("config.json"), "{}").unwrap();
        let message = error();
        assert!(
            message.contains("is an adapter") && message.contains("openai/clip"),
            "{message}"
        );
    }

    #[test]
    fn a_folder_is_known_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let layout = || layout_of(folder).unwrap().0;
        write("ViT-B-32.pt", "");
        assert_eq!(layout(), FileLayout::OpenAi);
        assert_eq!(
            layout_of(&folder.join("ViT-B-32.pt")).unwrap().0,
            FileLayout::OpenAi
        );
        for half in ["image_encoder", "text_encoder"] {
            std::fs::create_dir(folder.join(half)).unwrap();
        }
        write("image_encoder/config.json", "{}");
        assert_eq!(layout(), FileLayout::Split);
        write("open_clip_config.json", "{}");
        assert_eq!(layout(), FileLayout::OpenClip);
        write("config.json", r#"{"architecture": "vit_base_patch16_224"}"#);
        assert_eq!(layout(), FileLayout::OpenClip);
        write("config.json", r#"{"model_type": "clip"}"#);
        assert_eq!(layout(), FileLayout::OpenClip);
        write("model.safetensors", "");
        assert_eq!(layout(), FileLayout::HuggingFace);
        write("config.json", r#"{"model_cfg": {}, "preprocess_cfg": {}}"#);
        assert_eq!(layout(), FileLayout::OpenClip);
    }
}
