//! Models by name: files from the Hugging Face hub, kept in the cache that its other clients use.
//!
//! What is in the cache is used without asking the hub. Otherwise all files come from one commit,
//! and the cache's branch moves to it only when the last of them is there.
//!
//! ```no_run
//! use m2ib::hub::{self, HubOptions};
//!
//! let files = hub::fetch("openai/clip-vit-base-patch16", &HubOptions::from_env(), None)?;
//! println!("{}", files.config.name());
//! # Ok::<(), m2ib::Error>(())
//! ```

mod client;
mod id;
mod options;
mod progress;
mod reason;
mod store;

use std::collections::BTreeSet;
use std::path::Path;

use clip_input::{Content, MAX_FILE};
use clip_model::{ModelFiles, OPEN_CLIP_WEIGHTS, WEIGHTS};

pub use options::HubOptions;
pub use progress::Progress;
pub use reason::HubReason;

use crate::source::CALIBRATION;
use crate::{Error, Result};
use client::Client;
use id::ModelId;
use store::Store;

const CONFIG: &str = "config.json";
const OPEN_CLIP: &str = "open_clip_config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
/// Where transformers 5 writes the same.
const PROCESSOR: &str = "processor_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// What older repositories' tokenizers are made of.
const VOCABULARY: [&str; 2] = ["vocab.json", "merges.txt"];
/// The same of BERT's.
const PIECES: &str = "vocab.txt";

/// Finds a model's files in the cache, or downloads them: `config.json`,
/// `preprocessor_config.json` (or `processor_config.json`), `tokenizer.json` (or `vocab.json` and
/// `merges.txt`, or `vocab.txt`, or none of them in open_clip's layout), `tokenizer_config.json` if there is
/// one, and `model.safetensors` or its shards, else
/// `pytorch_model.bin` or its. In open_clip's layout, `open_clip_config.json` and its weights are in
/// the place of the first two and the last. Feature statistics (`calibration.safetensors`) come along where
/// the repository has some, and [`Calibration::found`](crate::Calibration::found) finds them.
///
/// `id` is `owner/name` or `owner/name@revision`, with a branch, tag, commit or `refs/pr/1`. A
/// model that is complete in the cache takes no request, so a branch stays where it was first
/// seen. An interrupted download goes on where it stopped at the next call.
///
/// # Errors
/// [`Error::Hub`] with the file and the [`HubReason`]; [`Error::Model`] for a malformed index.
pub fn fetch(
    id: &str,
    options: &HubOptions,
    progress: Option<&mut dyn Progress>,
) -> Result<ModelFiles> {
    let failed = |(file, reason): Failure| Error::Hub {
        id: id.into(),
        file,
        reason,
    };
    let model = ModelId::parse(id).map_err(|reason| failed((CONFIG.into(), reason)))?;
    let store = Store::new(&options.cache, &model);
    let missing = match store.cached().map(ModelFiles::in_folder) {
        Some(Ok(files)) => return Ok(named(files, id)),
        Some(Err(clip_model::Error::MissingFile { file, .. })) => file,
        Some(Err(other)) if options.offline => return Err(other.into()),
        _ => CONFIG,
    };
    if options.offline {
        let cache = options.cache.clone();
        return Err(failed((missing.into(), HubReason::Offline { cache })));
    }
    tracing::debug!(id, missing, "not in the cache, asking {}", options.endpoint);
    let client = Client::new(options, &model).map_err(|reason| failed((CONFIG.into(), reason)))?;
    let mut silent = ();
    let commit = download(&client, &store, progress.unwrap_or(&mut silent)).map_err(failed)?;
    Ok(named(ModelFiles::in_folder(store.snapshot(&commit))?, id))
}

/// The files of a folder. The model that an adapter changes is [fetched](fetch) if it is no folder but
/// an id.
///
/// # Errors
/// As [`fetch`], and [`Error::Model`] for what is wrong with the folder.
pub fn in_folder(
    folder: impl AsRef<Path>,
    options: &HubOptions,
    progress: Option<&mut dyn Progress>,
) -> Result<ModelFiles> {
    let folder = folder.as_ref();
    let base = ModelFiles::base_elsewhere(folder)?;
    // Another name than an id's is a folder that is not there, which is told as such.
    let Some(id) = base.filter(|id| ModelId::parse(id).is_ok()) else {
        return Ok(ModelFiles::in_folder(folder)?);
    };
    let base = fetch(&id, options, progress)?;
    match &base.config {
        Content::Path(config) => {
            let base = config.parent().unwrap_or(config);
            Ok(ModelFiles::with_adapter(base, folder)?)
        }
        Content::Bytes(..) => Ok(ModelFiles::in_folder(folder)?),
    }
}

type Failure = (String, HubReason);

