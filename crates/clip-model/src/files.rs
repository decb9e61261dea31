//! Where a model's files are: a folder of one of several layouts, or bytes carried in a binary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use clip_input::{CLIP_ENTRIES, Content, byte_pairs, clip_vocabulary, json_object};
use serde::Deserialize;

use crate::open_clip::ModelConfig;
use crate::{Error, Result};

/// The files of one model.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// What the model is called in reports: the folder's name, or the hub's `owner/name`.
    pub name: String,
    /// `config.json`, `open_clip_config.json`, or of OpenAI's state dicts the weights themselves.
    pub config: Content,
    /// `preprocessor_config.json`, or transformers 5's `processor_config.json`; what says it in
    /// other layouts is the configuration.
    pub preprocessor: Content,
    /// `tokenizer.json`.
    pub tokenizer: Content,
    /// The weights, or their shards.
    pub weights: Vec<Content>,
    around: Around,
}

/// Whose files they are by their names, and what belongs to them beside the usual ones.
#[derive(Debug, Clone, Default)]
struct Around {
    layout: FileLayout,
    beside: BTreeMap<String, Content>,
    adapter: Option<[Content; 2]>,
    /// Whether the tokenizer is the one that is built in.
    own_vocabulary: bool,
}

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

/// What both towers are read out of.
#[derive(Debug, Clone)]
pub(crate) struct TowerFiles {
    pub(crate) layout: FileLayout,
    pub(crate) config: Content,
    pub(crate) weights: Vec<Content>,
    /// Further configurations: the text tower's under "text", and timm's under "config.json".
    pub(crate) beside: BTreeMap<String, Content>,
    /// Configuration and weights of an adapter.
    pub(crate) adapter: Option<[Content; 2]>,
}

impl ModelFiles {
    /// The files of a model in Hugging Face's layout, wherever they are.
    pub fn new(
        name: String,
        config: Content,
        preprocessor: Content,
        tokenizer: Content,
        weights: Vec<Content>,
    ) -> Self {
        Self {
            name,
            config,
            preprocessor,
            tokenizer,
            weights,
            around: Around::default(),
        }
    }

