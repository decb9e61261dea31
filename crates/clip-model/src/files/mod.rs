//! Where a model's files are: a folder of one of several layouts, or bytes carried in a binary.

mod adapter;
mod layout;
mod weights;

pub(crate) use layout::FileLayout;
pub use weights::{OPEN_CLIP_WEIGHTS, WEIGHTS};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clip_input::{CLIP_ENTRIES, Content, byte_pairs, clip_vocabulary, json_object, word_pieces};
use serde::Deserialize;

use self::adapter::{base_of, is_adapter, named_base};
use self::layout::layout_of;
use self::weights::{ADAPTER_WEIGHTS, is_within, weights_named};
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
    /// Where they were found.
    folder: Option<PathBuf>,
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
                folder: Some(folder.into()),
            },
        })
    }

    /// Whether the tokenizer is CLIP's own, which is part of the program, since there is none among
    /// the files.
    pub fn has_own_vocabulary(&self) -> bool {
        self.around.own_vocabulary
    }

    /// The folder where they were found, if they were; of a change to a model, its own.
    pub fn folder(&self) -> Option<&Path> {
        self.around.folder.as_deref()
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
            folder: _,
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

    /// Finds `tokenizer.json`, or what it would be made of: `vocab.json` and `merges.txt`, or BERT's
    /// `vocab.txt`.
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
        let pieces = folder.join("vocab.txt");
        if !whole.is_file() && pieces.is_file() {
            return Ok(word_pieces(&Content::Path(pieces))?);
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

const PREPROCESSOR: &str = "preprocessor_config.json";
const PROCESSOR: &str = "processor_config.json";

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
struct Processor {
    image_processor: Option<serde::de::IgnoredAny>,
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
}