/// Downloads what the cache lacks and returns the commit.
fn download(
    client: &Client,
    store: &Store,
    progress: &mut dyn Progress,
) -> Result<String, Failure> {
    let at = |file: &str| {
        let file = file.to_owned();
        move |reason| (file, reason)
    };
    // The first answer names the commit; the other files are asked of it, lest a push between two
    // requests mixes two versions of a model.
    let (answer, config) = match client.get(CONFIG, None, 0) {
        Err(HubReason::NoSuchFile) => match client.get(OPEN_CLIP, None, 0) {
            Err(HubReason::NoSuchFile) => return Err((CONFIG.into(), HubReason::NoSuchFile)),
            answer => (answer.map_err(at(OPEN_CLIP))?, OPEN_CLIP),
        },
        answer => (answer.map_err(at(CONFIG))?, CONFIG),
    };
    let commit = answer.commit().map_err(at(config))?;
    let get = |file: &str, progress: &mut dyn Progress| -> Result<(), HubReason> {
        if store.has(&commit, file) {
            return Ok(());
        }
        store.save(
            client,
            &commit,
            file,
            client.get(file, Some(&commit), 0)?,
            progress,
        )
    };
    if !store.has(&commit, config) {
        store
            .save(client, &commit, config, answer, progress)
            .map_err(at(config))?;
    }
    // timm's own configuration lies beside open_clip's, and says nothing of a model of two towers.
    let snapshot = store.snapshot(&commit);
    let is_open_clips = match whose(&snapshot.join(config)) {
        Whose::OpenClips => true,
        Whose::Transformers => false,
        Whose::Timms => match get(OPEN_CLIP, progress) {
            Err(HubReason::NoSuchFile) => false,
            other => other.map(|()| true).map_err(at(OPEN_CLIP))?,
        },
    };
    if !is_open_clips {
        match get(PREPROCESSOR, progress) {
            Err(HubReason::NoSuchFile) => {
                get(PROCESSOR, progress).map_err(|reason| match reason {
                    HubReason::NoSuchFile => (PREPROCESSOR.into(), reason),
                    other => (PROCESSOR.into(), other),
                })?
            }
            other => other.map_err(at(PREPROCESSOR))?,
        }
    }
    match get(TOKENIZER, progress) {
        // What it is made of will do.
        Err(HubReason::NoSuchFile) => {
            for file in VOCABULARY {
                match get(file, progress) {
                    Err(reason @ HubReason::NoSuchFile) => match get(PIECES, progress) {
                        Ok(()) => break,
                        // Most of open_clip's models have CLIP's own, which is at hand.
                        Err(HubReason::NoSuchFile) if is_open_clips => break,
                        Err(HubReason::NoSuchFile) => return Err((TOKENIZER.into(), reason)),
                        Err(other) => return Err((PIECES.into(), other)),
                    },
                    other => other.map_err(at(file))?,
                }
            }
        }
        other => other.map_err(at(TOKENIZER))?,
    }
    // For the padding token; not every model has it.
    match get(TOKENIZER_CONFIG, progress) {
        Ok(()) | Err(HubReason::NoSuchFile) => {}
        Err(other) => return Err((TOKENIZER_CONFIG.into(), other)),
    }
    let names: &[&str] = match is_open_clips {
        true => &OPEN_CLIP_WEIGHTS,
        false => &WEIGHTS,
    };
    let mut found = false;
    // The first there is, whole or in shards; no second copy in another format.
    for name in names {
        let index = format!("{name}.index.json");
        match get(name, progress) {
            Err(HubReason::NoSuchFile) => match get(&index, progress) {
                Err(HubReason::NoSuchFile) => continue,
                other => other.map_err(at(&index))?,
            },
            other => {
                other.map_err(at(name))?;
                found = true;
                break;
            }
        }
        for shard in shards(&snapshot.join(&index)).map_err(at(&index))? {
            get(&shard, progress).map_err(at(&shard))?;
        }
        found = true;
        break;
    }
    if !found {
        return Err((names[0].into(), HubReason::NoSuchFile));
    }
    // Few repositories have them.
    match get(CALIBRATION, progress) {
        Ok(()) | Err(HubReason::NoSuchFile) => {}
        Err(other) => return Err((CALIBRATION.into(), other)),
    }
    store.finish(&commit).map_err(at(CONFIG))?;
    Ok(commit)
}

/// The shards an index lists; only plain names, since they become paths in the cache.
fn shards(index: &Path) -> Result<BTreeSet<String>, HubReason> {
    let malformed = |detail: String| HubReason::Answer { detail };
    let bytes = m2ib_files::read(index, MAX_FILE);
    let path = index.to_owned();
    let bytes = bytes.map_err(|reason| HubReason::Cache { path, reason })?;
    let index: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    let map = index["weight_map"]
        .as_object()
        .ok_or_else(|| malformed("it has no weight_map".into()))?;
    map.values()
        .map(|shard| match shard.as_str() {
            Some(name) if id::is_plain(name) => Ok(name.to_owned()),
            _ => Err(malformed(format!(
                "it lists {shard}, which is no file name"
            ))),
        })
        .collect()
}

/// Whose configuration a file is.
enum Whose {
    Transformers,
    OpenClips,
    Timms,
}

fn whose(config: &Path) -> Whose {
    let bytes = m2ib_files::read(config, MAX_FILE).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if config["model_cfg"].is_object() {
        Whose::OpenClips
    } else if config["architecture"].is_string() && config["model_type"].is_null() {
        Whose::Timms
    } else {
        Whose::Transformers
    }
}

fn named(mut files: ModelFiles, id: &str) -> ModelFiles {
    files.name = id.into();
    files
}
