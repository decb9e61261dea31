//! Downloads from a small hub on this machine that answers like the public one.
#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used)]

#[path = "hub/site.rs"]
mod site;

use std::path::Path;

use m2ib::clip_model::ModelFiles;
use m2ib::hub::{self, HubOptions, HubReason, Progress, fetch};
use site::{COMMIT, Hub, closing_midway, sending_on_and_on};

const ID: &str = "tiny/clip";

fn options(hub: &Hub, cache: &Path) -> HubOptions {
    HubOptions {
        endpoint: hub.url().into(),
        cache: cache.into(),
        token: None,
        offline: false,
    }
}

fn reason(result: m2ib::Result<ModelFiles>) -> (String, HubReason) {
    let error = result.unwrap_err();
    match error {
        m2ib::Error::Hub { file, reason, .. } => (file, reason),
        other => panic!("expected a hub error, found {other}"),
    }
}

fn weights(files: &ModelFiles) -> Vec<Vec<u8>> {
    let read = |file: &m2ib::clip_input::Content| file.read().unwrap();
    files.weights.iter().map(read).collect()
}

/// What a progress bar is told: files with the bytes they begin with, and the bytes of all.
#[derive(Default)]
struct Told {
    files: Vec<(String, u64)>,
    bytes: u64,
    finished: usize,
}

impl Progress for Told {
    fn start(&mut self, file: &str, done: u64, total: u64) {
        assert!(done < total);
        self.files.push((file.into(), done));
    }
    fn advance(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
    fn finish(&mut self) {
        self.finished += 1;
    }
}

#[test]
fn a_model_is_downloaded_once_and_then_found() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let mut told = Told::default();
    let files = fetch(ID, &options, Some(&mut told)).unwrap();
    assert_eq!(files.name, ID);
    for (file, name) in [
        (&files.config, "config.json"),
        (&files.preprocessor, "preprocessor_config.json"),
        (&files.tokenizer, "tokenizer.json"),
        (&files.weights[0], "model.safetensors"),
    ] {
        assert_eq!(file.read().unwrap(), hub.bytes(name));
        assert!(told.files.contains(&(name.into(), 0)), "{name}");
    }
    assert_eq!((told.bytes, told.finished), (hub.total_bytes(), 4));

    // Other clients of the hub find it too.
    let other = hf_hub::Cache::new(cache.path().into()).model(ID.into());
    assert!(other.get("model.safetensors").is_some());

    let asked = hub.asked();
    assert!(asked.iter().all(|asked| asked.identity && asked.range == 0));
    let of_the_branch = |asked: &&site::Asked| asked.path.contains("/resolve/main/");
    assert_eq!(asked.iter().filter(of_the_branch).count(), 1);

    let again = fetch(ID, &options, None).unwrap();
    assert_eq!(weights(&again), weights(&files));
    assert_eq!(hub.asked().len(), asked.len());
    let offline = HubOptions {
        offline: true,
        endpoint: "http://127.0.0.1:1".into(),
        ..options
    };
    assert!(fetch(ID, &offline, None).is_ok());
    assert!(fetch(&format!("{ID}@{COMMIT}"), &offline, None).is_ok());
}

#[test]
fn a_revision_may_be_a_branch_with_slashes_or_a_commit() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let offline = HubOptions {
        offline: true,
        ..options.clone()
    };
    let commit = format!("{ID}@{COMMIT}");
    assert_eq!(fetch(&commit, &options, None).unwrap().name, commit);
    let branch = format!("{ID}@refs/pr/1");
    assert!(fetch(&branch, &offline, None).is_err());
    assert_eq!(fetch(&branch, &options, None).unwrap().name, branch);
    assert!(fetch(&branch, &offline, None).is_ok());
}

