//! The files that a model's weights are in, whole or in shards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use clip_input::{Content, json_object};
use serde::Deserialize;

use crate::{Error, Result};

/// What weights are called in Hugging Face's layout, the safe format first.
pub const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
/// The same in open_clip's, in its own order.
pub const OPEN_CLIP_WEIGHTS: [&str; 6] = [
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
];
/// The same of an adapter.
pub(super) const ADAPTER_WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

pub(super) fn index_of(weights: &str) -> String {
    format!("{weights}.index.json")
}

/// The first of these files of weights that is there, whole or in shards.
pub(super) fn weights_named(folder: &Path, names: &[&'static str]) -> Result<Vec<Content>> {
    for name in names {
        let whole = folder.join(name);
        if whole.is_file() {
            return Ok(vec![Content::Path(whole)]);
        }
        let index = folder.join(index_of(name));
        if index.is_file() {
            return shards(folder, Content::Path(index));
        }
    }
    Err(Error::MissingFile {
        folder: folder.into(),
        file: names[0],
        hint: other_weights(folder),
    })
}

fn shards(folder: &Path, content: Content) -> Result<Vec<Content>> {
    let index: Index = json_object(&content.read()?, &content.name())?;
    let shards: BTreeSet<&String> = index.weight_map.values().collect();
    let malformed = |found: String, expected: &str| {
        Err(clip_input::Error::Config {
            file: content.name(),
            field: "weight_map",
            found,
            expected: expected.into(),
        }
        .into())
    };
    if shards.is_empty() {
        return malformed("empty".into(), "the shard of every tensor");
    }
    if let Some(outside) = shards.iter().find(|shard| !is_within(shard)) {
        let found = format!("\"{outside}\"");
        return malformed(found, "names of files beside the index");
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

/// Whether a path leads nowhere but into the folder that it is in.
pub(super) fn is_within(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Other files of weights that may lie in the folder, and what to do with them.
fn other_weights(folder: &Path) -> String {
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
    let whole = ["safetensors", "bin", "pt", "pth"];
    match whole.into_iter().find_map(with_extension) {
        Some(found) => format!(
            "found {}; if that is the whole model, call it {}",
            found.display(),
            match found.extension().is_some_and(|end| end == "safetensors") {
                true => "model.safetensors",
                false => "pytorch_model.bin",
            }
        ),
        None => "download model.safetensors from the model's page".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelFiles;

    #[test]
    fn other_names_of_weights_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let hint = || {
            ModelFiles::weights_in(folder.path())
                .unwrap_err()
                .to_string()
        };
        std::fs::write(folder.path().join("ViT-B-32.pt"), "").unwrap();
        let message = hint();
        assert!(
            message.contains("ViT-B-32.pt") && message.contains("call it pytorch_model.bin"),
            "{message}"
        );
        std::fs::write(folder.path().join("whole.safetensors"), "").unwrap();
        let message = hint();
        assert!(message.contains("call it model.safetensors"), "{message}");
        std::fs::write(folder.path().join("model.gguf"), "").unwrap();
        let message = hint();
        assert!(message.contains("which is not read"), "{message}");
    }

    #[test]
    fn the_safe_format_comes_first_and_a_pickle_is_found_too() {
        let folder = tempfile::tempdir().unwrap();
        let found = || ModelFiles::weights_in(folder.path()).unwrap()[0].name();
        std::fs::write(folder.path().join("pytorch_model.bin"), "").unwrap();
        assert!(found().ends_with("pytorch_model.bin"));
        std::fs::write(folder.path().join("model.safetensors"), "").unwrap();
        assert!(found().ends_with("model.safetensors"));
    }

    #[test]
    fn an_index_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("model.safetensors.index.json");
        for shard in ["../s1", "/etc/hostname", "", "a/../../b"] {
            let json = serde_json::json!({ "weight_map": { "a": shard } });
            std::fs::write(&index, json.to_string()).unwrap();
            let error = ModelFiles::weights_in(folder.path())
                .unwrap_err()
                .to_string();
            assert!(error.contains("beside the index"), "{error}");
        }
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
