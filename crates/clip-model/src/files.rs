//! Where a model's files are: a Hugging Face folder, or bytes carried in a binary.

use std::collections::BTreeSet;
use std::path::Path;

use clip_input::{Content, json_object};
use serde::Deserialize;

use crate::{Error, Result};

/// The files of one model.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// What the model is called in reports: the folder's name, or the hub's `owner/name`.
    pub name: String,
    /// `config.json`.
    pub config: Content,
    /// `preprocessor_config.json`.
    pub preprocessor: Content,
    /// `tokenizer.json`.
    pub tokenizer: Content,
    /// `model.safetensors`, or its shards.
    pub weights: Vec<Content>,
}

impl ModelFiles {
    /// Finds the files of a Hugging Face folder.
    ///
    /// # Errors
    /// [`Error::NotAFolder`], [`Error::MissingFile`] for the first file that is absent.
    pub fn in_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        Ok(Self {
            name: folder_name(folder),
            config: Self::config_in(folder)?,
            preprocessor: require(
                folder,
                "preprocessor_config.json",
                "it states the image size and normalisation; copy it from the model's page",
            )?,
            tokenizer: require(
                folder,
                "tokenizer.json",
                "if there are vocab.json and merges.txt, transformers' CLIPTokenizerFast.from_pretrained(folder).save_pretrained(folder) writes it",
            )?,
            weights: Self::weights_in(folder)?,
        })
    }

    /// Finds `config.json` alone.
    ///
    /// # Errors
    /// As [`in_folder`](Self::in_folder).
    pub fn config_in(folder: &Path) -> Result<Content> {
        if !folder.is_dir() {
            return Err(Error::NotAFolder {
                path: folder.into(),
            });
        }
        require(
            folder,
            "config.json",
            "is this a Hugging Face model folder?",
        )
    }

    /// Finds the weights alone: one file, or the shards an index lists.
    ///
    /// # Errors
    /// As [`in_folder`](Self::in_folder), and [`Error::Input`] for a malformed index.
    pub fn weights_in(folder: &Path) -> Result<Vec<Content>> {
        let single = folder.join("model.safetensors");
        if single.is_file() {
            return Ok(vec![Content::Path(single)]);
        }
        let index = folder.join("model.safetensors.index.json");
        if !index.is_file() {
            return Err(Error::MissingFile {
                folder: folder.into(),
                file: "model.safetensors",
                hint: conversion_hint(folder),
            });
        }
        let content = Content::Path(index);
        let index: Index = json_object(&content.read()?, &content.name())?;
        let shards: BTreeSet<&String> = index.weight_map.values().collect();
        if shards.is_empty() {
            return Err(clip_input::Error::Config {
                file: content.name(),
                field: "weight_map",
                found: "empty".into(),
                expected: "the shard of every tensor".into(),
            }
            .into());
        }
        shards
            .into_iter()
            .map(|shard| {
                let path = folder.join(shard);
                match path.is_file() {
                    true => Ok(Content::Path(path)),
                    false => Err(Error::MissingFile {
                        folder: folder.into(),
                        file: "one of its shards",
                        hint: format!("{} lists {shard}; download it", content.name()),
                    }),
                }
            })
            .collect()
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

fn require(folder: &Path, file: &'static str, hint: &str) -> Result<Content> {
    let path = folder.join(file);
    if path.is_file() {
        Ok(Content::Path(path))
    } else {
        Err(Error::MissingFile {
            folder: folder.into(),
            file,
            hint: hint.into(),
        })
    }
}

fn folder_name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    absolute
        .file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Other weight formats that may lie in the folder, and the way from them to safetensors.
fn conversion_hint(folder: &Path) -> String {
    let with_extension = |extension: &str| {
        std::fs::read_dir(folder)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|found| found == extension))
    };
    if let Some(found) = with_extension("bin") {
        return format!(
            "found {}; convert it with transformers: CLIPModel.from_pretrained(folder).save_pretrained(folder, safe_serialization=True)",
            found.display()
        );
    }
    if let Some(found) = with_extension("pt") {
        return format!(
            "found {}; a TorchScript archive or pickle is not read: in Python, safetensors.torch.save_file(torch.jit.load(file).state_dict(), \"model.safetensors\") (torch.load(file) for a plain state dict) writes one that is",
            found.display()
        );
    }
    "download model.safetensors from the model's page".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_absent_file_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = |folder: &Path| ModelFiles::in_folder(folder).unwrap_err().to_string();
        assert!(error(&folder.path().join("nowhere")).contains("is not a folder"));
        for file in [
            "config.json",
            "preprocessor_config.json",
            "tokenizer.json",
            "model.safetensors",
        ] {
            let message = error(folder.path());
            assert!(message.contains(&format!("has no {file};")), "{message}");
            std::fs::write(folder.path().join(file), "{}").unwrap();
        }
        assert_eq!(
            ModelFiles::in_folder(folder.path()).unwrap().weights.len(),
            1
        );
    }

    #[test]
    fn other_weight_formats_come_with_their_conversion() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ViT-B-32.pt"), "").unwrap();
        let hint = ModelFiles::weights_in(folder.path())
            .unwrap_err()
            .to_string();
        assert!(
            hint.contains("ViT-B-32.pt") && hint.contains("torch.jit.load"),
            "{hint}"
        );
        std::fs::write(folder.path().join("pytorch_model.bin"), "").unwrap();
        let hint = ModelFiles::weights_in(folder.path())
            .unwrap_err()
            .to_string();
        assert!(
            hint.contains("pytorch_model.bin") && hint.contains("safe_serialization"),
            "{hint}"
        );
    }

    #[test]
    fn an_index_lists_the_shards_and_each_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("model.safetensors.index.json");
        std::fs::write(
            &index,
            r#"{"weight_map": {"a": "s2", "b": "s1", "c": "s2"}}"#,
        )
        .unwrap();
        std::fs::write(folder.path().join("s1"), "").unwrap();
        let error = ModelFiles::weights_in(folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("lists s2"), "{error}");
        std::fs::write(folder.path().join("s2"), "").unwrap();
        assert_eq!(ModelFiles::weights_in(folder.path()).unwrap().len(), 2);
        std::fs::write(&index, "{").unwrap();
        assert!(matches!(
            ModelFiles::weights_in(folder.path()),
            Err(Error::Input(clip_input::Error::Json { .. }))
        ));
    }
}
