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
    /// `preprocessor_config.json`, or transformers 5's `processor_config.json`.
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
            preprocessor: Self::preprocessor_in(folder)?,
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
        let adapter = folder.join("adapter_config.json");
        let has = |file: &str| folder.join(file).is_file();
        if adapter.is_file() && !(has("model.safetensors") || has(INDEX)) {
            let Adapter {
                base_model_name_or_path: base,
            } = json_object(&Content::Path(adapter).read()?, "adapter_config.json")?;
            return Err(Error::Adapter {
                folder: folder.into(),
                base: base.unwrap_or_else(|| "its base".into()),
            });
        }
        if has("config.json") {
            return require(folder, "config.json", "");
        }
        let layouts = LAYOUTS.into_iter();
        let known = layouts.filter(|(mark, ..)| folder.join(mark).exists());
        match known.map(|(_, what, advice)| (what, advice)).next() {
            Some((what, advice)) => Err(Error::OtherLayout {
                folder: folder.into(),
                what,
                advice,
            }),
            None => require(
                folder,
                "config.json",
                "is this a Hugging Face model folder?",
            ),
        }
    }

    /// Finds what says how images are prepared: transformers 5 writes `processor_config.json` and
    /// prefers it, older ones `preprocessor_config.json`.
    ///
    /// # Errors
    /// As [`in_folder`](Self::in_folder).
    pub fn preprocessor_in(folder: &Path) -> Result<Content> {
        let newer = folder.join(PROCESSOR);
        let older = folder.join(PREPROCESSOR);
        let prefers_newer = newer.is_file() && {
            let content = Content::Path(newer.clone());
            let found: Processor = json_object(&content.read()?, &content.name())?;
            found.image_processor.is_some()
        };
        match prefers_newer {
            true => Ok(Content::Path(newer)),
            false if older.is_file() => Ok(Content::Path(older)),
            false => Err(Error::MissingFile {
                folder: folder.into(),
                file: PREPROCESSOR,
                hint: match newer.is_file() {
                    true => format!(
                        "its {PROCESSOR} says nothing of the images' size and normalisation (image_processor); copy {PREPROCESSOR} from the model's page"
                    ),
                    false => format!(
                        "it (or {PROCESSOR}) states the image size and normalisation; copy it from the model's page"
                    ),
                },
            }),
        }
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
        let index = folder.join(INDEX);
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

const INDEX: &str = "model.safetensors.index.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
const PROCESSOR: &str = "processor_config.json";

/// Folders of other layouts: a file or folder that they are known by, what they are, and what to do.
const LAYOUTS: [(&str, &str, &str); 4] = [
    (
        "open_clip_config.json",
        "a model in OpenCLIP's layout",
        "take the same model in the layout of transformers (on the hub, often the same name without \"OpenCLIP\"), with config.json",
    ),
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

#[derive(Deserialize)]
struct Adapter {
    base_model_name_or_path: Option<String>,
}

#[derive(Deserialize)]
struct Processor {
    image_processor: Option<serde::de::IgnoredAny>,
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
    if let Some(found) = with_extension("gguf").or_else(|| with_extension("onnx")) {
        return format!(
            "found {}, which is not read; download model.safetensors from the model's page",
            found.display()
        );
    }
    if let Some(found) = with_extension("safetensors") {
        return format!(
            "found {}; if that is the whole model, call it model.safetensors",
            found.display()
        );
    }
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
    fn transformers_5_says_in_one_file_what_older_ones_say_in_two() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let found = || ModelFiles::preprocessor_in(folder).map(|content| content.name());
        let write = |name, json| std::fs::write(folder.join(name), json).unwrap();
        write(PROCESSOR, r#"{"processor_class": "CLIPProcessor"}"#);
        let error = found().unwrap_err().to_string();
        assert!(error.contains("says nothing of the images"), "{error}");
        write(PREPROCESSOR, "{}");
        assert!(found().unwrap().ends_with(PREPROCESSOR));
        write(PROCESSOR, r#"{"image_processor": {"size": 32}}"#);
        assert!(found().unwrap().ends_with("/processor_config.json"));
        std::fs::remove_file(folder.join(PREPROCESSOR)).unwrap();
        assert!(found().unwrap().ends_with("/processor_config.json"));
    }

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