    /// Finds the files of a folder.
    ///
    /// # Errors
    /// [`Error::NotAFolder`], [`Error::MissingFile`] for the first file that is absent.
    pub fn in_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        Self::found(folder, base_of(folder)?.as_deref())
    }

    /// Finds the files of a model and of the adapter that changes it, in two folders.
    ///
    /// # Errors
    /// As [`in_folder`](Self::in_folder).
    pub fn with_adapter(base: impl AsRef<Path>, adapter: impl AsRef<Path>) -> Result<Self> {
        Self::found(adapter.as_ref(), Some(base.as_ref()))
    }

    /// What the adapter in a folder changes, where it is named and no folder of that name is at hand:
    /// an id on the hub, as a rule.
    ///
    /// # Errors
    /// [`Error::Input`] for a malformed `adapter_config.json`.
    pub fn base_elsewhere(folder: impl AsRef<Path>) -> Result<Option<String>> {
        let folder = folder.as_ref();
        match is_adapter(folder) && base_of(folder)?.is_none() {
            true => Ok(named_base(folder)?.filter(|base| !base.is_empty())),
            false => Ok(None),
        }
    }

    fn found(folder: &Path, adapted: Option<&Path>) -> Result<Self> {
        // What an adapter changes nothing of is its base's.
        let base = adapted.unwrap_or(folder);
        let (layout, config) = layout_of(base)?;
        let preprocessor = match layout {
            FileLayout::HuggingFace | FileLayout::Split => Self::preprocessor_in(base)?,
            FileLayout::OpenClip | FileLayout::OpenAi => config.clone(),
        };
        let (tokenizer, own_vocabulary) = match Self::tokenizer_in(base) {
            Err(Error::MissingFile { .. }) if has_clips_vocabulary(layout, &config)? => {
                (clip_vocabulary()?, true)
            }
            found => (found?, false),
        };
        let TowerFiles {
            layout,
            config,
            weights,
            beside,
            adapter,
        } = match adapted {
            Some(base) => Self::towers_in(base)?.adapted(folder)?,
            None => Self::towers_in(folder)?,
        };
        Ok(Self {
            name: folder_name(folder),
            config,
            preprocessor,
            tokenizer,
            weights,
            around: Around {
                layout,
                beside,
                adapter,
                own_vocabulary,
            },
        })
    }

    /// Whether the tokenizer is CLIP's own, which is part of the program, since there is none among
    /// the files.
    pub fn has_own_vocabulary(&self) -> bool {
        self.around.own_vocabulary
    }

    /// Finds what both towers are read out of, without tokenizer and preprocessing.
    pub(crate) fn towers_in(folder: &Path) -> Result<TowerFiles> {
        if let Some(base) = base_of(folder)? {
            return Self::towers_in(&base)?.adapted(folder);
        }
        let (layout, config) = layout_of(folder)?;
        let mut beside = BTreeMap::new();
        let weights = match layout {
            FileLayout::HuggingFace => Self::weights_in(folder)?,
            FileLayout::OpenClip => {
                if let Some(path) = text_config(folder, &config)? {
                    beside.insert("text".into(), Content::Path(path));
                }
                let timm = folder.join("config.json");
                if timm.is_file() && config.name() != timm.display().to_string() {
                    beside.insert("config.json".into(), Content::Path(timm));
                }
                weights_named(folder, &OPEN_CLIP_WEIGHTS)?
            }
            FileLayout::OpenAi => vec![config.clone()],
            FileLayout::Split => {
                let text = folder.join("text_encoder");
                beside.insert("text".into(), require(&text, "config.json", "")?);
                let image = Self::weights_in(&folder.join("image_encoder"))?;
                [image, Self::weights_in(&text)?].concat()
            }
        };
        Ok(TowerFiles {
            layout,
            config,
            weights,
            beside,
            adapter: None,
        })
    }

    pub(crate) fn towers(&self) -> TowerFiles {
        let Around {
            layout,
            beside,
            adapter,
            own_vocabulary: _,
        } = self.around.clone();
        TowerFiles {
            layout,
            config: self.config.clone(),
            weights: self.weights.clone(),
            beside,
            adapter,
        }
    }

    /// All files that are there.
    pub fn all(&self) -> Vec<Content> {
        let named = [&self.config, &self.preprocessor, &self.tokenizer];
        let around = self.around.beside.values();
        let adapter = self.around.adapter.iter().flatten();
        let all = named.into_iter().chain(&self.weights);
        all.chain(around).chain(adapter).cloned().collect()
    }

    /// Finds the configuration alone.
    ///
    /// # Errors
    /// As [`in_folder`](Self::in_folder).
    pub fn config_in(folder: &Path) -> Result<Content> {
        Ok(layout_of(folder)?.1)
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

    /// Finds `tokenizer.json`, or what it would be made of: `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    /// As [`in_folder`](Self::in_folder); what is wrong with the two files.
    pub fn tokenizer_in(folder: &Path) -> Result<Content> {
        // Of a file of weights, what lies beside it.
        let folder = match folder.is_file() {
            true => folder.parent().unwrap_or(folder),
            false => folder,
        };
        let [whole, vocabulary, merges] =
            ["tokenizer.json", "vocab.json", "merges.txt"].map(|file| folder.join(file));
        if !whole.is_file() && vocabulary.is_file() && merges.is_file() {
            let [vocabulary, merges] = [vocabulary, merges].map(Content::Path);
            return Ok(byte_pairs(&vocabulary, &merges)?);
        }
        require(
            folder,
            "tokenizer.json",
            "copy it from the model's page; CLIP's own, of OpenAI and open_clip, is that of openai/clip-vit-base-patch32",
        )
    }

    /// Finds the weights alone: one file, or the shards an index lists.
    ///
    /// # Errors
    /// As [`in_folder`](Self::in_folder), and [`Error::Input`] for a malformed index.
    pub fn weights_in(folder: &Path) -> Result<Vec<Content>> {
        weights_named(folder, &WEIGHTS)
    }
}