#[test]
fn what_the_cache_lacks_is_downloaded_and_nothing_else() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let files = fetch(ID, &options, None).unwrap();
    std::fs::remove_file(files.tokenizer.name()).unwrap();
    std::fs::remove_file(std::fs::canonicalize(files.weights[0].name()).unwrap()).unwrap();
    let mut told = Told::default();
    let files = fetch(ID, &options, Some(&mut told)).unwrap();
    // The tokenizer's content is still there, only its link was not.
    assert_eq!(told.files, [("model.safetensors".into(), 0)]);
    assert_eq!(weights(&files), [hub.bytes("model.safetensors")]);
}

#[test]
fn shards_are_downloaded_as_the_index_lists_them() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    hub.remove("model.safetensors");
    hub.put(
        "model.safetensors.index.json",
        br#"{"weight_map": {"a": "s2.safetensors", "b": "s1.safetensors", "c": "s2.safetensors"}}"#,
    );
    hub.put("s1.safetensors", b"one");
    let options = options(&hub, cache.path());
    let (file, why) = reason(fetch(ID, &options, None));
    assert!(file == "s2.safetensors" && matches!(why, HubReason::NoSuchFile));
    hub.put("s2.safetensors", b"two");
    let files = fetch(ID, &options, None).unwrap();
    assert_eq!(weights(&files), [b"one", b"two"]);
}

#[test]
fn an_index_cannot_name_files_outside_the_cache() {
    for shard in ["../../../x", "/etc/passwd", "..", r"a\\b"] {
        let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
        hub.remove("model.safetensors");
        let index = format!(r#"{{"weight_map": {{"a": "{shard}"}}}}"#);
        hub.put("model.safetensors.index.json", index.as_bytes());
        let (file, why) = reason(fetch(ID, &options(&hub, cache.path()), None));
        assert_eq!(file, "model.safetensors.index.json");
        assert!(matches!(why, HubReason::Answer { .. }));
    }
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    hub.require_token("hf_right");
    let with = |token: Option<&str>| HubOptions {
        token: token.map(Into::into),
        ..options(&hub, cache.path())
    };
    let (_, why) = reason(fetch(ID, &with(None), None));
    assert!(matches!(why, HubReason::TokenNeeded { status: 401, .. }));
    let (_, why) = reason(fetch(ID, &with(Some("hf_wrong")), None));
    assert!(matches!(why, HubReason::TokenRefused { status: 401 }));
    fetch(ID, &with(Some("hf_right")), None).unwrap();
    let last = hub.asked().pop().unwrap();
    assert_eq!(last.token.as_deref(), Some("Bearer hf_right"));
    let elsewhere = hub.asked_of_file_server();
    assert!(!elsewhere.is_empty() && elsewhere.iter().all(|asked| asked.token.is_none()));
}

#[test]
fn what_is_not_there_is_named() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let (file, why) = reason(fetch("no/such", &options, None));
    assert_eq!(file, "config.json");
    assert!(matches!(why, HubReason::NoSuchModel { .. }));
    let (_, why) = reason(fetch("tiny/clip@v9", &options, None));
    assert!(matches!(why, HubReason::NoSuchRevision { revision } if revision == "v9"));
    hub.remove("model.safetensors");
    let (file, why) = reason(fetch(ID, &options, None));
    assert!(file == "model.safetensors" && matches!(why, HubReason::NoSuchFile));
    hub.put("pytorch_model.bin", b"pickle");
    let files = fetch(ID, &options, None).unwrap();
    assert_eq!(weights(&files), [b"pickle"]);
    hub.remove("preprocessor_config.json");
    std::fs::remove_dir_all(cache.path()).unwrap();
    let (file, why) = reason(fetch(ID, &options, None));
    assert!(file == "preprocessor_config.json" && matches!(why, HubReason::NoSuchFile));
}

