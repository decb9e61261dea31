//! Every reader against thousands of files that are a little wrong.
//!
//! A reader has 3,000 cases, or a second and a half; `M2IB_FUZZ_SECONDS` gives it more, and `M2IB_FUZZ_SEED` other
//! mutations. What breaks a reader is written to the system's folder for temporary files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    clippy::print_stdout,
    reason = "how many cases there were is for who looks"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use m2ib_files::caught;
use m2ib_tests::mutation::{mend_png, mutate};
use m2ib_tests::readers::{READERS, check, records};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rstest::rstest;

/// Nothing that is this small should take longer.
const LONGEST: Duration = Duration::from_secs(10);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The files of a reader's corpus; those that are elsewhere in the repository are not there twice.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let elsewhere = match name {
        "tokenizer" => Some("crates/m2ib-emoji/model/tokenizer.json"),
        "vocabulary" => Some("tests/data/byte_pairs/vocab.json"),
        "merges" => Some("tests/data/byte_pairs/merges.txt"),
        "siglip-config" => Some("tests/data/families/siglip/model/config.json"),
        "naflex-config" => Some("tests/data/families/siglip2-naflex/model/config.json"),
        "naflex-preprocessor" => {
            Some("tests/data/families/siglip2-naflex/model/preprocessor_config.json")
        }
        "open-clip-config" => {
            Some("tests/data/families/openclip-bert-mean/model/open_clip_config.json")
        }
        "bert-config" => Some(
            "tests/data/families/openclip-bert-mean/model/microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract/config.json",
        ),
        "adapter-config" => Some("tests/data/families/clip-lora/adapter/adapter_config.json"),
        "adapter" => Some("tests/data/families/clip-lora/adapter/adapter_model.safetensors"),
        "pickle" => Some("tests/data/containers/plain.pt"),
        "calibration-safetensors" => Some("crates/m2ib-emoji/model/calibration.safetensors"),
        _ => None,
    };
    if let Some(path) = elsewhere {
        return vec![std::fs::read(root.join(path)).unwrap()];
    }
    match name {
        "journal" => return vec![journal()],
        "image-record" | "text-record" => {
            let [image, text] = records().unwrap();
            return vec![if name == "image-record" { image } else { text }];
        }
        _ => {}
    }
    let folder = root.join("fuzz/corpus").join(name);
    let files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
        .into_iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// As a run writes it, of whatever format that is now.
fn journal() -> Vec<u8> {
    use m2ib_eval::comparison::Finding;
    use m2ib_eval::journal::{Journal, Outcome};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::<Finding>::open(&path, &"a run").unwrap();
    for row in ["one", "two"] {
        let outcome = Outcome::Result(Finding::default());
        journal.append(row, "saliency", outcome).unwrap();
    }
    drop(journal);
    std::fs::read(path).unwrap()
}

#[rstest]
#[case("config")]
#[case("preprocessor")]
#[case("tokenizer")]
#[case("tokenizer-config")]
#[case("vocabulary")]
#[case("merges")]
#[case("pieces")]
#[case("siglip-config")]
#[case("naflex-config")]
#[case("naflex-preprocessor")]
#[case("open-clip-config")]
#[case("bert-config")]
#[case("adapter-config")]
#[case("adapter")]
#[case("pickle")]
#[case("safetensors")]
#[case("index")]
#[case("calibration-json")]
#[case("calibration-safetensors")]
#[case("settings")]
#[case("journal")]
#[case("journal-entry")]
#[case("image-record")]
#[case("text-record")]
#[case("image")]
#[case("captions")]
#[case("tsv")]
#[case("csv")]
#[case("json-lines")]
#[case("parquet")]
#[case("web-dataset")]
#[case("results")]
#[case("run-manifest")]
#[case("coco-captions")]
#[case("karpathy")]
#[case("flickr-results")]
#[case("flickr-token")]
#[case("ref-coco")]
#[case("ref-coco-instances")]
#[case("ms-cxr")]
fn a_reader_takes_or_refuses_whatever_it_is_given(#[case] name: &str) {
    let files = corpus(name);
    for file in &files {
        check(name, file);
    }
    // As many on every machine that is not slow; longer runs are for by hand.
    let (most, milliseconds) = match number("M2IB_FUZZ_SECONDS") {
        Some(seconds) => (u64::MAX, seconds * 1000),
        None => (3000, 1500),
    };
    let end = Instant::now() + Duration::from_millis(milliseconds);
    let mut rng = ChaCha8Rng::seed_from_u64(number("M2IB_FUZZ_SEED").unwrap_or_default());
    let mut cases = 0;
    while Instant::now() < end && cases < most {
        let [file, other] = [0; 2].map(|_| &files[rng.random_range(0..files.len())]);
        let mut bytes = mutate(file, other, &mut rng);
        if rng.random() {
            bytes = mend_png(bytes);
        }
        let start = Instant::now();
        let result = caught(|| check(name, &bytes));
        let took = start.elapsed();
        cases += 1;
        let reason = match result {
            Err(reason) => reason,
            Ok(()) if took > LONGEST => format!("it took {took:?}"),
            Ok(()) => continue,
        };
        let kept = std::env::temp_dir().join(format!("m2ib-mutated-{name}"));
        std::fs::write(&kept, &bytes).unwrap();
        panic!("case {cases}, {}: {reason}", kept.display());
    }
    println!("{name}: {cases} cases");
    assert!(cases > 20, "only {cases} cases: a reader is slow");
}

#[test]
fn every_reader_is_tried() {
    let own =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutations.rs"));
    let own = own.unwrap();
    for (name, _) in READERS {
        assert!(own.contains(&format!("#[case(\"{name}\")]")), "{name}");
    }
}