impl TowerFiles {
    /// The same with the adapter in another folder.
    ///
    /// # Errors
    /// [`Error::MissingFile`] for what the adapter lacks.
    pub(crate) fn adapted(self, folder: &Path) -> Result<Self> {
        let config = require(
            folder,
            "adapter_config.json",
            "is this an adapter's folder?",
        )?;
        let weights = weights_named(folder, &ADAPTER_WEIGHTS)?.swap_remove(0);
        Ok(Self {
            adapter: Some([config, weights]),
            ..self
        })
    }
}

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
const ADAPTER_WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];
const OPEN_CLIP: &str = "open_clip_config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
const PROCESSOR: &str = "processor_config.json";

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
fn layout_of(path: &Path) -> Result<(FileLayout, Content)> {
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

/// Whether a model of such files has CLIP's own vocabulary where no tokenizer lies with them: OpenAI's
/// have, and open_clip's that name no other.
fn has_clips_vocabulary(layout: FileLayout, config: &Content) -> Result<bool> {
    match layout {
        FileLayout::OpenAi => Ok(true),
        FileLayout::OpenClip => {
            let config = ModelConfig::from_json(&config.read()?, &config.name())?;
            let text = config.text_cfg;
            let names_none = text.hf_tokenizer_name.is_none() && text.hf_model_name.is_none();
            Ok(names_none && text.vocab_size == CLIP_ENTRIES)
        }
        FileLayout::HuggingFace | FileLayout::Split => Ok(false),
    }
}

/// Whether a folder holds a change to a model and no model.
fn is_adapter(folder: &Path) -> bool {
    let has = |file: &str| folder.join(file).is_file();
    let whole = WEIGHTS
        .into_iter()
        .any(|name| has(name) || has(&index_of(name)));
    has("adapter_config.json") && !whole
}

/// What an adapter says it changes.
fn named_base(adapter: &Path) -> Result<Option<String>> {
    let config = Content::Path(adapter.join("adapter_config.json"));
    let Adapter {
        base_model_name_or_path: base,
    } = json_object(&config.read()?, &config.name())?;
    Ok(base)
}

/// The folder of the model that an adapter changes, where it is at hand: seen from the adapter's, or
/// from here.
fn base_of(folder: &Path) -> Result<Option<PathBuf>> {
    if !is_adapter(folder) {
        return Ok(None);
    }
    let Some(base) = named_base(folder)?.filter(|base| !base.is_empty()) else {
        return Ok(None);
    };
    let mut places = [folder.join(&base), PathBuf::from(&base)].into_iter();
    // One adapter on top of another is merged by nobody here.
    Ok(places.find(|place| place.is_dir() && !is_adapter(place)))
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

fn index_of(weights: &str) -> String {
    format!("{weights}.index.json")
}

/// The first of these files of weights that is there, whole or in shards.
fn weights_named(folder: &Path, names: &[&'static str]) -> Result<Vec<Content>> {
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
fn is_within(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[derive(Deserialize)]
struct OpenClipText {
    model_cfg: Option<OpenClipModel>,
}

#[derive(Deserialize)]
struct OpenClipModel {
    text_cfg: Option<OpenClipName>,
}

#[derive(Deserialize)]
struct OpenClipName {
    hf_model_name: Option<String>,
}

/// The configuration of the text tower that open_clip's names, if it lies within the folder under that
/// name.
fn text_config(folder: &Path, config: &Content) -> Result<Option<PathBuf>> {
    let OpenClipText { model_cfg } = json_object(&config.read()?, &config.name())?;
    let name = model_cfg.and_then(|model| model.text_cfg?.hf_model_name);
    let name = name.filter(|name| is_within(name));
    let path = name.map(|name| folder.join(name).join("config.json"));
    Ok(path.filter(|path| path.is_file()))
}

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
    weight_map: BTreeMap<String, String>,
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