#[test]
fn of_open_clips_layout_its_own_files_come_and_nothing_else() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let config = br#"{"model_cfg": {"embed_dim": 8}, "preprocess_cfg": {}}"#;
    hub.put("open_clip_config.json", config);
    hub.put("open_clip_pytorch_model.bin", b"weights");
    hub.remove("preprocessor_config.json");
    for vocabulary in ["vocab.json", "merges.txt"] {
        hub.put(vocabulary, br#"{"<|startoftext|>": 0, "<|endoftext|>": 1}"#);
    }
    hub.put("merges.txt", b"#version: 0.2\n");
    hub.remove("tokenizer.json");
    // With timm's configuration beside it, and with none.
    for timm in [true, false] {
        match timm {
            true => hub.put(
                "config.json",
                br#"{"architecture": "vit_base_patch16_224"}"#,
            ),
            false => hub.remove("config.json"),
        }
        let _ = std::fs::remove_dir_all(cache.path());
        let files = fetch(ID, &options, None).unwrap();
        assert_eq!(files.config.read().unwrap(), config);
        assert_eq!(weights(&files), [b"weights"]);
        let snapshot = Path::new(&files.config.name()).parent().unwrap().to_owned();
        assert!(!snapshot.join("model.safetensors").exists());
        // The whole of it is there: nobody is asked again.
        let asked = hub.asked().len();
        fetch(ID, &options, None).unwrap();
        assert_eq!(hub.asked().len(), asked);
    }
}

#[test]
fn berts_pieces_come_where_there_is_no_tokenizer() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    hub.remove("tokenizer.json");
    let (file, why) = reason(fetch(ID, &options, None));
    assert!(file == "tokenizer.json" && matches!(why, HubReason::NoSuchFile));
    hub.put("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n");
    let files = fetch(ID, &options, None).unwrap();
    assert!(files.tokenizer.name().ends_with("vocab.txt"));
}

#[test]
fn malformed_names_and_offline_ask_nobody() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    for id in ["", "clip", "a/b/c", "./model", "a/b@", "a/../b"] {
        let (_, why) = reason(fetch(id, &options, None));
        assert!(matches!(why, HubReason::MalformedId), "{id}");
    }
    let offline = HubOptions {
        offline: true,
        ..options
    };
    let (file, why) = reason(fetch(ID, &offline, None));
    assert_eq!(file, "config.json");
    assert!(matches!(&why, HubReason::Offline { .. }));
    assert!(why.to_string().contains("HF_HUB_OFFLINE"));
    assert!(hub.asked().is_empty());
}

#[test]
fn no_hub_at_the_other_end_is_said() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let at = |endpoint: &str| HubOptions {
        endpoint: endpoint.into(),
        ..options(&hub, cache.path())
    };
    for endpoint in ["http://127.0.0.1:1", "not an address"] {
        let (_, why) = reason(fetch(ID, &at(endpoint), None));
        assert!(matches!(&why, HubReason::Unreachable { .. }));
        assert!(why.to_string().contains("HF_ENDPOINT"));
    }
    let (_, why) = reason(fetch(ID, &at(hub.file_server()), None));
    assert!(matches!(why, HubReason::NoSuchModel { .. }));
    hub.forget_commit();
    let (_, why) = reason(fetch(ID, &at(hub.url()), None));
    assert!(matches!(why, HubReason::Answer { .. }));
}

#[test]
fn a_broken_download_is_never_taken_for_a_file_and_goes_on() {
    for ranges in [true, false] {
        let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
        hub.give_ranges(ranges);
        let whole = hub.bytes("model.safetensors");
        let half = whole.len() as u64 / 2;
        hub.redirect_to(&closing_midway(whole.clone(), half as usize));
        let options = options(&hub, cache.path());
        let (file, why) = reason(fetch(ID, &options, None));
        assert_eq!(file, "model.safetensors");
        assert!(matches!(
            why,
            HubReason::Interrupted { received, expected, .. }
                if received == half && expected == whole.len() as u64
        ));
        let offline = HubOptions {
            offline: true,
            ..options.clone()
        };
        assert!(fetch(ID, &offline, None).is_err());

        hub.redirect_to(hub.file_server());
        let mut told = Told::default();
        let files = fetch(ID, &options, Some(&mut told)).unwrap();
        assert_eq!(weights(&files), [whole]);
        let done = if ranges { half } else { 0 };
        assert_eq!(told.files, [("model.safetensors".into(), done)]);
        let elsewhere = hub.asked_of_file_server();
        assert!(elsewhere.iter().any(|asked| asked.range == half));
    }
}

