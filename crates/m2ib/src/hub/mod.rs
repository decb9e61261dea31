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

use clip_input::MAX_FILE;
use clip_model::ModelFiles;

pub use options::HubOptions;
pub use progress::Progress;
pub use reason::HubReason;

use crate::{Error, Result};
use client::{Answer, Client};
use id::ModelId;
use store::Store;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
/// Where transformers 5 writes the same.
const PROCESSOR: &str = "processor_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const PICKLE: &str = "pytorch_model.bin";

/// Finds a model's files in the cache, or downloads them: `config.json`,
/// `preprocessor_config.json` (or `processor_config.json`), `tokenizer.json`, `tokenizer_config.json` if there is one, and
/// `model.safetensors` or its shards.
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
    let answer = client.get(CONFIG, None, 0).map_err(at(CONFIG))?;
    let commit = answer.commit().map_err(at(CONFIG))?;
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
    if !store.has(&commit, CONFIG) {
        store
            .save(client, &commit, CONFIG, answer, progress)
            .map_err(at(CONFIG))?;
    }
    match get(PREPROCESSOR, progress) {
        Err(HubReason::NoSuchFile) => get(PROCESSOR, progress).map_err(|reason| match reason {
            HubReason::NoSuchFile => (PREPROCESSOR.into(), reason),
            other => (PROCESSOR.into(), other),
        })?,
        other => other.map_err(at(PREPROCESSOR))?,
    }
    get(TOKENIZER, progress).map_err(at(TOKENIZER))?;
    // For the padding token; not every model has it.
    match get(TOKENIZER_CONFIG, progress) {
        Ok(()) | Err(HubReason::NoSuchFile) => {}
        Err(other) => return Err((TOKENIZER_CONFIG.into(), other)),
    }
    match get(WEIGHTS, progress) {
        Err(HubReason::NoSuchFile) => {
            get(INDEX, progress).map_err(|reason| match reason {
                HubReason::NoSuchFile => (WEIGHTS.into(), without_weights(client, &commit)),
                other => (INDEX.into(), other),
            })?;
            let shards = shards(&store.snapshot(&commit)).map_err(at(INDEX))?;
            for shard in shards {
                get(&shard, progress).map_err(at(&shard))?;
            }
        }
        other => other.map_err(at(WEIGHTS))?,
    }
    store.finish(&commit).map_err(at(CONFIG))?;
    Ok(commit)
}

/// The shards an index lists; only plain names, since they become paths in the cache.
fn shards(snapshot: &Path) -> Result<BTreeSet<String>, HubReason> {
    let malformed = |detail: String| HubReason::Answer { detail };
    let path = snapshot.join(INDEX);
    let bytes = m2ib_files::read(&path, MAX_FILE);
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

fn without_weights(client: &Client, commit: &str) -> HubReason {
    match client.get(PICKLE, Some(commit), 0) {
        Ok(Answer { .. }) => HubReason::OnlyPickle,
        Err(_) => HubReason::NoSuchFile,
    }
}

fn named(files: ModelFiles, id: &str) -> ModelFiles {
    ModelFiles {
        name: id.into(),
        ..files
    }
}