#[test]
fn a_download_that_is_told_to_stop_goes_on_at_the_next_call() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let stop = m2ib::Stop::new();
    stop.stop();
    let stopped = m2ib::Scope::new().with_stop(&stop);
    let (file, found) = reason(stopped.run(|| fetch(ID, &options, None)));
    assert_eq!(file, "config.json");
    let HubReason::Interrupted {
        received: 0,
        detail,
        ..
    } = found
    else {
        panic!("{found:?}");
    };
    assert_eq!(detail, "stopped before it was done");
    assert!(fetch(ID, &options, None).is_ok());
}

#[test]
fn what_says_the_padding_token_is_downloaded_where_it_is_there() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let about = br#"{"pad_token": "!"}"#;
    hub.put("tokenizer_config.json", about);
    let files = fetch(ID, &options(&hub, cache.path()), None).unwrap();
    let beside = Path::new(&files.tokenizer.name()).with_file_name("tokenizer_config.json");
    assert_eq!(std::fs::read(beside).unwrap(), about);
}

/// Statistics come along where there are some, and are asked for by nobody afterwards.
#[test]
fn statistics_come_with_a_model_that_has_some() {
    const STATISTICS: &str = "calibration.safetensors";
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let beside = |files: &ModelFiles| files.folder().unwrap().join(STATISTICS);
    assert!(!beside(&fetch(ID, &options, None).unwrap()).exists());

    // More than can be read is named before it comes.
    std::fs::remove_dir_all(cache.path()).unwrap();
    hub.put(STATISTICS, b"means and variances");
    hub.state_length(STATISTICS, 1 << 40);
    let (file, why) = reason(fetch(ID, &options, None));
    assert_eq!(file, STATISTICS);
    assert!(why.to_string().contains("at most 268435456"), "{why}");

    hub.state_length(STATISTICS, 19);
    let files = fetch(ID, &options, None).unwrap();
    assert_eq!(
        std::fs::read(beside(&files)).unwrap(),
        hub.bytes(STATISTICS)
    );
    assert_eq!(weights(&files), [hub.bytes("model.safetensors")]);
    let asked = hub.asked().len();
    let offline = HubOptions {
        offline: true,
        ..options
    };
    assert!(beside(&fetch(ID, &offline, None).unwrap()).is_file());
    assert_eq!(hub.asked().len(), asked);
}

#[test]
fn nothing_is_read_beyond_what_is_announced() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    hub.redirect_to(&sending_on_and_on());
    let (file, why) = reason(fetch(ID, &options, None));
    assert_eq!(file, "model.safetensors");
    let length = hub.bytes("model.safetensors").len() as u64;
    assert!(
        matches!(why, HubReason::Interrupted { received, expected, .. }
            if received == length + 1 && expected == length),
        "{why}"
    );
    assert!(
        why.to_string().contains("more than there should be"),
        "{why}"
    );
}

#[test]
fn what_is_too_long_to_be_read_later_is_not_downloaded() {
    for file in ["tokenizer.json", "config.json"] {
        let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
        hub.state_length(file, 1 << 40);
        let (found, why) = reason(fetch(ID, &options(&hub, cache.path()), None));
        assert_eq!(found, file);
        let text = why.to_string();
        assert!(
            text.contains("1099511627776 bytes, at most 268435456"),
            "{text}"
        );
    }
}

#[test]
fn leftovers_of_every_length_end_in_the_right_bytes() {
    let whole = Hub::new().bytes("model.safetensors");
    let longer = [whole.as_slice(), b"more"].concat();
    for leftover in [&whole[..0], &whole[..1], &whole, &longer] {
        let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
        let blobs = cache.path().join("models--tiny--clip/blobs");
        std::fs::create_dir_all(&blobs).unwrap();
        let part = blobs.join(site::etag("model.safetensors") + ".part");
        std::fs::write(part, leftover).unwrap();
        let files = fetch(ID, &options(&hub, cache.path()), None).unwrap();
        assert_eq!(weights(&files)[0], whole, "{}", leftover.len());
    }
}

#[test]
fn two_at_once_get_one_model() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let results = std::thread::scope(|scope| {
        let one = || fetch(ID, &options, None).map(|files| weights(&files));
        [scope.spawn(one), scope.spawn(one)].map(|thread| thread.join().unwrap())
    });
    for result in results {
        assert_eq!(result.unwrap(), [hub.bytes("model.safetensors")]);
    }
}

#[test]
fn what_is_not_the_file_that_the_hub_names_is_thrown_away() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let whole = hub.bytes("model.safetensors");
    hub.state_sum("model.safetensors");
    let mut damaged = whole.clone();
    damaged[150_000] ^= 1;
    hub.put("model.safetensors", &damaged);
    let (file, why) = reason(fetch(ID, &options, None));
    assert_eq!(file, "model.safetensors");
    assert!(matches!(why, HubReason::Damaged { .. }), "{why}");
    hub.put("model.safetensors", &whole);
    assert_eq!(weights(&fetch(ID, &options, None).unwrap()), [whole]);
}

#[test]
fn a_processor_of_transformers_5_is_found_where_there_is_no_other() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    hub.remove("preprocessor_config.json");
    hub.put(
        "processor_config.json",
        br#"{"image_processor": {"size": 3}}"#,
    );
    let options = options(&hub, cache.path());
    let files = fetch(ID, &options, None).unwrap();
    let read = files.preprocessor.read().unwrap();
    assert_eq!(read, hub.bytes("processor_config.json"));
    let asked = hub.asked().len();
    assert!(fetch(ID, &options, None).is_ok());
    assert_eq!(hub.asked().len(), asked);
}

/// An adapter in a folder, of a model that has an id.
#[test]
fn an_adapters_base_is_fetched_by_its_id_and_offline_is_told_by_name() {
    let (hub, cache) = (Hub::new(), tempfile::tempdir().unwrap());
    let adapter = tempfile::tempdir().unwrap();
    let place = adapter.path();
    let config = format!(r#"{{"peft_type": "LORA", "base_model_name_or_path": "{ID}"}}"#);
    std::fs::write(place.join("adapter_config.json"), config).unwrap();
    std::fs::write(place.join("adapter_model.safetensors"), "changes").unwrap();
    let online = options(&hub, cache.path());
    let offline = HubOptions {
        offline: true,
        ..options(&hub, cache.path())
    };
    let (file, why) = reason(hub::in_folder(place, &offline, None));
    assert_eq!(file, "config.json");
    assert!(why.to_string().contains("HF_HUB_OFFLINE is set"), "{why}");
    let error = hub::in_folder(place, &offline, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains(ID), "{error}");

    let files = hub::in_folder(place, &online, None).unwrap();
    assert_eq!(weights(&files), [hub.bytes("model.safetensors")]);
    let names: Vec<String> = files
        .all()
        .iter()
        .map(m2ib::clip_input::Content::name)
        .collect();
    assert!(
        names
            .iter()
            .any(|name| name.ends_with("adapter_model.safetensors"))
    );
    // What is in the cache now takes no request.
    assert!(hub::in_folder(place, &offline, None).is_ok());

    // A base that is no id stays a folder that is not there.
    let config = r#"{"peft_type": "LORA", "base_model_name_or_path": "/nowhere/at/all"}"#;
    std::fs::write(place.join("adapter_config.json"), config).unwrap();
    let error = hub::in_folder(place, &online, None).unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}
